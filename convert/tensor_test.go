package convert_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

func bytesTensor(w, h int, fit convert.Fit) convert.Tensor {
	one := [3]float32{1, 1, 1}
	return convert.Tensor{Type: convert.TensorUint8, Layout: convert.TensorNHWC, Width: w, Height: h, Fit: fit, Scale: one, Std: one}
}

// random is a full-range picture of noise; grey leaves the colour out.
func random(w, h int, format media.PixelFormat, grey bool) *frame.Frame {
	rnd := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	f := frame.NewPool(0, nil).Get(format, w, h)
	f.Color = media.JFIF()
	for i := range f.Planes {
		for j := range f.Planes[i].Data {
			f.Planes[i].Data[j] = 128
			if i == 0 || !grey {
				f.Planes[i].Data[j] = byte(rnd.Uint32())
			}
		}
	}
	return f
}

func tensorOf(t *testing.T, src *frame.Frame, tensor convert.Tensor) []byte {
	t.Helper()
	got, err := convert.TruthTensor(src, tensor)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestTensorValidate: everything that is wrong is told at once, and what is right is not.
func TestTensorValidate(t *testing.T) {
	good := bytesTensor(1, 8192, convert.FitCover)
	if err := good.Validate(); err != nil || good.Bytes() != 3*8192 {
		t.Errorf("%v, %d bytes", err, good.Bytes())
	}
	if n := testing.AllocsPerRun(10, func() { _ = good.Validate() }); n != 0 {
		t.Errorf("%v allocations for a good one", n)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, test := range []struct {
		change func(*convert.Tensor)
		texts  []string
	}{
		{func(t *convert.Tensor) { *t = convert.Tensor{Pad: -1} }, []string{
			"type 0", "layout 0", "0x0", "fit 0", "pad value -1", "scale 0 for channel 0", "scale 0 for channel 2", "std 0 for channel 1",
		}},
		{func(t *convert.Tensor) { t.Width, t.Height = 8193, 1 }, []string{"8193x1", "1 to 8192"}},
		{func(t *convert.Tensor) { t.Width = -1 }, []string{"-1x8192"}},
		{func(t *convert.Tensor) { t.Type, t.Layout, t.Fit = 4, 3, 4 }, []string{"type 4", "layout 3", "fit 4"}},
		{func(t *convert.Tensor) { t.Fit = convert.FitContain }, []string{"LETTERBOX, COVER or STRETCH"}},
		{func(t *convert.Tensor) {
			t.Scale, t.Mean, t.Std = [3]float32{nan, 1, 1}, [3]float32{0, inf, 0}, [3]float32{1, 1, nan}
		}, []string{
			"scale NaN for channel 0", "mean -Inf for channel 1", "std NaN for channel 2",
		}},
		{func(t *convert.Tensor) { t.Pad = nan }, []string{"pad value NaN"}},
		{func(t *convert.Tensor) { t.Pad = 255.5 }, []string{"pad value 255.5"}},
		{func(t *convert.Tensor) { t.Type, t.Scale[1] = convert.TensorFloat16, 257 }, []string{"65535", "channel 1", "FLOAT16 holds 65504"}},
		{func(t *convert.Tensor) { t.Type, t.Std[0] = convert.TensorFloat32, 1e-38 }, []string{"channel 0", "FLOAT32 holds"}},
	} {
		tensor := good
		test.change(&tensor)
		err := tensor.Validate()
		if !errors.Is(err, convert.ErrRequest) {
			t.Errorf("%v: %v", test.texts, err)
			continue
		}
		for _, text := range test.texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%q is not in: %v", text, err)
			}
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != len(test.texts) && len(test.texts) == 1 {
			t.Errorf("%d complaints for one: %v", n, err)
		}
		if _, err := convert.TruthTensor(random(2, 2, media.PixelI420, true), tensor); !errors.Is(err, convert.ErrRequest) {
			t.Errorf("the truth took it: %v", err)
		}
	}
}

// TestTensorUnscaled: without scaling a tensor is the truth's RGB.
func TestTensorUnscaled(t *testing.T) {
	for _, format := range []media.PixelFormat{media.PixelI420, media.PixelNV12} {
		src := random(23, 17, format, false)
		want, err := convert.Truth(src, convert.Request{Format: media.PixelRGB24})
		if err != nil {
			t.Fatal(err)
		}
		got := tensorOf(t, src, bytesTensor(23, 17, convert.FitStretch))
		for i, v := range got {
			if w := want.Planes[0].Data[i/69*want.Planes[0].Pitch+i%69]; v != w {
				t.Fatalf("byte %d is %d, want %d", i, v, w)
			}
		}
		want.Release()
		src.Release()
	}
}

// TestTensorScaled: interpolated or averaged, within a level of what fractions give.
func TestTensorScaled(t *testing.T) {
	src := random(61, 47, media.PixelI420, true)
	defer src.Release()
	at := func(x, y int) float64 {
		return float64(src.Planes[0].Data[min(y, 46)*src.Planes[0].Pitch+min(x, 60)])
	}
	between := func(x, y float64) float64 {
		x, y = max(0, min(x, 60)), max(0, min(y, 46))
		x0, y0 := int(x), int(y)
		ax, ay := x-float64(x0), y-float64(y0)
		return (at(x0, y0)*(1-ax)+at(x0+1, y0)*ax)*(1-ay) + (at(x0, y0+1)*(1-ax)+at(x0+1, y0+1)*ax)*ay
	}
	mean := func(left, top, right, bottom float64) float64 {
		var sum float64
		for y := int(top); float64(y) < bottom; y++ {
			for x := int(left); float64(x) < right; x++ {
				part := (min(float64(x+1), right) - max(float64(x), left)) * (min(float64(y+1), bottom) - max(float64(y), top))
				sum += at(x, y) * part
			}
		}
		return sum / ((right - left) * (bottom - top))
	}
	for _, size := range [][2]int{{61, 46}, {122, 94}, {31, 24}, {40, 100}, {30, 47}, {9, 5}, {1, 1}, {200, 3}} {
		w, h := size[0], size[1]
		got := tensorOf(t, src, bytesTensor(w, h, convert.FitStretch))
		sx, sy := 61/float64(w), 47/float64(h)
		for y := range h {
			for x := range w {
				fx, fy := float64(x), float64(y)
				want := between((fx+.5)*sx-.5, (fy+.5)*sy-.5)
				if sx > 2 || sy > 2 {
					want = mean(fx*sx, fy*sy, (fx+1)*sx, (fy+1)*sy)
				}
				if v := float64(got[3*(y*w+x)]); math.Abs(v-want) > 1.5 {
					t.Fatalf("%dx%d: %d,%d is %v, want %.2f", w, h, x, y, v, want)
				}
			}
		}
	}
}

// TestTransform: the numbers of the proto's formula, for tensors and pictures.
func TestTransform(t *testing.T) {
	for _, test := range []struct {
		w, h   int
		tensor convert.Tensor
		want   convert.Transform
	}{
		{1280, 720, bytesTensor(640, 640, convert.FitLetterbox), convert.Transform{ScaleX: 2, ScaleY: 2, OffsetX: 0, OffsetY: -280}},
		{720, 1280, bytesTensor(640, 640, convert.FitLetterbox), convert.Transform{ScaleX: 2, ScaleY: 2, OffsetX: -280, OffsetY: 0}},
		{1280, 720, bytesTensor(640, 640, convert.FitStretch), convert.Transform{ScaleX: 2, ScaleY: 1.125}},
		{1280, 720, bytesTensor(360, 360, convert.FitCover), convert.Transform{ScaleX: 2, ScaleY: 2, OffsetX: 280}},
		{640, 360, bytesTensor(640, 360, convert.FitLetterbox), convert.Transform{ScaleX: 1, ScaleY: 1}},
	} {
		got, err := test.tensor.Transform(test.w, test.h)
		if err != nil || got != test.want {
			t.Errorf("%dx%d: %+v, %v, want %+v", test.w, test.h, got, err, test.want)
		}
	}
	if _, err := bytesTensor(0, 1, convert.FitCover).Transform(10, 10); !errors.Is(err, convert.ErrRequest) {
		t.Errorf("size 0: %v", err)
	}
	if _, err := bytesTensor(1, 1, convert.FitCover).Transform(0, 10); !errors.Is(err, convert.ErrRequest) {
		t.Errorf("a source without pixels: %v", err)
	}
}

// TestTensorFloats: the bits of both types, to nearest even.
func TestTensorFloats(t *testing.T) {
	src := random(1, 1, media.PixelI420, true)
	defer src.Release()
	src.Planes[0].Data[0] = 0
	for _, test := range []struct {
		value float64 // of black
		want  uint16
	}{
		{0, 0},
		{1, 0x3C00},
		{-2, 0xC000},
		{65504, 0x7BFF},
		{1 + 1./2048, 0x3C00}, // half way, to even
		{1 + 3./2048, 0x3C02},
		{2048 - 1./2, 0x6800}, // carries into the exponent
		{math.Ldexp(1, -14), 0x0400},
		{math.Ldexp(1, -24), 0x0001},
		{math.Ldexp(1, -25), 0x0000}, // half way, to even
		{math.Ldexp(3, -25), 0x0002},
		{math.Ldexp(1023.75, -24), 0x0400},
	} {
		tensor := bytesTensor(1, 1, convert.FitStretch)
		tensor.Type, tensor.Mean = convert.TensorFloat16, [3]float32{float32(-test.value)}
		tensor.Scale[0] = float32(math.Copysign(1e-9, -test.value)) // not beyond what FLOAT16 holds
		if got := binary.LittleEndian.Uint16(tensorOf(t, src, tensor)); got&0x7FFF != test.want&0x7FFF || test.value != 0 && got != test.want {
			t.Errorf("%g is %#04x, want %#04x", test.value, got, test.want)
		}
		tensor.Type = convert.TensorFloat32
		if got := math.Float32frombits(binary.LittleEndian.Uint32(tensorOf(t, src, tensor))); float64(got) != test.value {
			t.Errorf("%g is %g as FLOAT32", test.value, got)
		}
	}
}

// TestTensorOrder: where each channel of each pixel lies.
func TestTensorOrder(t *testing.T) {
	src := random(3, 2, media.PixelI420, false)
	defer src.Release()
	base := bytesTensor(3, 2, convert.FitStretch)
	rgb := tensorOf(t, src, base)
	for _, bgr := range []bool{false, true} {
		base.BGR, base.Layout = bgr, convert.TensorNCHW
		planar := tensorOf(t, src, base)
		for pixel := range 6 {
			for c := range 3 {
				from := c
				if bgr {
					from = 2 - c
				}
				if planar[6*c+pixel] != rgb[3*pixel+from] {
					t.Errorf("BGR %v: channel %d of pixel %d is wrong", bgr, c, pixel)
				}
			}
		}
	}
}

// TestTruthHash: luma counts to its last pixel, and nothing else does.
func TestTruthHash(t *testing.T) {
	src := random(13, 5, media.PixelI420, false)
	defer src.Release()
	a, err := convert.TruthHash(src)
	if err != nil {
		t.Fatal(err)
	}
	src.Planes[0].Data[13]++ // behind the first row
	src.Planes[1].Data[0]++
	if b, _ := convert.TruthHash(src); b != a {
		t.Error("the hash depends on what is not luma")
	}
	src.Planes[0].Data[12]++
	if b, _ := convert.TruthHash(src); b == a {
		t.Error("the last pixel of a row does not count")
	}
	rgb := random(2, 2, media.PixelRGB24, false)
	defer rgb.Release()
	if _, err := convert.TruthHash(rgb); !errors.Is(err, convert.ErrRequest) {
		t.Errorf("of RGB: %v", err)
	}
}
