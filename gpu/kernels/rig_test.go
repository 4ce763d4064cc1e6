package kernels_test

import (
	"image"
	"math/rand/v2"
	"runtime"
	"testing"
	"unsafe"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/gpu/kernels/hostkernels"
	"github.com/frameport/frameport/media"
)

// host is memory that kernels on the CPU may use: pinned, with guard bytes behind
// every buffer.
type host struct {
	t      testing.TB
	pinner runtime.Pinner
	guards [][]byte
	luma   []byte // of the latest source
}

const guard = 64

func newHost(t testing.TB) *host {
	h := &host{t: t}
	t.Cleanup(func() {
		for _, g := range h.guards {
			for _, b := range g {
				if b != 0xEE {
					t.Error("a kernel wrote beyond its output")
				}
			}
		}
		h.pinner.Unpin()
	})
	return h
}

func (h *host) buffer(size int) []byte {
	all := make([]byte, size+guard)
	h.pinner.Pin(&all[0])
	for i := range guard {
		all[size+i] = 0xEE
	}
	h.guards = append(h.guards, all[size:])
	return all[:size:size]
}

func address(b []byte) gpu.Address { return gpu.Address(uintptr(unsafe.Pointer(&b[0]))) }

func (h *host) run(name string, width, height, tileX, tileY int, params unsafe.Pointer) {
	h.t.Helper()
	// More threads than pixels, as a launch has.
	if err := hostkernels.Run(name, (width+tileX-1)/tileX+3, (height+tileY-1)/tileY+2, params); err != nil {
		h.t.Fatal(err)
	}
}

// source makes a random NV12 frame and the same picture for a kernel, as P016 if
// wide: with low bits that round to the same bytes.
func (h *host) source(w, height int, c media.Color, rnd *rand.Rand, wide bool) (*frame.Frame, kernels.Picture) {
	f := frame.NewPool(0, nil).Get(media.PixelNV12, w, height)
	f.Color = c
	p := kernels.Picture{Width: int32(w), Height: int32(height), Depth: 8}
	sample := 1
	if wide {
		p.Depth, sample = 16, 2
	}
	sizes, _ := media.PixelNV12.Planes(w, height)
	pitch := (sizes[1].RowBytes*sample + 3) / 4 * 4
	for i := range 2 {
		out := h.buffer(pitch * sizes[i].Rows)
		for y := range sizes[i].Rows {
			for x := range sizes[i].RowBytes {
				v := byte(rnd.Uint32())
				f.Planes[i].Data[y*f.Planes[i].Pitch+x] = v
				if !wide {
					out[y*pitch+x] = v
					continue
				}
				code := max(0, int(v)<<8+rnd.IntN(256)-128)
				if code+128 > 0xFFFF {
					code = 0xFFFF
				}
				out[y*pitch+2*x], out[y*pitch+2*x+1] = byte(code), byte(code>>8)
			}
		}
		if i == 0 {
			p.Luma, p.LumaPitch, h.luma = address(out), int32(pitch), out
		} else {
			p.Chroma, p.ChromaPitch = address(out), int32(pitch)
		}
	}
	return f, p
}

func rect(r image.Rectangle) kernels.Rect {
	return kernels.Rect{X: int32(r.Min.X), Y: int32(r.Min.Y), Width: int32(r.Dx()), Height: int32(r.Dy())}
}

func view(p kernels.Picture, g convert.Geometry) kernels.View {
	return kernels.View{Source: p, Crop: rect(g.Crop), Inner: rect(g.Inner), Width: int32(g.Width), Height: int32(g.Height)}
}

// equal compares rows of a kernel's output with a plane of the truth.
func (h *host) equal(what string, got []byte, pitch int, want *frame.Frame, plane, tolerance int) {
	h.t.Helper()
	sizes, _ := want.Format.Planes(want.Width, want.Height)
	for y := range sizes[plane].Rows {
		for x := range sizes[plane].RowBytes {
			g, w := int(got[y*pitch+x]), int(want.Planes[plane].Data[y*want.Planes[plane].Pitch+x])
			if g-w > tolerance || w-g > tolerance {
				h.t.Fatalf("%s: plane %d, byte %d of row %d is %d, want %d", what, plane, x, y, g, w)
			}
		}
	}
}

func colors() (list []media.Color) {
	for _, m := range []media.Matrix{media.MatrixBT601, media.MatrixBT709, media.MatrixBT2020} {
		for _, r := range []media.Range{media.RangeLimited, media.RangeFull} {
			list = append(list, media.Color{Matrix: m, Range: r})
		}
	}
	return list
}

// requests are crops and borders without scaling for a picture of w x h.
func requests(w, h int, rnd *rand.Rand) []convert.Request {
	x, y := rnd.IntN(w), rnd.IntN(h)
	crop := image.Rect(x, y, x+1+rnd.IntN(w-x), y+1+rnd.IntN(h-y))
	list := []convert.Request{{}, {Crop: crop}}
	// A letterbox around a picture of its own size has a border on one axis only.
	return append(list,
		convert.Request{Width: w, Height: h + 6, Fit: convert.FitLetterbox},
		convert.Request{Width: w + 13, Height: h, Fit: convert.FitLetterbox})
}
