package nvjpeg_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/nvjpeg"
)

// TestStartFails: whatever does not work at the start makes nvJPEG unavailable, says
// what it was, and leaves nothing behind (the device's Close looks).
func TestStartFails(t *testing.T) {
	for _, test := range []struct {
		fault string
		is    error
		text  string
	}{
		{"nvjpegCreateSimple:1:7", nvjpeg.ErrUnavailable, "architecture mismatch"},
		{"nvjpegEncoderStateCreate:2:5", gpu.ErrOutOfMemory, "nvjpegEncoderStateCreate"},
		{"nvjpegEncoderParamsCreate:1:1", nvjpeg.ErrUnavailable, "not initialized"},
		{"nvjpegEncodeYUV:2:6", nvjpeg.ErrUnavailable, "execution failed"},
		{"nvjpegEncodeRetrieveBitstream:1:6", nvjpeg.ErrUnavailable, "RetrieveBitstream"},
		{"cuStreamCreate:2:2", gpu.ErrOutOfMemory, "cuStreamCreate"},
		{"cuMemHostAlloc:1:2", gpu.ErrOutOfMemory, "cuMemHostAlloc"},
		{"cuMemAlloc:1:2", gpu.ErrOutOfMemory, "cuMemAlloc"},
	} {
		t.Run(test.fault, func(t *testing.T) {
			sim := gputest.Open(t)
			sim.NeedsSimulator()
			dev := sim.Device(gpu.DeviceConfig{})
			sim.Fail(test.fault)
			e, err := nvjpeg.New(t.Context(), config(t, dev))
			if err == nil {
				e.Close()
				t.Fatal("it works")
			}
			if !errors.Is(err, test.is) || !errors.Is(err, nvjpeg.ErrUnavailable) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestEncodeFails: a picture that fails is an error of its own, and the next one works.
func TestEncodeFails(t *testing.T) {
	for _, test := range []struct {
		fault string
		is    error
	}{
		{"nvjpegEncodeYUV:1:6", nil},
		{"nvjpegEncodeYUV:1:5", gpu.ErrOutOfMemory},
		{"nvjpegEncodeYUV:1:9", gpu.ErrUnsupported},
		{"nvjpegEncoderParamsSetQuality:1:2", nil},
		{"nvjpegEncodeRetrieveBitstream:1:6", nil},
		{"nvjpegEncodeRetrieveBitstream:2:6", nil},
		{"cuStreamWaitEvent:1:400", nil},
		{"cuStreamSynchronize:1:999", nil},
	} {
		t.Run(test.fault, func(t *testing.T) {
			sim := gputest.Open(t)
			sim.NeedsSimulator()
			dev := sim.Device(gpu.DeviceConfig{})
			e := open(t, config(t, dev))
			f := picture(64, 64)
			defer f.Release()
			in := upload(t, dev, f)
			defer in.Release()
			sim.Fail(test.fault)
			out, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 80}, []byte("x"))
			if err == nil || string(out) != "x" || errors.Is(err, jpeg.ErrInput) {
				t.Errorf("%d bytes, error %v", len(out), err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if dev.Health() != nil {
				t.Errorf("the device is lost: %v", dev.Health())
			}
			if out, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 80}, nil); err != nil || len(out) == 0 {
				t.Errorf("the next picture: %d bytes, error %v", len(out), err)
			}
		})
	}
}

// TestMissing: without the library the error says so, and what to do. A file that is
// no library, and one without the functions, are told as such.
func TestMissing(t *testing.T) {
	cfg := config(t, gputest.Open(t).Device(gpu.DeviceConfig{}))
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "libnvjpeg.so.13"), filepath.Join(dir, "libnvjpeg.so.12")}
	want := func(parts ...string) {
		t.Helper()
		e, err := nvjpeg.NewFrom(t.Context(), cfg, paths)
		if err == nil {
			e.Close()
			t.Fatal("it works")
		}
		for _, part := range parts {
			if !errors.Is(err, nvjpeg.ErrUnavailable) || !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in: %v", part, err)
			}
		}
	}
	want(paths[0], paths[1], "--gpu-library-path", "nvidia-nvjpeg")
	write(t, paths[1], []byte("no library"))
	want("file too short")
	foreign, err := os.ReadFile(filepath.Join(gputest.LibraryPath(t), "libnvidia-ml.so.1"))
	if err != nil {
		t.Skip("no other library to take for it: ", err)
	}
	write(t, paths[0], foreign)
	want("file too short", "has no nvjpegGetProperty")
}

// TestNextVersion: when the newest version fails, because its file is broken or
// because it does not start, the next one is taken.
func TestNextVersion(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	cfg := config(t, sim.Device(gpu.DeviceConfig{}))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "libnvjpeg.so.13"), []byte("broken"))
	write(t, filepath.Join(dir, "libnvjpeg.so.12"), library(t))
	write(t, filepath.Join(dir, "libnvjpeg.so.11"), library(t))
	cfg.Library.Path = dir
	for fault, want := range map[string]string{"": "libnvjpeg.so.12", "nvjpegCreateSimple:1:7": "libnvjpeg.so.11"} {
		sim.Fail(fault)
		e, err := nvjpeg.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Library().Path; got != filepath.Join(dir, want) {
			t.Errorf("with %q: %s was taken, want %s", fault, got, want)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPlaces: the configured folder comes before the dynamic linker's, and those of
// wheels in a virtual environment behind it. A wheel's library works.
func TestPlaces(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	root := t.TempDir()
	packages := filepath.Join(root, "lib", "python3.12", "site-packages", "nvidia")
	for _, dir := range []string{"cu13/lib", "nvjpeg/lib"} {
		if err := os.MkdirAll(filepath.Join(packages, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	wheel := filepath.Join(packages, "nvjpeg", "lib", "libnvjpeg.so.12")
	write(t, wheel, library(t))
	t.Setenv("VIRTUAL_ENV", root)
	paths := nvjpeg.Candidates(gpu.LibraryConfig{Path: "/first" + string(filepath.ListSeparator) + "/second"})
	last := -1
	for _, want := range []string{
		"/first/libnvjpeg.so.13", "/first/libnvjpeg.so.12", "/first/libnvjpeg.so.11", "/first/libnvjpeg.so",
		"/second/libnvjpeg.so.13", "libnvjpeg.so.13", "libnvjpeg.so",
		filepath.Join(packages, "cu13", "lib", "libnvjpeg.so.13"), wheel,
	} {
		i := slices.Index(paths, want)
		if i <= last {
			t.Errorf("%s is at %d, want it behind %d of %q", want, i, last, paths)
		}
		last = i
	}
	cfg := config(t, sim.Device(gpu.DeviceConfig{}))
	e, err := nvjpeg.NewFrom(t.Context(), cfg, slices.DeleteFunc(paths, func(p string) bool { return !strings.HasPrefix(p, root) }))
	if err != nil {
		t.Fatal(err)
	}
	if e.Library().Path != wheel {
		t.Errorf("%s was taken", e.Library().Path)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// library is the simulator's nvJPEG.
func library(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(gputest.LibraryPath(t), "libnvjpeg.so.12"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDeviceLost: a broken context is noted when a picture fails by it, and no more
// pictures are tried. The simulator keeps what lived in it, so this is for a process
// of its own.
func TestDeviceLost(t *testing.T) {
	const variable = "FRAMEPORT_TEST_DEVICE_LOST"
	if os.Getenv(variable) != "" {
		loseDevice(t)
		if t.Failed() {
			os.Exit(1)
		}
		os.Exit(0)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDeviceLost$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func loseDevice(t *testing.T) {
	sim := gputest.Open(t)
	if !sim.Simulated() {
		return
	}
	dev := sim.Device(gpu.DeviceConfig{})
	e, err := nvjpeg.New(t.Context(), config(t, dev))
	if err != nil {
		t.Error(err)
		return
	}
	in := upload(t, dev, picture(64, 64))
	sim.Fail("cuStreamSynchronize:1:700")
	if _, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 80}, nil); !errors.Is(err, gpu.ErrDeviceLost) {
		t.Errorf("got %v", err)
	}
	select {
	case <-dev.Lost():
	default:
		t.Error("the device is not lost")
	}
	before := sim.Calls("nvjpegEncodeYUV")
	if _, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 80}, nil); !errors.Is(err, gpu.ErrDeviceLost) {
		t.Errorf("afterwards: %v", err)
	}
	if n := sim.Calls("nvjpegEncodeYUV") - before; n != 0 {
		t.Errorf("%d more pictures were tried", n)
	}
	if err := e.Close(); err == nil {
		t.Error("Close says nothing of the broken context")
	}
}
