package backend_test

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/media"
)

func model() convert.Tensor {
	return convert.Tensor{
		Type: convert.TensorUint8, Layout: convert.TensorNCHW, Width: 96, Height: 96, Fit: convert.FitLetterbox,
		Scale: [3]float32{1, 1, 1}, Std: [3]float32{1, 1, 1}, Pad: 114,
	}
}

// Tensors are made where the frame is, and are the same there.
func TestTensorsOfBothBackends(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	host := open(t, backend.Config{Kind: config.BackendCPU})
	tensor := func(r *rig, f *frame.Frame) []byte {
		t.Helper()
		out := make([]byte, model().Bytes())
		if err := r.Converter.Tensor(t.Context(), f, model(), out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	a, b := r.still("color_red"), host.still("color_red")
	if !onDevice(a) || onDevice(b) {
		t.Fatal("the frames are not where they should be")
	}
	if most, _ := apart(t, tensor(r, a), tensor(host, b)); most > 2 {
		t.Errorf("the two backends' tensors are up to %d apart", most)
	}
	// A frame of the host decoder, through the backend that has a GPU.
	if !bytes.Equal(tensor(r, b), tensor(host, b)) {
		t.Error("a frame in host memory gives another tensor on the CUDA backend")
	}
}

// What converters and encoders do in the driver is seen by the watch for calls that
// hang, without a place at the gate.
func TestPicturesAreObserved(t *testing.T) {
	sim, r := openCUDA(t, backend.Config{})
	sim.NeedsSimulator()
	gate := backend.GPUs(r.Backend)[0].Gate()
	f := r.still("color_red")
	img := r.picture(f, convert.Request{Format: media.PixelI420, Color: media.JFIF()})
	defer img.Release()
	for name, work := range map[string]func() error{
		"convert": func() error {
			out, err := r.Converter.Convert(t.Context(), f, convert.Request{Format: media.PixelRGB24})
			if err == nil {
				out.Release()
			}
			return err
		},
		"tensor": func() error { return r.Converter.Tensor(t.Context(), f, model(), make([]byte, model().Bytes())) },
		"encode": func() error {
			_, err := r.Encoder.Encode(t.Context(), img, jpeg.Options{Quality: 80}, nil)
			return err
		},
	} {
		sim.Stall(true)
		done := make(chan error, 1)
		go func() { done <- work() }()
		for gate.Longest() == 0 {
			select {
			case err := <-done:
				t.Fatalf("%s: was not seen: %v", name, err)
			default:
				runtime.Gosched()
			}
		}
		if n := gate.Stats().InUse; n != 0 {
			t.Errorf("%s: takes %d places", name, n)
		}
		sim.Stall(false)
		if err := errors.Join(<-done); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := gate.Longest(); d != 0 {
			t.Errorf("%s: still inside after %v", name, d)
		}
	}
}
