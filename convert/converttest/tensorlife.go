package converttest

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// testTensorValues: the numbers of a picture of one colour, worked out by hand.
func testTensorValues(t *testing.T, s Subject) {
	r := newRig(t, s)
	// BT.709 limited: Y 63, Cb 102, Cr 240 is RGB 255, 5, 0 by the tables.
	src := picture(media.PixelI420, 4, 2, colors()[2], func(plane, _, _ int) byte { return []byte{63, 102, 240}[plane] })
	defer src.Release()
	red, green, blue := convert.NewRGBTable(src.Color).Apply(63, 102, 240)
	tensor := plainTensor(4, 4)
	tensor.Scale, tensor.Mean, tensor.Std, tensor.Pad = [3]float32{.5, 1, 2}, [3]float32{1, 2, 3}, [3]float32{2, 4, 8}, 10.5
	want := func(rows [3]float64) (out [3]float64) {
		for c, v := range rows {
			out[c] = (v*[]float64{.5, 1, 2}[c] - []float64{1, 2, 3}[c]) / []float64{2, 4, 8}[c]
		}
		return out
	}
	for _, bgr := range []bool{false, true} {
		tensor.BGR = bgr
		inside := want([3]float64{float64(red), float64(green), float64(blue)})
		if bgr {
			inside = want([3]float64{float64(blue), float64(green), float64(red)})
		}
		border := want([3]float64{10.5, 10.5, 10.5})
		for i, v := range values(r.tensor(src, tensor), tensor.Type) {
			w := border[i/16]
			if i%16 < 8 { // one row above rounds down to none: the border is all below
				w = inside[i/16]
			}
			if math.Abs(v-w) > 1e-3 {
				t.Errorf("BGR %v: element %d is %g, want %g", bgr, i, v, w)
			}
		}
	}
	// Bytes are rounded and saturated after scale, mean and std.
	tensor.Type, tensor.BGR = convert.TensorUint8, false
	tensor.Scale, tensor.Mean, tensor.Std, tensor.Pad = [3]float32{1, 1, 1}, [3]float32{-10, 100, 0}, [3]float32{1, 1, -1}, 10.75
	got := r.tensor(src, tensor)
	for c, v := range []byte{255, 0, 0} {
		if got[16*c] != v {
			t.Errorf("channel %d is %d, want %d", c, got[16*c], v)
		}
	}
	for c, v := range []byte{21, 0, 0} {
		if got[16*c+15] != v {
			t.Errorf("the border of channel %d is %d, want %d", c, got[16*c+15], v)
		}
	}
}

func testTensorRefused(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	in := s.Upload(t, src)
	defer in.Release()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, test := range map[string]struct {
		change func(*convert.Tensor)
		texts  []string
	}{
		"size 0":   {func(t *convert.Tensor) { t.Width = 0 }, []string{"0x32"}},
		"too wide": {func(t *convert.Tensor) { t.Width, t.Height = 20000, 20000 }, []string{"20000x20000", "8192"}},
		"NaN mean": {func(t *convert.Tensor) { t.Mean[1] = nan }, []string{"mean NaN", "channel 1"}},
		"std 0":    {func(t *convert.Tensor) { t.Std[2] = 0 }, []string{"std 0", "channel 2"}},
		"scale":    {func(t *convert.Tensor) { t.Scale = [3]float32{nan, inf, 0} }, []string{"scale NaN", "scale +Inf", "scale 0"}},
		"nothing":  {func(t *convert.Tensor) { *t = convert.Tensor{Pad: nan} }, []string{"type", "layout", "0x0", "fit", "pad", "scale", "std"}},
	} {
		tensor := plainTensor(32, 32)
		dst := make([]byte, tensor.Bytes())
		test.change(&tensor)
		err := r.tensorer().Tensor(t.Context(), in, tensor, dst)
		if !errors.Is(err, convert.ErrRequest) {
			t.Errorf("%s: %v, want ErrRequest", name, err)
			continue
		}
		for _, text := range test.texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q is not in: %v", name, text, err)
			}
		}
	}
	tensor := plainTensor(32, 32)
	for _, n := range []int{0, tensor.Bytes() - 1, tensor.Bytes() + 1} {
		if err := r.tensorer().Tensor(t.Context(), in, tensor, make([]byte, n)); !errors.Is(err, convert.ErrRequest) {
			t.Errorf("into %d bytes: %v", n, err)
		}
	}
	rgb := frame.NewPool(0, nil).Get(media.PixelRGB24, 64, 36)
	defer rgb.Release()
	if err := r.tensorer().Tensor(t.Context(), rgb, tensor, make([]byte, tensor.Bytes())); !errors.Is(err, convert.ErrRequest) {
		t.Errorf("of RGB: %v", err)
	}
	r.tensor(src, tensor) // and nothing is broken
}

func testTensorCancelled(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	in := s.Upload(t, src)
	defer in.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tensor := plainTensor(32, 32)
	dst := make([]byte, tensor.Bytes())
	if err := r.tensorer().Tensor(ctx, in, tensor, dst); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	if !bytes.Equal(dst, make([]byte, len(dst))) {
		t.Error("it was written")
	}
}

func testTensorClose(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	in := s.Upload(t, src)
	defer in.Release()
	tensor := plainTensor(32, 32)
	r.tensor(src, tensor)
	if err := r.c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.tensorer().Tensor(t.Context(), in, tensor, make([]byte, tensor.Bytes())); err == nil {
		t.Error("a closed converter makes tensors")
	}
}

// testTensorConcurrent: many goroutines, many forms, one converter, between pictures.
func testTensorConcurrent(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 160, 90, colors()[2], noise(1))
	defer src.Release()
	var work sync.WaitGroup
	for i := range 6 {
		work.Go(func() {
			for j := range 12 {
				tensor := plainTensor(20+31*((i+j)%4), 40)
				tensor.Type, tensor.Layout = convert.TensorType(1+(i+j)%3), convert.TensorLayout(1+i%2)
				r.tensor(src, tensor)
				r.exact(src, convert.Request{Format: formats()[(i+j)%5]})
			}
		})
	}
	work.Wait()
}
