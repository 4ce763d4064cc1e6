package backend_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/dl"
)

func TestAutoTakesCUDA(t *testing.T) {
	gputest.Open(t)
	r := open(t, backend.Config{})
	c := r.Choice
	if c.Requested != config.BackendAuto || c.Kind != config.BackendCUDA || len(c.Notes) != 0 {
		t.Errorf("choice %+v", c)
	}
	gpu := r.Devices()[0]
	for _, part := range []string{gpu.Info.Name, fmt.Sprintf("%d video decoders", gpu.Engines), "driver in " + gputest.LibraryPath(t)} {
		if !strings.Contains(c.Reason, part) {
			t.Errorf("%q is not in %q", part, c.Reason)
		}
	}
	if r.Parallel() < 2 {
		t.Errorf("%d pictures at a time", r.Parallel())
	}
}

// refuses checks that there is no GPU, that AUTO says why in one short line, and that
// asking for CUDA fails with the same.
func refuses(t *testing.T, library string, parts ...string) {
	t.Helper()
	b, err := backend.New(t.Context(), backend.Config{LibraryPath: library})
	if err != nil {
		t.Fatal(err)
	}
	reason := b.Choice.Reason
	if b.Choice.Kind != config.BackendCPU || b.Devices() != nil {
		t.Errorf("choice %+v", b.Choice)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if len(reason) > 500 || strings.ContainsAny(reason, "\n") || strings.Contains(reason, "tried") || strings.Contains(reason, "No such file") {
		t.Errorf("no reason for people: %s", reason)
	}
	b, err = backend.New(t.Context(), backend.Config{LibraryPath: library, Kind: config.BackendCUDA})
	if err == nil || b != nil || !errors.Is(err, backend.ErrUnavailable) {
		t.Fatalf("CUDA by name: got %v, want ErrUnavailable", err)
	}
	for _, part := range append(parts, "--backend cpu") {
		if part != "--backend cpu" && !strings.Contains(reason, part) {
			t.Errorf("%q is not in the reason: %s", part, reason)
		}
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the error: %v", part, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ settings, parts []string }{
		"Stub":      {[]string{"INIT_ERROR=34"}, []string{"STUB_LIBRARY (34)", "stubs folder"}},
		"Mismatch":  {[]string{"INIT_ERROR=803"}, []string{"(803)", "different versions", "restart the machine"}},
		"Compat":    {[]string{"INIT_ERROR=804"}, []string{"(804)", "cuda-compat"}},
		"Any":       {[]string{"INIT_ERROR=18"}, []string{"(18)", "nvidia-smi"}},
		"NoDevice":  {[]string{"DEVICES=0"}, []string{"sees no GPU", "CUDA_VISIBLE_DEVICES"}},
		"NoNVDEC":   {[]string{"ENGINES=0"}, []string{"no video decoder (NVDEC)", "MIG"}},
		"Exclusive": {[]string{"COMPUTE_MODE=3", "FAIL=cuDevicePrimaryCtxRetain:0:46"}, []string{"EXCLUSIVE_PROCESS and another process has it", "nvidia-smi -c DEFAULT"}},
		"NoMemory":  {[]string{"MEMORY=1048576"}, []string{"OUT_OF_MEMORY (2)"}},
		"OldDriver": {[]string{"PTX_VERSION=40"}, []string{"(222)", "install a newer one"}},
		"BothOfTwo": {[]string{"DEVICES=2", "ENGINES=0"}, []string{"(0, GPU-", "(1, GPU-", "no video decoder (NVDEC)", "; "}},
	} {
		t.Run(name, func(t *testing.T) {
			if inChild(t, c.settings...) {
				refuses(t, gputest.LibraryPath(t), c.parts...)
			}
		})
	}
}

// Without a driver, without its video library, and with a file that is none.
func TestNoLibraries(t *testing.T) {
	for name, c := range map[string]struct {
		place func(dir string) error
		parts []string
	}{
		"Nothing": {func(string) error { return nil }, []string{"libcuda.so.1", "no NVIDIA driver on this machine", "docker run --gpus all"}},
		"NoVideo": {func(dir string) error { return link(dir, "libcuda.so.1") }, []string{"libnvcuvid.so.1", "NVIDIA_DRIVER_CAPABILITIES=compute,video,utility"}},
		"Broken": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "libcuda.so.1"), []byte("no library"), 0o600)
		}, []string{"cannot be used", "libcuda.so.1: file too short"}},
	} {
		t.Run(name, func(t *testing.T) {
			if !inChild(t) {
				return
			}
			if _, err := dl.Open([]string{"libnvcuvid.so.1"}, nil); err == nil {
				return // the machine's own driver would be found
			}
			dir := t.TempDir()
			if err := c.place(dir); err != nil {
				t.Fatal(err)
			}
			refuses(t, dir, c.parts...)
		})
	}
}

// link puts libraries of the simulator into another folder.
func link(dir string, names ...string) error {
	for _, name := range names {
		if err := os.Symlink(filepath.Join(os.Getenv(gputest.PathVariable), name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// One GPU of two that can't be used is left out with a note, and the other is used.
func TestOneOfTwo(t *testing.T) {
	for name, c := range map[string]struct{ fault, part string }{
		"Busy":      {"cuDevicePrimaryCtxRetain:1:46", "(46)"},
		"NoKernels": {"cuModuleLoadDataEx:1:2", "OUT_OF_MEMORY (2)"},
	} {
		t.Run(name, func(t *testing.T) {
			if !inChild(t, "DEVICES=2", "FAIL="+c.fault) {
				return
			}
			r := open(t, backend.Config{})
			if r.Choice.Kind != config.BackendCUDA || len(r.Devices()) != 1 || len(r.Choice.Notes) != 1 {
				t.Fatalf("%d devices, %+v", len(r.Devices()), r.Choice)
			}
			used := r.Devices()[0].Info
			if note := r.Choice.Notes[0]; !strings.Contains(note, "is not used") || !strings.Contains(note, c.part) || strings.Contains(note, used.UUID) {
				t.Errorf("note %q", note)
			}
			clip, q := r.clip("a", "h264_crop")
			d, chosen := r.decoder(q)
			first(t, d, clip).Release()
			if (*chosen)[0].Device != used.UUID {
				t.Errorf("decoded by %+v", *chosen)
			}
			if _, err := r.Admit("b", config.Camera{Device: fmt.Sprint(1 - used.Ordinal)}); err == nil || !strings.Contains(err.Error(), used.UUID) {
				t.Errorf("the other one: %v", err)
			}
		})
	}
}

// A context that breaks while nvJPEG starts is a GPU that is lost, not a missing nvJPEG.
func TestLostWhileStarting(t *testing.T) {
	if !inLostChild(t, "FAIL=cuMemsetD2D8Async:1:700") {
		return
	}
	b, err := backend.New(t.Context(), backend.Config{LibraryPath: gputest.LibraryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	if b.Choice.Kind != config.BackendCPU || !strings.Contains(b.Choice.Reason, "(700)") {
		t.Errorf("choice %+v", b.Choice)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// A start that is called off is no refusal of the GPU: it neither becomes the CPU's nor
// an nvJPEG that is missing.
func TestStartCalledOff(t *testing.T) {
	gputest.Open(t)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, kind := range []config.BackendKind{config.BackendAuto, config.BackendCUDA} {
		b, err := backend.New(ctx, backend.Config{Kind: kind, LibraryPath: gputest.LibraryPath(t)})
		if err == nil {
			_ = b.Close()
		}
		if b != nil || !errors.Is(err, cause) || errors.Is(err, backend.ErrUnavailable) {
			t.Errorf("%v: got %v", kind, err)
		}
	}
}

func TestWithoutNVML(t *testing.T) {
	if !inChild(t, "FAIL=nvmlInit:0:18") {
		return
	}
	r := open(t, backend.Config{Kind: config.BackendCUDA})
	if len(r.Choice.Notes) != 1 || !strings.Contains(r.Choice.Notes[0], "load") {
		t.Errorf("notes %q", r.Choice.Notes)
	}
	if d := r.Devices()[0]; d.Load.Known || d.Process.Known || d.Driver != "" || d.Total == 0 {
		t.Errorf("device %+v", d)
	}
}

func TestWrongBudget(t *testing.T) {
	gputest.Open(t)
	_, err := backend.New(t.Context(), backend.Config{Kind: config.BackendCUDA, LibraryPath: gputest.LibraryPath(t), MemoryBudget: -1})
	if !errors.Is(err, backend.ErrUnavailable) || errors.Is(err, gpu.ErrOutOfMemory) || !strings.Contains(err.Error(), "budget -1") {
		t.Errorf("got %v", err)
	}
}
