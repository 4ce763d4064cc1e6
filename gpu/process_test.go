package gpu_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// hashPTX is enough for the simulator, which knows the kernel by its name.
const hashPTX = ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry fp_hash64(\n"

// hashParams is fp_hash64_params of gpu/kernels/params.h.
type hashParams struct {
	luma, chroma                          uint64
	lumaPitch, chromaPitch, width, height int32
	depth, _                              int32
	out                                   uint64
}

func TestModule(t *testing.T) {
	k := newKit(t)
	k.sim.NeedsSimulator()
	module, err := k.device.LoadModule([]byte(hashPTX), use(gpu.PurposeModule, ""))
	if err != nil {
		t.Fatal(err)
	}
	if u := k.device.Ledger().Snapshot().ByPurpose[gpu.PurposeModule]; u.Objects != 1 || u.Bytes <= 0 {
		t.Errorf("the module is booked as %+v", u)
	}
	if _, err := module.Function("fp_none"); err == nil || !strings.Contains(err.Error(), "fp_none") {
		t.Errorf("got %v", err)
	}
	hash, err := module.Function("fp_hash64")
	if err != nil {
		t.Fatal(err)
	}
	sum := func(value byte) uint64 {
		m, p := k.memory(t, 8192), k.pinned(t, 8)
		out := m.Address() + 4096
		params := hashParams{luma: uint64(m.Address()), chroma: uint64(m.Address()) + 1024, lumaPitch: 64, chromaPitch: 64, width: 64, height: 16, depth: 8, out: uint64(out)}
		for _, err := range []error{
			k.device.Memset2D(k.stream, gpu.DevicePlane{Address: m.Address(), Pitch: 4096}, value, 4096, 1),
			k.device.Memset2D(k.stream, gpu.DevicePlane{Address: out, Pitch: 8}, 0, 8, 1),
			hash.Launch(k.stream, [3]uint32{1, 1, 1}, [3]uint32{8, 1, 1}, unsafe.Pointer(&params)),
			k.device.CopyToHost2D(k.stream, gpu.HostPlane{Memory: p, Pitch: 8}, gpu.DevicePlane{Address: out, Pitch: 8}, 8, 1),
			k.stream.Synchronize(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return *(*uint64)(unsafe.Pointer(&p.Bytes()[0]))
	}
	if a, b := sum(1), sum(2); a == b || a != sum(1) {
		t.Errorf("hashes %#x and %#x", a, b)
	}
	for range 2 {
		if err := module.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := hash.Launch(k.stream, [3]uint32{1, 1, 1}, [3]uint32{1, 1, 1}, nil); !errors.Is(err, gpu.ErrClosed) {
		t.Errorf("a kernel of a closed module: %v", err)
	}
}

func TestModuleRefused(t *testing.T) {
	k := newKit(t)
	before := k.device.Ledger().Total()
	for name, c := range map[string]struct{ ptx, want string }{
		"no code":    {"hello", "ptx"},
		"newer code": {".version 99.0\n.target sm_75\n.address_size 64\n", "99.0"},
	} {
		_, err := k.device.LoadModule([]byte(c.ptx), use(gpu.PurposeModule, ""))
		if !errors.Is(err, gpu.ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := k.device.Ledger().Total(); after != before {
		t.Errorf("the ledger changed from %+v to %+v", before, after)
	}
}

// Kernels are launched for every picture: queueing one allocates nothing.
func TestLaunchDoesNotAllocate(t *testing.T) {
	k := newKit(t)
	k.sim.NeedsSimulator()
	module, err := k.device.LoadModule([]byte(hashPTX), use(gpu.PurposeModule, ""))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, module)
	hash, err := module.Function("fp_hash64")
	if err != nil {
		t.Fatal(err)
	}
	m := k.memory(t, 8192)
	n := testing.AllocsPerRun(50, func() {
		params := hashParams{luma: uint64(m.Address()), chroma: uint64(m.Address()), lumaPitch: 64, chromaPitch: 64, width: 64, height: 16, depth: 8, out: uint64(m.Address()) + 4096}
		if err := hash.Launch(k.stream, [3]uint32{1, 1, 1}, [3]uint32{8, 1, 1}, unsafe.Pointer(&params)); err != nil {
			t.Error(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations per launch", n)
	}
	if err := k.stream.Synchronize(); err != nil {
		t.Error(err)
	}
}

// child runs this test binary again in another role.
func child(t *testing.T, role string, env ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "FRAMEPORT_TEST_ROLE="+role, gputest.PathVariable+"="+gputest.LibraryPath(t))...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", role, err)
	}
	return string(out)
}

// A broken context is noted once, wherever it shows first, and reported for good.
func TestStickyErrorLosesTheDevice(t *testing.T) {
	gputest.Open(t).NeedsSimulator()
	for _, code := range []int{700, 702, 719, 214} {
		out := child(t, "sticky", fmt.Sprintf("FRAMEPORT_GPUSIM_FAIL=cuStreamSynchronize:2:%d", code))
		if !strings.Contains(out, fmt.Sprintf("lost: (%d)", code)) {
			t.Errorf("%d: %s", code, out)
		}
	}
}

func TestIPCBetweenProcesses(t *testing.T) {
	k := newKit(t)
	m, p := k.memory(t, gpu.Granularity), k.pinned(t, 16)
	handle, err := m.IPCHandle()
	if err != nil {
		t.Fatal(err)
	}
	copy(p.Bytes(), "frames to sh....")
	if err := errors.Join(
		k.device.CopyFromHost2D(k.stream, gpu.DevicePlane{Address: m.Address() + 100, Pitch: 16}, gpu.HostPlane{Memory: p, Pitch: 16}, 16, 1),
		k.device.SetWord(k.stream, m.Address()+112, 0x21657261), // "are!"
		k.stream.Synchronize(),
	); err != nil {
		t.Fatal(err)
	}
	out := child(t, "import", "FRAMEPORT_TEST_HANDLE="+hex.EncodeToString(handle[:]))
	if want := fmt.Sprintf("%d bytes: frames to share!", int64(gpu.Granularity)); !strings.Contains(out, want) {
		t.Errorf("%q is not in: %s", want, out)
	}
}

// play is what the other process does.
func play(role string) int {
	err := errors.New("unknown role")
	switch role {
	case "sticky":
		err = playSticky()
	case "import":
		err = playImport()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func playSticky() error {
	driver, err := gpu.Open(gpu.LibraryConfig{Path: os.Getenv(gputest.PathVariable)})
	if err != nil {
		return err
	}
	d, err := driver.OpenDevice("", gpu.DeviceConfig{})
	if err != nil {
		return err
	}
	s, err := d.NewStream(gpu.Use{})
	if err != nil {
		return err
	}
	if err := errors.Join(s.Synchronize(), d.Health()); err != nil {
		return err
	}
	select {
	case <-d.Lost():
		return errors.New("lost before anything went wrong")
	default:
	}
	first := s.Synchronize()
	select {
	case <-d.Lost():
	default:
		return fmt.Errorf("the device is not lost after: %w", first)
	}
	_, _, second := d.MemInfo()
	health := d.Health()
	for _, err := range []error{first, second, health} {
		if !errors.Is(err, gpu.ErrDeviceLost) {
			return fmt.Errorf("not lost: %w", err)
		}
	}
	var e *gpu.Error
	if !errors.As(health, &e) || e.Op != "cuStreamSynchronize" {
		return fmt.Errorf("health is not the first error: %w", health)
	}
	fmt.Printf("lost: (%d)\n", e.Code)
	return nil
}

func playImport() error {
	var handle [64]byte
	if _, err := hex.Decode(handle[:], []byte(os.Getenv("FRAMEPORT_TEST_HANDLE"))); err != nil {
		return err
	}
	driver, err := gpu.Open(gpu.LibraryConfig{Path: os.Getenv(gputest.PathVariable)})
	if err != nil {
		return err
	}
	d, err := driver.OpenDevice("", gpu.DeviceConfig{})
	if err != nil {
		return err
	}
	imported, err := d.OpenIPC(handle)
	if err != nil {
		return err
	}
	s, err := d.NewStream(gpu.Use{})
	if err != nil {
		return err
	}
	p, err := d.AllocPinned(16, gpu.Use{})
	if err != nil {
		return err
	}
	err = errors.Join(
		d.CopyToHost2D(s, gpu.HostPlane{Memory: p, Pitch: 16}, gpu.DevicePlane{Address: imported.Address() + 100, Pitch: 16}, 16, 1),
		s.Synchronize(),
	)
	fmt.Printf("%d bytes: %s\n", imported.Size(), p.Bytes())
	return errors.Join(err, imported.Close(), imported.Close(), p.Close(), s.Close(), d.Close(), driver.Close())
}
