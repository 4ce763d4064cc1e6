package gpu

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/frameport/frameport/internal/dl"
)

// stub builds a driver into a new folder: the libraries named, with these macros.
func stub(t *testing.T, libraries []string, defines ...string) LibraryConfig {
	t.Helper()
	flags, err := exec.Command("pkg-config", "--cflags", "ffnvcodec").Output()
	if err != nil {
		t.Fatalf("pkg-config ffnvcodec: %v", err)
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	dir := t.TempDir()
	for _, library := range libraries {
		which := map[string]string{cudaLibrary: "-DSTUB_CUDA", cuvidLibrary: "-DSTUB_CUVID"}[library]
		args := []string{"-shared", "-fPIC", "-Iinclude", which, "-o", filepath.Join(dir, library), "testdata/stub/functions.c", "testdata/stub/driver.c"}
		args = append(args, strings.Fields(string(flags))...)
		for _, d := range defines {
			args = append(args, "-D"+d)
		}
		if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return LibraryConfig{Path: dir}
}

func both() []string { return []string{cudaLibrary, cuvidLibrary} }

// wantRefusal checks the kind, and that the message tells what to do.
func wantRefusal(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

func TestOpenRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		defines []string
		kind    error
		parts   []string
	}{
		{"stub library", []string{"INIT_CODE=34"}, ErrNoDriver, []string{"cuInit", "STUB_LIBRARY (34)", "stubs folder out of LD_LIBRARY_PATH"}},
		{"driver updated", []string{"INIT_CODE=803"}, ErrNoDriver, []string{"MISMATCH (803)", "different versions", "restart"}},
		{"cuda-compat", []string{"INIT_CODE=804"}, ErrNoDriver, []string{"(804)", "cuda-compat"}},
		{"fabric manager", []string{"INIT_CODE=802"}, ErrNoDriver, []string{"(802)", "fabricmanager"}},
		{"no device", []string{"INIT_CODE=100"}, ErrNoDevice, []string{"(100)", "CUDA_VISIBLE_DEVICES", "--gpus all"}},
		{"count of zero", []string{"DEVICES=0"}, ErrNoDevice, []string{"CUDA_VISIBLE_DEVICES"}},
		{"no device node", []string{"INIT_CODE=999"}, ErrNoDriver, []string{"(999)", "/dev/nvidia-uvm"}},
		{"any other", []string{"INIT_CODE=304"}, ErrNoDriver, []string{"(304)", "nvidia-smi"}},
		{"old driver", []string{"cuLaunchKernel=cuLaunchKernelOfOld"}, ErrNoDriver, []string{"has no cuLaunchKernel", "version 470"}},
		{"old video library", []string{"cuvidMapVideoFrame64=cuvidMapVideoFrameOfOld"}, ErrUnsupported, []string{"libnvcuvid.so.1 has no cuvidMapVideoFrame64"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The macro that renames a function must not rename the table's member.
			_, err := Open(stub(t, both(), c.defines...))
			wantRefusal(t, err, c.kind, c.parts...)
		})
	}
}

func TestOpenWithoutDriver(t *testing.T) {
	_, err := loadLibrary("libfp-no-driver.so.1", []string{t.TempDir()}, ErrNoDriver, noDriverReason)
	wantRefusal(t, err, ErrNoDriver, "no NVIDIA driver on this machine", "compute,video,utility", "No such file")
	if !errors.Is(err, dl.ErrNotFound) {
		t.Errorf("the cause is lost: %v", err)
	}
}

// A container without the capability "video" has libcuda and no libnvcuvid.
func TestOpenWithoutVideoCapability(t *testing.T) {
	if _, err := dl.Open([]string{cuvidLibrary}, nil); err == nil {
		t.Skip("this machine has a driver of its own, which would be found")
	}
	_, err := Open(stub(t, []string{cudaLibrary}))
	wantRefusal(t, err, ErrUnsupported, "without its video decoder", "NVIDIA_DRIVER_CAPABILITIES=compute,video,utility", cuvidLibrary)
}

func TestOpenBrokenLibrary(t *testing.T) {
	if _, err := dl.Open([]string{cudaLibrary}, nil); err == nil {
		t.Skip("this machine has a driver of its own, which would be found")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, cudaLibrary), []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(LibraryConfig{Path: dir})
	wantRefusal(t, err, ErrNoDriver, "cannot be used", "file too short")
}

func TestBroken(t *testing.T) {
	for reason, want := range map[string]bool{
		"cannot open shared object file: No such file or directory":               false,
		"libz.so.1: cannot open shared object file: No such file or directory":    true,
		"wrong ELF class: ELFCLASS32":                                             true,
		"file too short":                                                          true,
		"version `GLIBC_2.99' not found (required by /usr/lib/libcuda.so.1)":      true,
		"cannot open shared object file: Permission denied":                       true,
		"failed to map segment from shared object: Operation not permitted":       true,
		"undefined symbol: cuGetExportTable":                                      true,
		"cannot allocate memory in static TLS block":                              true,
		"libnvidia-ptxjitcompiler.so.1: cannot open shared object file: No error": true,
	} {
		if got := broken(&dl.OpenError{Attempts: []dl.Attempt{{Path: "x", Reason: reason}}}); got != want {
			t.Errorf("%q: %v", reason, got)
		}
	}
}

func TestOpenDeviceRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		defines []string
		kind    error
		parts   []string
	}{
		{"exclusive", []string{"RETAIN_CODE=46", "COMPUTE_MODE=3"}, ErrNoDevice, []string{"(46)", "EXCLUSIVE_PROCESS and another process has it"}},
		{"prohibited", []string{"RETAIN_CODE=46", "COMPUTE_MODE=2"}, ErrNoDevice, []string{"PROHIBITED"}},
		{"busy", []string{"RETAIN_CODE=46"}, ErrNoDevice, []string{"busy or unavailable"}},
		{"no memory for a context", []string{"RETAIN_CODE=2"}, ErrOutOfMemory, []string{"cuDevicePrimaryCtxRetain on Stub (0, GPU-"}},
		{"slice without decoder", nil, ErrUnsupported, []string{"no video decoder (NVDEC)", "MIG"}},
		{"no decoding at all", []string{"CAPS_CODE=801"}, ErrUnsupported, []string{"no video decoder (NVDEC)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Open(stub(t, both(), c.defines...))
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.OpenDevice("", DeviceConfig{})
			wantRefusal(t, err, c.kind, c.parts...)
			// Nothing is left open.
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDriverDescribesDevices(t *testing.T) {
	cfg := stub(t, both(), "DEVICES=2", "ENGINES=7")
	d, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := DeviceInfo{
		Ordinal: 1, UUID: "GPU-65656565-6565-6565-6565-656565656565", Name: "Stub", PCIBusID: "0000:0a:00.0",
		ComputeCapability: ComputeCapability{9, 0}, TotalMemory: 8 << 30, DriverVersion: "12.8",
	}
	devices := d.Devices()
	if len(devices) != 2 || devices[1] != want {
		t.Errorf("got %+v", devices)
	}
	paths := d.LibraryPaths()
	for _, name := range both() {
		if paths[name] != filepath.Join(cfg.Path, name) {
			t.Errorf("%s is %s", name, paths[name])
		}
	}
	dev, err := d.OpenDevice(want.UUID, DeviceConfig{CallsPerEngine: 3, ProcessMemory: func(DeviceInfo) (int64, bool) { return 300 << 20, true }})
	if err != nil {
		t.Fatal(err)
	}
	if dev.Engines() != 7 || dev.Gate().Stats().Capacity != 21 || dev.SleepsWaiting() || dev.Context() == nil {
		t.Errorf("%d engines, gate %+v, sleeps %v", dev.Engines(), dev.Gate().Stats(), dev.SleepsWaiting())
	}
	if u := dev.Ledger().Snapshot().ByPurpose[PurposeContext]; u.Bytes != 300<<20 {
		t.Errorf("context is booked as %+v", u)
	}
	if _, err := d.OpenDevice("1", DeviceConfig{}); err == nil {
		t.Error("the device was opened twice")
	}
	if err := d.Close(); !errors.Is(err, ErrLeak) {
		t.Errorf("driver closed below a device: %v", err)
	}
	for range 2 {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := dev.NewStream(Use{}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed device: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.OpenDevice("", DeviceConfig{}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed driver: %v", err)
	}
}

func TestEnginesUnknown(t *testing.T) {
	for _, defines := range [][]string{
		{"ENGINES=-1"}, // an old driver says yes and no number
		{"cuvidGetDecoderCaps=cuvidGetDecoderCapsOfOld"}, // an older one has no such function
	} {
		d, err := Open(stub(t, both(), defines...))
		if err != nil {
			t.Fatal(err)
		}
		dev, err := d.OpenDevice("0", DeviceConfig{})
		if err != nil {
			t.Fatalf("%v: %v", defines, err)
		}
		if dev.Engines() != 1 {
			t.Errorf("%v: %d engines", defines, dev.Engines())
		}
		if err := errors.Join(dev.Close(), d.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestLibraryConfigDirs(t *testing.T) {
	got := LibraryConfig{Path: "/a" + string(os.PathListSeparator) + string(os.PathListSeparator) + "b"}.Dirs()
	if !slices.Equal(got, []string{"/a", "b"}) {
		t.Errorf("got %q", got)
	}
	if got := (LibraryConfig{}).Dirs(); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
