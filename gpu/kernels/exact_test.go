package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/media"
)

// each runs body for every colour, depth, and a number of sizes and requests.
func each(t *testing.T, format media.PixelFormat, body func(h *host, what string, k kase)) {
	t.Helper()
	h := newHost(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, c := range colors() {
		for _, wide := range []bool{false, true} {
			for _, size := range [][2]int{{1, 1}, {2, 2}, {3, 5}, {8, 4}, {37, 17}, {64, 9}, {1 + rnd.IntN(70), 1 + rnd.IntN(30)}} {
				src, p := h.source(size[0], size[1], c, rnd, wide)
				for _, req := range requests(size[0], size[1], rnd) {
					req.Format = format
					for _, to := range []media.Color{{}, media.JFIF()} {
						req.Color = to
						g, err := convert.Resolve(req, size[0], size[1])
						if err != nil {
							t.Fatal(err)
						}
						want, err := convert.Truth(src, req)
						if err != nil {
							t.Fatal(err)
						}
						what := fmt.Sprintf("%dx%d %v wide %v %+v", size[0], size[1], c, wide, req)
						body(h, what, kase{from: c, to: convert.TargetColor(req, c), view: view(p, g), g: g, check: func(got []byte, pitch, plane int) {
							t.Helper()
							h.equal(what, got, pitch, want, plane, 0)
						}})
						want.Release()
					}
				}
				src.Release()
			}
		}
	}
}

type kase struct {
	from, to media.Color
	view     kernels.View
	g        convert.Geometry
	check    func(got []byte, pitch, plane int)
}

func TestRGBExact(t *testing.T) {
	for _, format := range []media.PixelFormat{media.PixelRGB24, media.PixelBGR24} {
		each(t, format, func(h *host, _ string, k kase) {
			for _, pitch := range []int{3 * k.g.Width, (3*k.g.Width + 7) / 4 * 4} {
				out := h.buffer(pitch * k.g.Height)
				p := kernels.RGB{View: k.view, Table: kernels.RGBTable(convert.NewRGBTable(k.from)), Pitch: int32(pitch)}
				p.Out[0] = address(out)
				if format == media.PixelBGR24 {
					p.Layout = kernels.BGRPacked
				}
				h.run("fp_nv12_to_rgb", k.g.Width, k.g.Height, 4, 2, unsafe.Pointer(&p))
				k.check(out, pitch, 0)
			}
		})
	}
}

func TestPlanarRGBExact(t *testing.T) {
	each(t, media.PixelRGB24, func(h *host, _ string, k kase) {
		n := k.g.Width * k.g.Height
		out, packed := h.buffer(3*n), make([]byte, 3*n)
		p := kernels.RGB{View: k.view, Table: kernels.RGBTable(convert.NewRGBTable(k.from)), Pitch: int32(k.g.Width), Layout: kernels.RGBPlanar}
		for i := range 3 {
			p.Out[i] = address(out[i*n:])
		}
		h.run("fp_nv12_to_rgb", k.g.Width, k.g.Height, 4, 2, unsafe.Pointer(&p))
		for i := range n {
			packed[3*i], packed[3*i+1], packed[3*i+2] = out[i], out[n+i], out[2*n+i]
		}
		k.check(packed, 3*k.g.Width, 0)
	})
}

func TestJFIF420Exact(t *testing.T) {
	for _, format := range []media.PixelFormat{media.PixelI420, media.PixelNV12} {
		each(t, format, func(h *host, _ string, k kase) {
			w, hc, wc := k.g.Width, (k.g.Height+1)/2, (k.g.Width+1)/2
			pitch := wc
			p := kernels.JFIF420{View: k.view, Table: kernels.YCCTable(convert.NewYCCTable(k.from, k.to)), LumaPitch: int32(w)}
			if format == media.PixelNV12 {
				p.Layout, pitch = kernels.ChromaInterleaved, 2*wc
			}
			p.ChromaPitch = int32(pitch)
			planes := [][]byte{h.buffer(w * k.g.Height), h.buffer(pitch * hc), h.buffer(pitch * hc)}
			p.Out = [3]gpu.Address{address(planes[0]), address(planes[1]), address(planes[2])}
			h.run("fp_nv12_to_jfif420", w, k.g.Height, 4, 2, unsafe.Pointer(&p))
			k.check(planes[0], w, 0)
			k.check(planes[1], pitch, 1)
			if format == media.PixelI420 {
				k.check(planes[2], pitch, 2)
			}
		})
	}
}

func TestGray8Exact(t *testing.T) {
	each(t, media.PixelGray8, func(h *host, _ string, k kase) {
		out := h.buffer(k.g.Width * k.g.Height)
		p := kernels.Gray8{View: k.view, Out: address(out), Table: kernels.YCCTable(convert.NewYCCTable(k.from, k.to)), Pitch: int32(k.g.Width)}
		h.run("fp_nv12_gray8", k.g.Width, k.g.Height, 4, 2, unsafe.Pointer(&p))
		k.check(out, k.g.Width, 0)
	})
}

// TestCopyExact: NV12 and P016 to NV12 of the same colour, borders aside.
func TestCopyExact(t *testing.T) {
	each(t, media.PixelNV12, func(h *host, _ string, k kase) {
		if k.g.Padded() || k.from != k.to {
			return
		}
		w, pitch := k.g.Width, (k.g.Width+1)/2*2
		luma, chroma := h.buffer(w*k.g.Height), h.buffer(pitch*((k.g.Height+1)/2))
		p := kernels.Copy{View: k.view, Luma: address(luma), Chroma: address(chroma), LumaPitch: int32(w), ChromaPitch: int32(pitch)}
		name := "fp_copy_nv12"
		if k.view.Source.Depth == 16 {
			name = "fp_p016_to_nv12"
		}
		h.run(name, w, k.g.Height, 4, 2, unsafe.Pointer(&p))
		k.check(luma, w, 0)
		k.check(chroma, pitch, 1)
	})
}

// TestEveryCode: all luma with chroma in small steps, because the sums that lie
// exactly between two results are few.
func TestEveryCode(t *testing.T) {
	const step = 5
	h := newHost(t)
	side := (255 + step) / step
	w, height := 2*side, 2*side*64 // a 2x2 block has four of the luma codes
	luma, chroma, out := h.buffer(w*height), h.buffer(w*height/2), h.buffer(3*w*height)
	for y := range height {
		for x := range w {
			luma[y*w+x] = byte(y/(2*side)*4 + y%2*2 + x%2)
			chroma[y/2*w+x&^1] = byte(x / 2 * step)
			chroma[y/2*w+x|1] = byte(y / 2 % side * step)
		}
	}
	whole := kernels.Rect{Width: int32(w), Height: int32(height)}
	pic := kernels.Picture{
		Luma: address(luma), Chroma: address(chroma), LumaPitch: int32(w), ChromaPitch: int32(w),
		Width: int32(w), Height: int32(height), Depth: 8,
	}
	v := kernels.View{Source: pic, Crop: whole, Inner: whole, Width: int32(w), Height: int32(height)}
	for _, c := range colors() {
		rgb, ycc := convert.NewRGBTable(c), convert.NewYCCTable(c, media.JFIF())
		p := kernels.RGB{View: v, Table: kernels.RGBTable(rgb), Pitch: int32(3 * w)}
		p.Out[0] = address(out)
		h.run("fp_nv12_to_rgb", w, height, 4, 2, unsafe.Pointer(&p))
		for i, y := range luma {
			at := i/w/2*w + i%w&^1
			r, g, b := rgb.Apply(y, chroma[at], chroma[at+1])
			if out[3*i] != r || out[3*i+1] != g || out[3*i+2] != b {
				t.Fatalf("%v: %d %d %d is %v, want %d %d %d", c, y, chroma[at], chroma[at+1], out[3*i:3*i+3], r, g, b)
			}
		}
		j := kernels.JFIF420{View: v, Table: kernels.YCCTable(ycc), LumaPitch: int32(w), ChromaPitch: int32(w), Layout: kernels.ChromaInterleaved}
		j.Out = [3]gpu.Address{address(out), address(out[w*height:])}
		h.run("fp_nv12_to_jfif420", w, height, 4, 2, unsafe.Pointer(&j))
		for i, y := range luma {
			at := i/w/2*w + i%w&^1
			cb, cr := ycc.Chroma(chroma[at], chroma[at+1])
			got := []byte{out[i], out[w*height+at], out[w*height+at+1]}
			if want := ycc.Luma(y, chroma[at], chroma[at+1]); got[0] != want || got[1] != cb || got[2] != cr {
				t.Fatalf("%v: %d %d %d is %v, want %d %d %d", c, y, chroma[at], chroma[at+1], got, want, cb, cr)
			}
		}
	}
}

// TestResize: bilinear is the truth's to one level, whatever the crop and border,
// and without scaling it is exact.
func TestResize(t *testing.T) {
	h := newHost(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	var difference, samples int
	for range 60 {
		w, height := 2+rnd.IntN(90), 2+rnd.IntN(60)
		src, pic := h.source(w, height, colors()[2], rnd, rnd.IntN(2) == 1)
		req := requests(w, height, rnd)[rnd.IntN(2)]
		req.Format = media.PixelNV12
		tolerance := 0
		if rnd.IntN(5) > 0 {
			req.Width, req.Height = 1+rnd.IntN(120), 1+rnd.IntN(80)
			req.Fit = []convert.Fit{convert.FitStretch, convert.FitLetterbox, convert.FitCover, convert.FitContain}[rnd.IntN(4)]
			tolerance = 1
		}
		g, err := convert.Resolve(req, w, height)
		if err != nil {
			t.Fatal(err)
		}
		want, err := convert.Truth(src, req)
		if err != nil {
			t.Fatal(err)
		}
		pitch := (g.Width + 1) / 2 * 2
		luma, chroma := h.buffer(pitch*g.Height), h.buffer(pitch*((g.Height+1)/2))
		p := kernels.Resize{
			View: view(pic, g), Luma: address(luma), Chroma: address(chroma),
			LumaPitch: int32(pitch), ChromaPitch: int32(pitch), Black: 16,
		}
		h.run("fp_resize_nv12", g.Width, g.Height, 2, 2, unsafe.Pointer(&p))
		what := fmt.Sprintf("%dx%d %+v", w, height, req)
		h.equal(what, luma, pitch, want, 0, tolerance)
		h.equal(what, chroma, pitch, want, 1, tolerance)
		for y := range g.Height {
			for x := range g.Width {
				difference += int(luma[y*pitch+x]) - int(want.Planes[0].Data[y*want.Planes[0].Pitch+x])
				samples++
			}
		}
		want.Release()
		src.Release()
	}
	// One level is allowed, but not always in the same direction.
	if mean := float64(difference) / float64(samples); math.Abs(mean) > .02 {
		t.Errorf("results are off by %.3f on average", mean)
	}
}

// TestResizeBox: the mean of the area, computed with fractions.
func TestResizeBox(t *testing.T) {
	h := newHost(t)
	rnd := rand.New(rand.NewPCG(7, 8))
	const w, height, ow, oh = 97, 61, 13, 7
	src, pic := h.source(w, height, colors()[2], rnd, false)
	defer src.Release()
	g, err := convert.Resolve(convert.Request{Width: ow, Height: oh, Fit: convert.FitStretch, Format: media.PixelNV12}, w, height)
	if err != nil {
		t.Fatal(err)
	}
	luma, chroma := h.buffer(14*oh), h.buffer(14*4)
	p := kernels.Resize{View: view(pic, g), Luma: address(luma), Chroma: address(chroma), LumaPitch: 14, ChromaPitch: 14, Filter: kernels.Box}
	h.run("fp_resize_nv12", ow, oh, 2, 2, unsafe.Pointer(&p))
	for y := range oh {
		for x := range ow {
			var sum, area float64
			left, right := float64(x)*w/ow, float64(x+1)*w/ow
			top, bottom := float64(y)*height/oh, float64(y+1)*height/oh
			for sy := int(top); sy < height && float64(sy) < bottom; sy++ {
				for sx := int(left); sx < w && float64(sx) < right; sx++ {
					part := (min(float64(sx+1), right) - max(float64(sx), left)) * (min(float64(sy+1), bottom) - max(float64(sy), top))
					sum += part * float64(src.Planes[0].Data[sy*src.Planes[0].Pitch+sx])
					area += part
				}
			}
			if got, want := float64(luma[14*y+x]), sum/area; math.Abs(got-want) > 1.5 {
				t.Fatalf("pixel %d,%d is %v, want %v", x, y, got, want)
			}
		}
	}
}

// TestTensor: all types and layouts hold the truth's RGB, scaled.
func TestTensor(t *testing.T) {
	each(t, media.PixelRGB24, func(h *host, _ string, k kase) {
		w, height := k.g.Width, k.g.Height
		n := w * height
		for mode := range 12 {
			kind, layout, bgr := int32(mode%3), int32(mode/3%2), int32(mode/6)
			size := []int{1, 2, 4}[kind]
			out, packed := h.buffer(3*n*size), make([]byte, 3*n)
			p := kernels.Tensor{
				View: k.view, Out: address(out), PlaneStride: int64(n), Table: kernels.RGBTable(convert.NewRGBTable(k.from)),
				Scale: [3]float32{1. / 255, 2, .5}, Bias: [3]float32{-.5, 1, 3}, RowStride: int32(w), Type: kind, Layout: layout, BGR: bgr,
			}
			if layout == kernels.TensorNHWC {
				p.RowStride = int32(3 * w)
			}
			if kind == kernels.TensorUint8 {
				p.Scale, p.Bias = [3]float32{1, 1, 1}, [3]float32{}
			}
			h.run("fp_nv12_to_tensor", w, height, 1, 1, unsafe.Pointer(&p))
			for i := range n {
				for c := range 3 {
					at := c*n + i
					if layout == kernels.TensorNHWC {
						at = 3*i + c
					}
					colour := c
					if bgr == 1 {
						colour = 2 - c
					}
					packed[3*i+colour] = code(out, at, kind, p.Scale[c], p.Bias[c])
				}
			}
			k.check(packed, 3*w, 0)
		}
	})
}

// code is the byte that an element was made from.
func code(out []byte, at int, kind int32, scale, bias float32) byte {
	switch kind {
	case kernels.TensorUint8:
		return out[at]
	case kernels.TensorFP16:
		v := half(uint16(out[2*at]) | uint16(out[2*at+1])<<8)
		return byte(math.Round((v - float64(bias)) / float64(scale)))
	default:
		bits := uint32(out[4*at]) | uint32(out[4*at+1])<<8 | uint32(out[4*at+2])<<16 | uint32(out[4*at+3])<<24
		return byte(math.Round((float64(math.Float32frombits(bits)) - float64(bias)) / float64(scale)))
	}
}

// half is the value of an IEEE 754 binary16.
func half(v uint16) float64 {
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

// TestTensorBytes: UINT8 is rounded to the nearest value, to the even one in the
// middle, and saturated; the border need not be a whole number.
func TestTensorBytes(t *testing.T) {
	h := newHost(t)
	src, pic := h.source(1, 1, media.Color{Matrix: media.MatrixBT601, Range: media.RangeFull}, rand.New(rand.NewPCG(1, 2)), false)
	defer src.Release()
	for _, c := range []struct {
		pad, scale, bias float32
		want             byte
	}{
		{114, 1, 0, 114},
		{114.25, 2, 0, 228}, // 228.5, to even
		{114.75, 2, 0, 230}, // 229.5, to even
		{100, 1, .75, 101},
		{100, 1, -100.4, 0},
		{100, -1, 0, 0},
		{100, 1e30, 0, 255},
		{255, 1, .4, 255},
	} {
		out := h.buffer(3)
		whole := kernels.Rect{Width: 1, Height: 1}
		p := kernels.Tensor{
			View: kernels.View{Source: pic, Crop: whole, Width: 1, Height: 1}, Out: address(out), PlaneStride: 1, RowStride: 1,
			Type: kernels.TensorUint8, Scale: [3]float32{c.scale, c.scale, c.scale}, Bias: [3]float32{c.bias, c.bias, c.bias},
			Pad: [3]float32{c.pad, c.pad, c.pad},
		}
		h.run("fp_nv12_to_tensor", 1, 1, 1, 1, unsafe.Pointer(&p))
		if out[0] != c.want || out[2] != c.want {
			t.Errorf("%g*%g%+g is %v, want %d", c.pad, c.scale, c.bias, out, c.want)
		}
	}
}

// TestFloat16 rounds to the nearest value, to the even one in the middle.
func TestFloat16(t *testing.T) {
	h := newHost(t)
	src, pic := h.source(1, 1, media.Color{Matrix: media.MatrixBT601, Range: media.RangeFull}, rand.New(rand.NewPCG(1, 2)), false)
	defer src.Release()
	for _, c := range []struct {
		in   float32
		want uint16
	}{
		{0, 0},
		{1, 0x3C00},
		{-2, 0xC000},
		{65504, 0x7BFF},
		{65519, 0x7BFF},
		{65520, 0x7C00},
		{-1e9, 0xFC00},
		{float32(math.Inf(1)), 0x7C00},
		{1 + 1./2048, 0x3C00}, // half way, to even
		{1 + 3./2048, 0x3C02},
		{1 + 1./2048 + 1e-6, 0x3C01},
		{float32(math.Ldexp(1, -14)), 0x0400},
		{float32(math.Ldexp(1, -24)), 0x0001},
		{float32(math.Ldexp(1, -25)), 0x0000}, // half way, to even
		{float32(math.Ldexp(1.5, -25)), 0x0001},
		{float32(math.Ldexp(3, -25)), 0x0002},
		{float32(math.Ldexp(1, -26)), 0x0000},
		{float32(math.Ldexp(1023.75, -24)), 0x0400},
	} {
		out := h.buffer(6)
		whole := kernels.Rect{Width: 1, Height: 1}
		p := kernels.Tensor{
			View: kernels.View{Source: pic, Crop: whole, Inner: whole, Width: 1, Height: 1}, Out: address(out),
			PlaneStride: 1, RowStride: 1, Type: kernels.TensorFP16, Bias: [3]float32{c.in, c.in, c.in},
		}
		h.run("fp_nv12_to_tensor", 1, 1, 1, 1, unsafe.Pointer(&p))
		if got := uint16(out[0]) | uint16(out[1])<<8; got != c.want {
			t.Errorf("%g is %#04x, want %#04x", c.in, got, c.want)
		}
	}
}

// TestHash: any changed pixel changes the hash, padding does not count, and P016 of
// the same pixels has the same.
func TestHash(t *testing.T) {
	h := newHost(t)
	const w, height = 101, 37
	rnd := rand.New(rand.NewPCG(9, 9))
	src, pic := h.source(w, height, colors()[2], rnd, false)
	defer src.Release()
	hash := func(p kernels.Picture) (v uint64) {
		out := h.buffer(8)
		params := kernels.Hash{Source: p, Out: address(out)}
		h.run("fp_hash64", w, height, 8, 16, unsafe.Pointer(&params))
		for i, b := range out {
			v |= uint64(b) << (8 * i)
		}
		return v
	}
	base := hash(pic)
	luma := h.luma
	seen := map[uint64]bool{base: true}
	for _, pixel := range rnd.Perm(w * height)[:500] {
		at := pixel/w*int(pic.LumaPitch) + pixel%w
		luma[at]++
		v := hash(pic)
		if seen[v] {
			t.Fatalf("the hash %x came twice", v)
		}
		seen[v] = true
		luma[at]--
	}
	luma[w]++ // the byte behind the first row
	if hash(pic) != base {
		t.Error("the hash depends on what is not in the picture")
	}
	wide := h.buffer(2 * w * height)
	for y := range height {
		for x := range w {
			wide[2*(y*w+x)+1] = luma[y*int(pic.LumaPitch)+x]
		}
	}
	pic.Luma, pic.LumaPitch, pic.Depth = address(wide), 2*w, 16
	if hash(pic) != base {
		t.Error("P016 of the same pixels has another hash")
	}
}
