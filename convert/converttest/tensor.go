package converttest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// RunTensor runs the suite of converters that are a [convert.Tensorer].
func RunTensor(t *testing.T, s Subject) {
	s = s.complete()
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"Forms", testTensorForms},
		{"Any", testTensorAny},
		{"Large", testTensorLarge},
		{"Ramp", testTensorRamp},
		{"Letterbox", testTensorLetterbox},
		{"Values", testTensorValues},
		{"Refused", testTensorRefused},
		{"Cancelled", testTensorCancelled},
		{"Close", testTensorClose},
		{"Concurrent", testTensorConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

// plainTensor is what TensorSpec means when only the size is set.
func plainTensor(w, h int) convert.Tensor {
	k := float32(1. / 255)
	return convert.Tensor{
		Type: convert.TensorFloat32, Layout: convert.TensorNCHW, Width: w, Height: h, Fit: convert.FitLetterbox,
		Scale: [3]float32{k, k, k}, Std: [3]float32{1, 1, 1}, Pad: 114,
	}
}

// forms calls body for every type, layout, fit and order of channels.
func forms(base convert.Tensor, body func(convert.Tensor)) {
	for _, base.Type = range []convert.TensorType{convert.TensorUint8, convert.TensorFloat16, convert.TensorFloat32} {
		for _, base.Layout = range []convert.TensorLayout{convert.TensorNCHW, convert.TensorNHWC} {
			for _, base.Fit = range []convert.Fit{convert.FitLetterbox, convert.FitCover, convert.FitStretch} {
				for _, base.BGR = range []bool{false, true} {
					body(base)
				}
			}
		}
	}
}

// testTensorForms: every form, of pictures that are enlarged, shrunk, halved, averaged,
// left as they are, and cut at odd columns and rows, in every colour.
func testTensorForms(t *testing.T, s Subject) {
	r := newRig(t, s)
	i := 0
	for _, size := range []image.Point{{32, 18}, {33, 17}, {1, 1}, {64, 36}, {9, 90}} {
		src := picture([]media.PixelFormat{media.PixelI420, media.PixelNV12}[i%2], size.X, size.Y, colors()[i%6], noise(uint64(i)))
		for _, to := range []image.Point{{32, 32}, {16, 9}, {7, 5}, {50, 40}, {33, 17}, {27, 17}, {32, 12}} {
			forms(plainTensor(to.X, to.Y), func(tensor convert.Tensor) {
				if tensor.Type == convert.TensorUint8 {
					tensor.Scale = [3]float32{1, 1, 1}
				}
				r.tensor(src, tensor)
			})
		}
		src.Release()
		i++
	}
}

// testTensorAny: whatever can be asked for, by chance.
func testTensorAny(t *testing.T, s Subject) {
	r := newRig(t, s)
	rnd := rand.New(rand.NewPCG(11, 12))
	for i := range 400 {
		layout := []media.PixelFormat{media.PixelI420, media.PixelNV12}[rnd.IntN(2)]
		src := picture(layout, 1+rnd.IntN(90), 1+rnd.IntN(60), colors()[rnd.IntN(6)], noise(rnd.Uint64()))
		tensor := convert.Tensor{
			Type: convert.TensorType(1 + rnd.IntN(3)), Layout: convert.TensorLayout(1 + rnd.IntN(2)),
			Width: 1 + rnd.IntN(70), Height: 1 + rnd.IntN(70),
			Fit: []convert.Fit{convert.FitLetterbox, convert.FitCover, convert.FitStretch}[rnd.IntN(3)],
			BGR: rnd.IntN(2) == 1, Pad: 255 * rnd.Float32(),
		}
		for c := range 3 {
			tensor.Scale[c] = []float32{1, 1. / 255, -.5, 2}[rnd.IntN(4)]
			tensor.Mean[c] = []float32{0, .485, -1, 123.675}[rnd.IntN(4)]
			tensor.Std[c] = []float32{1, .229, 58.395, -2}[rnd.IntN(4)]
		}
		if i%5 == 0 { // one axis, or both, as large as the source
			tensor.Width = src.Width
			tensor.Height = max(1, src.Height-i%2)
		}
		r.tensor(src, tensor)
		src.Release()
	}
}

// testTensorLarge uses sizes beyond every vector, strip and block.
func testTensorLarge(t *testing.T, s Subject) {
	r := newRig(t, s)
	for i, c := range []struct{ w, h, tw, th int }{
		{1280, 720, 640, 640}, {1280, 720, 1280, 736}, {641, 33, 1201, 60}, {1920, 130, 640, 64}, {1500, 20, 1100, 41}, {1100, 20, 1090, 20},
	} {
		for j, layout := range []media.PixelFormat{media.PixelI420, media.PixelNV12} {
			src := picture(layout, c.w, c.h, colors()[2+j], noise(uint64(c.w)))
			tensor := plainTensor(c.tw, c.th)
			tensor.Type, tensor.Layout = convert.TensorType(1+(i+j)%3), convert.TensorLayout(1+(i+j)%2)
			if tensor.Type == convert.TensorUint8 {
				tensor.Scale = [3]float32{1, 1, 1}
			}
			r.tensor(src, tensor)
			if c.w*c.h < 1<<17 {
				tensor.Fit, tensor.Layout = convert.FitCover, 3-tensor.Layout
				r.tensor(src, tensor)
			}
			src.Release()
		}
	}
}

// testTensorRamp: an element's value is that of the source where the transform says
// the column is from.
func testTensorRamp(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 200, 100, media.JFIF(), func(plane, x, y int) byte {
		if plane == 0 {
			return byte(x + y/2)
		}
		return 128
	})
	defer src.Release()
	for _, size := range []image.Point{{320, 320}, {100, 100}, {64, 48}, {31, 77}, {200, 100}} {
		forms(plainTensor(size.X, size.Y), func(tensor convert.Tensor) {
			if tensor.Type != convert.TensorFloat32 || tensor.Layout != convert.TensorNCHW {
				return
			}
			got := values(r.tensor(src, tensor), tensor.Type)
			g, err := tensor.Resolve(src.Width, src.Height)
			if err != nil {
				t.Fatal(err)
			}
			m := g.Transform()
			for y := g.Inner.Min.Y + 1; y < g.Inner.Max.Y-1; y++ {
				for x := g.Inner.Min.X + 1; x < g.Inner.Max.X-1; x++ {
					sx, sy := (float64(x)+.5)*m.ScaleX+m.OffsetX-.5, (float64(y)+.5)*m.ScaleY+m.OffsetY-.5
					if sx < 1 || sy < 1 || sx > 198 || sy > 98 {
						continue // at the edge there are fewer pixels to look at
					}
					v := 255 * got[y*tensor.Width+x]
					if want := sx + sy/2; math.Abs(v-want) > 1.6 { // y/2 and the code are rounded
						t.Fatalf("%s: %d,%d is %.2f, want %.2f from %.2f,%.2f", form(tensor), x, y, v, want, sx, sy)
					}
				}
			}
		})
	}
}

// testTensorLetterbox: the picture lies where Convert's letterbox has it.
func testTensorLetterbox(t *testing.T, s Subject) {
	r := newRig(t, s)
	for _, size := range []image.Point{{64, 36}, {36, 64}, {100, 30}, {33, 33}} {
		src := picture(media.PixelI420, size.X, size.Y, media.JFIF(), func(plane, _, _ int) byte { return []byte{255, 128, 128}[plane] })
		for w := 2; w < 100; w += 9 {
			for h := 2; h < 100; h += 14 {
				box := r.convert(src, convert.Request{Format: media.PixelRGB24, Width: w, Height: h, Fit: convert.FitLetterbox})
				tensor := plainTensor(w, h)
				tensor.Type, tensor.Layout, tensor.Scale, tensor.Pad = convert.TensorUint8, convert.TensorNHWC, [3]float32{1, 1, 1}, 0
				if got := r.tensor(src, tensor); !bytes.Equal(got, tight(box)) {
					t.Errorf("%v into %dx%d is not where Convert's letterbox is", size, w, h)
				}
				box.Release()
			}
		}
		src.Release()
	}
}

// tensor compares a tensor with the truth and returns it. It lies at an odd address,
// between bytes that are not to be touched.
func (r *rig) tensor(src *frame.Frame, tensor convert.Tensor) []byte {
	r.t.Helper()
	want, err := convert.TruthTensor(src, tensor)
	if err != nil {
		r.t.Fatal(err)
	}
	in := r.s.Upload(r.t, src)
	defer in.Release()
	const guard = 33
	all := bytes.Repeat([]byte{0xEE}, len(want)+2*guard)
	got := all[guard:][:len(want):len(want)]
	what := fmt.Sprintf("%v to %s", shape(src), form(tensor))
	if err := r.tensorer().Tensor(r.t.Context(), in, tensor, got); err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	edges := append(bytes.Clone(all[:guard]), all[guard+len(want):]...)
	if !bytes.Equal(edges, bytes.Repeat([]byte{0xEE}, 2*guard)) {
		r.t.Fatalf("%s: bytes around it were written", what)
	}
	r.close(what, tensor.Type, got, want)
	return got
}

// close compares as closely as the type allows.
func (r *rig) close(what string, kind convert.TensorType, got, want []byte) {
	r.t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	a, b := values(got, kind), values(want, kind)
	for i := range a {
		tolerance := 1.
		if kind != convert.TensorUint8 {
			tolerance = 1e-3 * max(1, math.Abs(b[i]))
		}
		if !(math.Abs(a[i]-b[i]) <= tolerance) {
			r.t.Fatalf("%s: element %d of %d is %g, want %g", what, i, len(a), a[i], b[i])
		}
	}
}

func (r *rig) tensorer() convert.Tensorer {
	r.t.Helper()
	c, ok := r.c.(convert.Tensorer)
	if !ok {
		r.t.Fatalf("%T makes no tensors", r.c)
	}
	return c
}

func form(t convert.Tensor) string {
	return fmt.Sprintf("%v layout %d fit %d BGR %v %dx%d scale %v mean %v std %v pad %g",
		t.Type, t.Layout, t.Fit, t.BGR, t.Width, t.Height, t.Scale, t.Mean, t.Std, t.Pad)
}

// values are the elements as numbers.
func values(b []byte, kind convert.TensorType) []float64 {
	out := make([]float64, len(b)/kind.Size())
	for i := range out {
		switch kind {
		case convert.TensorUint8:
			out[i] = float64(b[i])
		case convert.TensorFloat16:
			out[i] = float16(binary.LittleEndian.Uint16(b[2*i:]))
		default:
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		}
	}
	return out
}

// float16 is the value of an IEEE 754 binary16.
func float16(v uint16) float64 {
	sign, exponent, fraction := 1-2*float64(v>>15), int(v>>10&31), float64(v&1023)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		return sign * math.Inf(1)
	default:
		return sign * math.Ldexp(1024+fraction, exponent-25)
	}
}
