package gpu_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// closing closes at the end of the test, in reverse order.
func closing(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func use(p gpu.Purpose, owner string) gpu.Use { return gpu.Use{Purpose: p, Owner: owner} }

// kit is what most tests need.
type kit struct {
	sim    *gputest.Sim
	device *gpu.Device
	stream *gpu.Stream
}

func newKit(t *testing.T) kit {
	t.Helper()
	sim := gputest.Open(t)
	k := kit{sim: sim, device: sim.Device(gpu.DeviceConfig{Reserve: -1})}
	var err error
	if k.stream, err = k.device.NewStream(use(gpu.PurposeOther, "")); err != nil {
		t.Fatal(err)
	}
	closing(t, k.stream)
	return k
}

func (k kit) memory(t *testing.T, bytes int64) *gpu.Memory {
	t.Helper()
	m, err := k.device.Alloc(bytes, use(gpu.PurposeRing, "camera"))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, m)
	return m
}

func (k kit) pinned(t *testing.T, bytes int) *gpu.Pinned {
	t.Helper()
	p, err := k.device.AllocPinned(bytes, use(gpu.PurposeOther, "camera"))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, p)
	return p
}

func TestDeviceByOrdinalAndUUID(t *testing.T) {
	sim := gputest.Open(t)
	info := sim.Driver.Devices()[0]
	if !strings.HasPrefix(info.UUID, "GPU-") && !strings.HasPrefix(info.UUID, "MIG-") || len(info.UUID) != 40 || info.TotalMemory <= 0 || info.Name == "" {
		t.Errorf("got %+v", info)
	}
	for _, selector := range []string{"", "0", info.UUID, strings.ToLower(info.UUID)} {
		d, err := sim.Driver.OpenDevice(selector, gpu.DeviceConfig{})
		if err != nil {
			t.Fatalf("%q: %v", selector, err)
		}
		if d.Info() != info || d.Driver() != sim.Driver || d.Context() == nil || d.Engines() < 1 || !d.SleepsWaiting() {
			t.Errorf("%q: %+v", selector, d.Info())
		}
		free, total, err := d.MemInfo()
		if err != nil || free <= 0 || free > total {
			t.Errorf("%d of %d free: %v", free, total, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := sim.Driver.OpenDevice("GPU-none", gpu.DeviceConfig{}); !errors.Is(err, gpu.ErrNoDevice) {
		t.Errorf("got %v", err)
	}
	if _, err := sim.Driver.OpenDevice("", gpu.DeviceConfig{Budget: -1}); err == nil {
		t.Error("a negative budget was accepted")
	}
}

func TestMemoryIsRoundedAndBooked(t *testing.T) {
	k := newKit(t)
	for asked, want := range map[int64]int64{
		1: 1, 4096: 4096, gpu.Granularity - 1: gpu.Granularity - 1, gpu.Granularity: gpu.Granularity,
		gpu.Granularity + 1: 2 * gpu.Granularity,
	} {
		m, err := k.device.Alloc(asked, use(gpu.PurposeRing, "camera"))
		if err != nil {
			t.Fatal(err)
		}
		if m.Size() != want || m.Address()%256 != 0 {
			t.Errorf("%d bytes became %d at %#x", asked, m.Size(), m.Address())
		}
		if u := k.device.Ledger().Snapshot().Owner("camera"); u != (gpu.Usage{Bytes: want, Objects: 1}) {
			t.Errorf("%d bytes are booked as %+v", asked, u)
		}
		for range 2 {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
		if u := k.device.Ledger().Snapshot().Owner("camera"); u != (gpu.Usage{}) {
			t.Errorf("after closing: %+v", u)
		}
	}
	p, err := k.device.AllocPinned(1000, use(gpu.PurposeJPEG, ""))
	if err != nil {
		t.Fatal(err)
	}
	if u := k.device.Ledger().Snapshot().ByPurpose[gpu.PurposeJPEG]; u != (gpu.Usage{HostBytes: 1000, Objects: 1}) || len(p.Bytes()) != 1000 {
		t.Errorf("pinned memory is booked as %+v", u)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, n := range []int64{0, -1} {
		if _, err := k.device.Alloc(n, gpu.Use{}); err == nil {
			t.Errorf("%d bytes were allocated", n)
		}
	}
}

func TestOutOfMemoryLeavesNothingBehind(t *testing.T) {
	k := newKit(t)
	before := k.device.Ledger().Total()
	_, err := k.device.Alloc(1<<50, use(gpu.PurposeRing, "gate-3"))
	if !errors.Is(err, gpu.ErrOutOfMemory) || !strings.Contains(err.Error(), "ring of gate-3") {
		t.Errorf("got %v", err)
	}
	if after := k.device.Ledger().Total(); after != before {
		t.Errorf("the ledger changed from %+v to %+v", before, after)
	}
	if err := k.device.Health(); err != nil {
		t.Errorf("out of memory is no broken device: %v", err)
	}
}

// Rows of any pitch go to the device, within it and back, and nothing between them
// is touched.
func TestCopies(t *testing.T) {
	k := newKit(t)
	const width, height, pitch = 37, 11, 64
	up, down := k.pinned(t, 4096), k.pinned(t, 4096)
	a, b := k.memory(t, 8192), k.memory(t, 8192)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range up.Bytes() {
		up.Bytes()[i] = byte(r.Uint32())
		down.Bytes()[i] = 0xEE
	}
	plane := func(m *gpu.Memory, offset, pitch int) gpu.DevicePlane {
		return gpu.DevicePlane{Address: m.Address() + gpu.Address(offset), Pitch: pitch}
	}
	d := k.device
	for _, err := range []error{
		d.Memset2D(k.stream, plane(b, 0, 256), 0x11, 256, 32),
		d.CopyFromHost2D(k.stream, plane(a, 512, 100), gpu.HostPlane{Memory: up, Offset: 3, Pitch: 50}, width, height),
		d.CopyDeviceToDevice2D(k.stream, plane(b, 256, 256), plane(a, 512, 100), width, height),
		// One more row and column, to see the border.
		d.CopyToHost2D(k.stream, gpu.HostPlane{Memory: down, Offset: 5, Pitch: pitch}, plane(b, 256, 256), width+1, height+1),
		k.stream.Synchronize(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := bytes.Repeat([]byte{0xEE}, 4096)
	for y := range height + 1 {
		row := want[5+y*pitch:]
		for x := range width + 1 {
			row[x] = 0x11
			if x < width && y < height {
				row[x] = up.Bytes()[3+y*50+x]
			}
		}
	}
	if !bytes.Equal(down.Bytes(), want) {
		t.Error("the bytes that came back differ")
	}
}

func TestCopyRefusesWhatDoesNotFit(t *testing.T) {
	k := newKit(t)
	p, m := k.pinned(t, 1000), k.memory(t, 4096)
	dst := gpu.DevicePlane{Address: m.Address(), Pitch: 100}
	for name, err := range map[string]error{
		"beyond the end":  k.device.CopyToHost2D(k.stream, gpu.HostPlane{Memory: p, Pitch: 100}, dst, 100, 11),
		"one byte beyond": k.device.CopyFromHost2D(k.stream, dst, gpu.HostPlane{Memory: p, Offset: 1, Pitch: 100}, 100, 10),
		"negative offset": k.device.CopyToHost2D(k.stream, gpu.HostPlane{Memory: p, Offset: -1, Pitch: 100}, dst, 1, 1),
		"pitch too small": k.device.CopyDeviceToDevice2D(k.stream, dst, dst, 101, 1),
		"no width":        k.device.Memset2D(k.stream, dst, 0, 0, 1),
		"negative height": k.device.Memset2D(k.stream, dst, 0, 1, -1),
	} {
		if err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
	if err := k.device.CopyToHost2D(k.stream, gpu.HostPlane{Memory: p, Pitch: 100}, dst, 100, 10); err != nil {
		t.Errorf("to the last byte: %v", err)
	}
	if err := k.stream.Synchronize(); err != nil {
		t.Error(err)
	}
}

// Streams run on their own, and events order them: nothing is there before the
// wait, everything after it.
func TestEventsOrderStreams(t *testing.T) {
	k := newKit(t)
	k.sim.NeedsSimulator()
	other, err := k.device.NewStream(use(gpu.PurposeOther, "camera"))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, other)
	ready, err := k.device.NewEvent(use(gpu.PurposeOther, "camera"))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, ready)
	if done, err := ready.Query(); !done || err != nil {
		t.Errorf("an event that was never recorded: %v, %v", done, err)
	}
	m, p := k.memory(t, 4096), k.pinned(t, 4096)
	plane := gpu.DevicePlane{Address: m.Address(), Pitch: 4096}

	k.sim.Stall(true)
	for _, err := range []error{
		k.device.Memset2D(k.stream, plane, 0x42, 4096, 1),
		ready.Record(k.stream),
		other.Wait(ready),
		k.device.CopyToHost2D(other, gpu.HostPlane{Memory: p, Pitch: 4096}, plane, 4096, 1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if done, err := ready.Query(); done || err != nil {
		t.Errorf("while the streams stand still: %v, %v", done, err)
	}
	k.sim.Stall(false)
	if err := ready.Synchronize(); err != nil {
		t.Error(err)
	}
	if done, err := ready.Query(); !done || err != nil {
		t.Errorf("after waiting: %v, %v", done, err)
	}
	if err := other.Synchronize(); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(p.Bytes(), bytes.Repeat([]byte{0x42}, 4096)) {
		t.Error("the second stream did not wait for the first")
	}
}

func TestClosedObjectsRefuse(t *testing.T) {
	k := newKit(t)
	s, err := k.device.NewStream(gpu.Use{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := k.device.NewEvent(gpu.Use{})
	if err != nil {
		t.Fatal(err)
	}
	p, m := k.pinned(t, 16), k.memory(t, 4096)
	for range 2 {
		if err := errors.Join(s.Close(), e.Close(), p.Close(), m.Close()); err != nil {
			t.Fatal(err)
		}
	}
	_, query := e.Query()
	_, handle := m.IPCHandle()
	for name, err := range map[string]error{
		"synchronize": s.Synchronize(), "wait": k.stream.Wait(e), "record": e.Record(k.stream), "query": query,
		"wait for event": e.Synchronize(), "handle": handle,
		"copy": k.device.CopyToHost2D(k.stream, gpu.HostPlane{Memory: p, Pitch: 1}, gpu.DevicePlane{Pitch: 1}, 1, 1),
	} {
		if !errors.Is(err, gpu.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeviceCloseNamesLeaks(t *testing.T) {
	sim := gputest.Open(t)
	d := sim.Device(gpu.DeviceConfig{ProcessMemory: func(gpu.DeviceInfo) (int64, bool) { return 100, true }})
	m, err := d.Alloc(gpu.Granularity, use(gpu.PurposeRing, "gate-3"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.NewStream(use(gpu.PurposeDecoder, "gate-4"))
	if err != nil {
		t.Fatal(err)
	}
	err = d.Close()
	if !errors.Is(err, gpu.ErrLeak) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"ring of gate-3: 1 objects, 2097152 bytes", "decoder of gate-4: 1 objects"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "context") {
		t.Errorf("the context itself is no leak: %v", err)
	}
	// Nothing was released: what is left can still be used and closed.
	if err := errors.Join(s.Synchronize(), s.Close(), m.Close(), d.Close()); err != nil {
		t.Error(err)
	}
}

// Many goroutines on many threads at once: contexts are pushed and popped in pairs
// (the simulator counts), and nothing is left.
func TestConcurrentUse(t *testing.T) {
	k := newKit(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			owner := fmt.Sprintf("camera-%d", i)
			for range 20 {
				s, err := k.device.NewStream(use(gpu.PurposeDecoder, owner))
				if err != nil {
					t.Error(err)
					return
				}
				m, err := k.device.Alloc(1<<16, use(gpu.PurposeRing, owner))
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(
					k.device.Memset2D(s, gpu.DevicePlane{Address: m.Address(), Pitch: 256}, byte(i), 256, 256),
					s.Synchronize(), m.Close(), s.Close(),
				); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if k.sim.Simulated() && k.sim.Live("push") != 0 {
		t.Errorf("%d contexts are still pushed", k.sim.Live("push"))
	}
}

func TestMeasure(t *testing.T) {
	k := newKit(t)
	const hidden = 10 * gpu.Granularity
	free := func() int64 {
		n, _, err := k.device.MemInfo()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	start := free()
	// What create takes behind the ledger's back is simulated by memory of another
	// ledger entry that is booked away.
	var inside *gpu.Memory
	booking, err := k.device.Measure(t.Context(), use(gpu.PurposeDecoder, "gate-3"), 1, func() error {
		var err error
		if inside, err = k.device.Alloc(hidden, use(gpu.PurposeOther, "")); err != nil {
			return err
		}
		k.device.Ledger().Book(use(gpu.PurposeOther, ""), -hidden, 0)
		own, err := k.device.Alloc(gpu.Granularity, use(gpu.PurposeRing, "gate-4"))
		if err == nil {
			closing(t, own)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if booking.Bytes() != hidden || start-free() != hidden+gpu.Granularity {
		t.Errorf("%d bytes were measured, want %d", booking.Bytes(), int64(hidden))
	}
	if u := k.device.Ledger().Snapshot().Owner("gate-3"); u != (gpu.Usage{Bytes: hidden, Objects: 1}) {
		t.Errorf("booked as %+v", u)
	}
	for range 2 {
		if err := booking.Release(func() error {
			k.device.Ledger().Book(use(gpu.PurposeOther, ""), hidden, 0)
			return inside.Close()
		}); err != nil {
			t.Error(err)
		}
	}
	if u := k.device.Ledger().Snapshot().Owner("gate-3"); u != (gpu.Usage{}) {
		t.Errorf("after release: %+v", u)
	}
}

func TestMeasureErrors(t *testing.T) {
	k := newKit(t)
	broken := errors.New("broken")
	if _, err := k.device.Measure(t.Context(), gpu.Use{}, 1, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	// One at a time, and whoever waits can give up.
	if _, err := k.device.Measure(t.Context(), gpu.Use{}, 0, func() error {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(broken)
		_, err := k.device.Measure(ctx, gpu.Use{}, 0, func() error { t.Error("two at a time"); return nil })
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		return broken
	}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestReserveAsksTheDevice(t *testing.T) {
	sim := gputest.Open(t)
	d := sim.Device(gpu.DeviceConfig{Reserve: 1 << 30})
	free, _, err := d.MemInfo()
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Admission().Reserve(free-1<<30+1, "gate-3")
	var refused *gpu.AdmissionError
	if !errors.As(err, &refused) || refused.Free != free || refused.Reserve != 1<<30 {
		t.Errorf("got %v", err)
	}
	r, err := d.Admission().Reserve(64<<20, "gate-3")
	if err != nil {
		t.Fatal(err)
	}
	closing(t, r)
}

func TestIPC(t *testing.T) {
	k := newKit(t)
	small, large := k.memory(t, 4096), k.memory(t, gpu.Granularity)
	if _, err := small.IPCHandle(); !errors.Is(err, gpu.ErrUnsupported) {
		t.Errorf("memory that shares its unit: %v", err)
	}
	for code, want := range map[int]error{801: gpu.ErrUnsupported, 1: gpu.ErrUnsupported, 2: gpu.ErrOutOfMemory} {
		if k.sim.Fail(fmt.Sprintf("cuIpcGetMemHandle:1:%d", code)); !k.sim.Simulated() {
			break
		}
		if _, err := large.IPCHandle(); !errors.Is(err, want) || want == gpu.ErrUnsupported && !strings.Contains(err.Error(), "no other process") {
			t.Errorf("the driver says %d: %v, want %v", code, err, want)
		}
	}
	handle, err := large.IPCHandle()
	if err != nil {
		t.Fatal(err)
	}
	if handle == [64]byte{} {
		t.Error("the handle is empty")
	}
	_, err = k.device.OpenIPC(handle)
	if err == nil || !strings.Contains(err.Error(), "this process's own") {
		t.Errorf("a handle of this process: %v", err)
	}
	k.sim.Violations() // asked for
}

// TestMain lets the test binary be the other process of a test.
func TestMain(m *testing.M) {
	if role := os.Getenv("FRAMEPORT_TEST_ROLE"); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}
