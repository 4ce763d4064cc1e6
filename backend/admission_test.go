package backend_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// guess is what a camera is admitted with.
var guess = nvdec.Estimate(1280, 720, 0, decoder.Output{})

// budget opens a backend whose budget is for so many cameras beside what is fixed.
func budget(t *testing.T, cameras float64) *rig {
	t.Helper()
	r := open(t, backend.Config{Kind: config.BackendCUDA})
	fixed := r.Devices()[0].Ledger.Total.Bytes
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, backend.Config{Kind: config.BackendCUDA, MemoryBudget: fixed + int64(cameras*float64(guess))})
}

func TestBudget(t *testing.T) {
	gputest.Open(t)
	r := budget(t, 2.5)
	fixed := r.Devices()[0].Ledger.Total.Bytes
	leave := r.admit("a", config.Camera{})
	r.admit("b", config.Camera{})
	_, err := r.Admit("c", config.Camera{})
	numbers, ok := errors.AsType[*gpu.AdmissionError](err)
	if !errors.Is(err, camera.ErrNoRoom) || !ok {
		t.Fatalf("got %v, want ErrNoRoom", err)
	}
	if numbers.Owner != "c" || numbers.Estimate != guess || numbers.Used != fixed || numbers.Promised != 2*guess || numbers.Budget != r.Devices()[0].Budget {
		t.Errorf("numbers %+v, fixed %d, guess %d", numbers, fixed, guess)
	}
	for _, part := range []string{"MiB", "budget", "--gpu-memory-budget", "backend to CPU"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	// What needs nothing of the GPU is admitted.
	for _, spec := range []config.Camera{{Backend: config.BackendCPU}, {Decode: config.DecodePolicy{Mode: config.DecodeNone}}} {
		r.admit("c", spec)()
	}
	if got := r.promised(0); got != 2*guess {
		t.Errorf("promised %d, want %d", got, 2*guess)
	}
	leave()
	r.admit("c", config.Camera{})
	if _, err := r.Admit("a", config.Camera{}); !errors.Is(err, camera.ErrNoRoom) {
		t.Errorf("a third camera: %v", err)
	}
}

// With several GPUs the next one is asked, and the refusal tells of all.
func TestBudgetOfTwo(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	r := budget(t, 1.5)
	r.admit("a", config.Camera{Device: "0"})
	r.admit("b", config.Camera{})
	_, err := r.Admit("c", config.Camera{})
	if !errors.Is(err, camera.ErrNoRoom) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want ErrNoRoom", err)
	}
	for _, d := range r.Devices() {
		if !strings.Contains(err.Error(), d.Info.UUID) || d.Promised != guess {
			t.Errorf("%s has %d promised: %v", d.Info.UUID, d.Promised, err)
		}
	}
}

func TestReserveOfTheDevice(t *testing.T) {
	if !inChild(t, "MEMORY=1073741824") {
		return
	}
	r := open(t, backend.Config{Kind: config.BackendCUDA, MemoryReserve: 1 << 30})
	_, err := r.Admit("a", config.Camera{})
	if !errors.Is(err, camera.ErrNoRoom) || !strings.Contains(err.Error(), "1024.0 MiB stay in reserve") {
		t.Errorf("got %v", err)
	}
	if d := r.Devices()[0]; d.Reserve != 1<<30 || d.Total != 1<<30 || d.Free <= 0 {
		t.Errorf("device %+v", d)
	}
}

// Cameras that come at once never get more than there is.
func TestManyAtOnce(t *testing.T) {
	gputest.Open(t)
	const fit, come = 10, 64
	r := budget(t, fit+0.5)
	var coming sync.WaitGroup
	releases, errs := make([]func(), come), make([]error, come)
	for i := range come {
		coming.Go(func() {
			releases[i], errs[i] = r.Admit(fmt.Sprint(i), config.Camera{})
			r.Devices()
		})
	}
	coming.Wait()
	admitted := 0
	for i := range come {
		switch {
		case errs[i] == nil:
			admitted++
			coming.Go(releases[i])
			coming.Go(releases[i])
		case !errors.Is(errs[i], camera.ErrNoRoom):
			t.Error(errs[i])
		}
	}
	if admitted != fit {
		t.Errorf("%d cameras were admitted, %d fit", admitted, fit)
	}
	coming.Wait()
	if got := r.promised(0); got != 0 {
		t.Errorf("%d bytes are still promised", got)
	}
}

// What a decoder takes for its real stream counts in place of what it was admitted with.
func TestGuessAndReality(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	for name, larger := range map[string]bool{"h264_1080p": true, "color_red": false} {
		leave := r.admit(name, config.Camera{})
		if got := r.promised(0); got != guess {
			t.Errorf("%s: promised %d, want %d", name, got, guess)
		}
		clip, q := r.clip(name, name)
		d, _ := r.decoder(q)
		f := first(t, d, clip)
		m := r.DeviceMemory(name)
		real := m.Decoder + m.Ring + m.Other
		if real > guess != larger {
			t.Fatalf("%s takes %d, the guess is %d: this tests nothing", name, real, guess)
		}
		if got, want := r.promised(0), max(0, guess-real); got != want {
			t.Errorf("%s: promised %d with %d in use, want %d", name, got, real, want)
		}
		f.Release()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if got := r.promised(0); got != guess {
			t.Errorf("%s: promised %d without a decoder, want %d", name, got, guess)
		}
		leave()
		if got := r.promised(0); got != 0 {
			t.Errorf("%s: promised %d after it left", name, got)
		}
	}
}

// A camera whose stream needs more than there is, and one for which the driver has no
// memory, fail alone.
func TestOneCameraOutOfMemory(t *testing.T) {
	gputest.Open(t)
	r := budget(t, 2)
	r.admit("good", config.Camera{})
	r.admit("large", config.Camera{})
	clip, q := r.clip("good", "color_red")
	good, _ := r.decoder(q)
	if n, err := count(t.Context(), good, clip, 1); n != 1 || err != nil {
		t.Fatalf("%d frames, %v", n, err)
	}
	large, q := r.clip("large", "h264_1080p")
	d, _ := r.decoder(q)
	err := d.Decode(t.Context(), unit(large, 0), func(*frame.Frame) error { return nil })
	if !errors.Is(err, decoder.ErrExhausted) || errors.Is(err, decoder.ErrUnsupported) {
		t.Errorf("got %v, want ErrExhausted", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if n, err := count(t.Context(), good, clip, 3); n != 3 || err != nil {
		t.Errorf("the other camera: %d frames, %v", n, err)
	}
}

func TestOneDecoderOutOfMemory(t *testing.T) {
	sim, r := openCUDA(t, backend.Config{})
	sim.NeedsSimulator()
	clip, q := r.clip("good", "color_red")
	good, _ := r.decoder(q)
	if n, err := count(t.Context(), good, clip, 1); n != 1 || err != nil {
		t.Fatalf("%d frames, %v", n, err)
	}
	for _, fault := range []string{"cuvidCreateDecoder:1:2", "cuMemAlloc:1:2", "cuStreamCreate:1:2"} {
		sim.Fail(fault)
		_, q := r.clip("bad", "color_red")
		bad, chosen := r.decoder(q)
		if _, err := count(t.Context(), bad, clip, 1); !errors.Is(err, decoder.ErrExhausted) {
			t.Errorf("%s: got %v, want ErrExhausted", fault, err)
		}
		if len(*chosen) != 1 {
			t.Errorf("%s: the CPU took over for want of memory: %+v", fault, *chosen)
		}
		if err := bad.Close(); err != nil {
			t.Error(err)
		}
		if n, err := count(t.Context(), good, clip, len(clip.Units)); n != len(clip.Units) || err != nil {
			t.Errorf("%s: the other camera: %d frames, %v", fault, n, err)
		}
		if m := r.DeviceMemory("bad"); m != (camera.DeviceMemory{}) {
			t.Errorf("%s: it still has %+v", fault, m)
		}
		again, _ := r.decoder(q)
		if n, err := count(t.Context(), again, clip, 2); n != 2 || err != nil {
			t.Errorf("%s: afterwards %d frames, %v", fault, n, err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What the worker makes for its clients counts against the budget too.
func TestBudgetBoundsPictures(t *testing.T) {
	_, r := openCUDA(t, backend.Config{MemoryBudget: 400 << 20})
	f := r.still("color_red")
	big := model()
	big.Width, big.Height, big.Type = 4096, 4096, convert.TensorFloat32
	err := r.Converter.Tensor(t.Context(), f, big, make([]byte, big.Bytes()))
	if !errors.Is(err, gpu.ErrOutOfMemory) || !strings.Contains(err.Error(), "budget of 400.0 MiB") {
		t.Errorf("got %v", err)
	}
	if used := r.Devices()[0].Ledger.Total.Bytes; used > 400<<20 {
		t.Errorf("%d bytes are used", used)
	}
}

// A budget that the worker itself does not fit, and a folder that is not there, are
// mistakes: AUTO does not go on without the GPU.
func TestSettingsThatCannotBeMeant(t *testing.T) {
	path := gputest.LibraryPath(t)
	for _, kind := range []config.BackendKind{config.BackendAuto, config.BackendCUDA} {
		for text, cfg := range map[string]backend.Config{
			"without any camera the worker takes": {Kind: kind, LibraryPath: path, MemoryBudget: 100 << 20},
			"no such file or directory":           {Kind: kind, LibraryPath: path + ":/no/such/folder"},
			"is no folder":                        {Kind: kind, LibraryPath: path + "/libcuda.so.1"},
		} {
			_, err := backend.New(t.Context(), cfg)
			if !errors.Is(err, backend.ErrUnavailable) || !strings.Contains(err.Error(), text) {
				t.Errorf("%v: got %v, want %q in it", kind, err, text)
			}
		}
	}
	b, err := backend.New(t.Context(), backend.Config{Kind: config.BackendCPU, LibraryPath: "/no/such/folder"})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
