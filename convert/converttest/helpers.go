package converttest

import (
	"bytes"
	"fmt"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// formats are all layouts that can be asked for.
func formats() []media.PixelFormat {
	return []media.PixelFormat{media.PixelI420, media.PixelNV12, media.PixelRGB24, media.PixelBGR24, media.PixelGray8}
}

// colors are all colours a source can have.
func colors() (list []media.Color) {
	for _, m := range []media.Matrix{media.MatrixBT601, media.MatrixBT709, media.MatrixBT2020} {
		for _, r := range []media.Range{media.RangeLimited, media.RangeFull} {
			list = append(list, media.Color{Matrix: m, Range: r})
		}
	}
	return list
}

// picture makes a source frame whose samples come from f; plane 0 is luma.
func picture(format media.PixelFormat, w, h int, c media.Color, f func(plane, x, y int) byte) *frame.Frame {
	out := frame.NewPool(0, nil).Get(format, w, h)
	out.Color = c
	sizes, n := format.Planes(w, h)
	for i, p := range sizes[:n] {
		for y := range p.Rows {
			for x := range p.RowBytes {
				plane, column := i, x
				if format == media.PixelNV12 && i == 1 {
					plane, column = 1+x%2, x/2
				}
				out.Planes[i].Data[y*out.Planes[i].Pitch+x] = f(plane, column, y)
			}
		}
	}
	return out
}

func noise(seed uint64) func(plane, x, y int) byte {
	rnd := rand.New(rand.NewPCG(seed, 7))
	return func(int, int, int) byte { return byte(rnd.Uint32()) }
}

// tight returns a frame's pixels without padding.
func tight(f *frame.Frame) []byte {
	sizes, n := f.Format.Planes(f.Width, f.Height)
	out := make([]byte, 0, f.Format.Size(f.Width, f.Height))
	for i, p := range sizes[:n] {
		for y := range p.Rows {
			out = append(out, f.Planes[i].Data[y*f.Planes[i].Pitch:][:p.RowBytes]...)
		}
	}
	return out
}

// rig is a converter with everything accounted for.
type rig struct {
	t testing.TB
	s Subject
	c convert.Converter
}

func newRig(t testing.TB, s Subject) *rig {
	t.Helper()
	account := new(frame.Account)
	c, err := s.New(account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if account.Frames() != 0 || account.Bytes() != 0 {
			t.Errorf("%d frames and %d bytes are still live at the end", account.Frames(), account.Bytes())
		}
	})
	return &rig{t, s, c}
}

// convert returns the result as a host frame that the caller releases.
func (r *rig) convert(src *frame.Frame, req convert.Request) *frame.Frame {
	r.t.Helper()
	in := r.s.Upload(r.t, src)
	defer in.Release()
	out, err := r.c.Convert(r.t.Context(), in, req)
	if err != nil {
		r.t.Fatalf("%+v of %dx%d: %v", req, src.Width, src.Height, err)
	}
	defer out.Release()
	return r.s.Download(r.t, out)
}

// exact compares a conversion with the truth.
func (r *rig) exact(src *frame.Frame, req convert.Request) {
	r.t.Helper()
	want, err := convert.Truth(src, req)
	if err != nil {
		r.t.Fatal(err)
	}
	got := r.convert(src, req)
	defer got.Release()
	if got.Format != want.Format || got.Width != want.Width || got.Height != want.Height || got.Color != want.Color {
		r.t.Fatalf("%v: got %v, want %v", describe(src, req), shape(got), shape(want))
	}
	a, b := tight(got), tight(want)
	if !bytes.Equal(a, b) {
		i := 0
		for a[i] == b[i] {
			i++
		}
		r.t.Fatalf("%v: byte %d of %d is %d, want %d", describe(src, req), i, len(a), a[i], b[i])
	}
}

func shape(f *frame.Frame) string {
	return fmt.Sprintf("%v %dx%d %v %v", f.Format, f.Width, f.Height, f.Color.Matrix, f.Color.Range)
}

func describe(src *frame.Frame, req convert.Request) string {
	return fmt.Sprintf("%v to %v, crop %v, %dx%d, colour %v %v", shape(src), req.Format, req.Crop, req.Width, req.Height,
		req.Color.Matrix, req.Color.Range)
}

// part cuts the rectangle out of an RGB frame's pixels.
func part(f *frame.Frame, r image.Rectangle) (out []byte) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		out = append(out, f.Planes[0].Data[y*f.Planes[0].Pitch+3*r.Min.X:][:3*r.Dx()]...)
	}
	return out
}
