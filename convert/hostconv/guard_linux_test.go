package hostconv

import (
	"image"
	"syscall"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// guarded returns n bytes behind which nothing may be read: the next page faults.
func guarded(t *testing.T, n int) []byte {
	t.Helper()
	page := syscall.Getpagesize()
	size := (n + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(m[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return m[size-n : size]
}

type nobody struct{}

func (nobody) Recycle(*frame.Frame) {}

// TestReadsNothingBeyond: planes are read as far behind their last pixel as every
// frame allows and no further, whatever vectors and swscale would like; and nothing is
// written behind a tensor.
func TestReadsNothingBeyond(t *testing.T) {
	c := New(Config{})
	defer c.Close()
	for w := 1; w <= 100; w += 9 {
		for _, format := range []media.PixelFormat{media.PixelI420, media.PixelNV12} {
			const h = 19
			var planes [3]frame.Plane
			sizes, n := format.Planes(w, h)
			for i, s := range sizes[:n] {
				planes[i] = frame.Plane{Data: guarded(t, s.RowBytes*s.Rows+frame.Overread)[:s.RowBytes*s.Rows], Pitch: s.RowBytes}
			}
			src := &frame.Frame{}
			src.Reset(frame.Info{Format: format, Width: w, Height: h, Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}}, planes, nobody{})
			for _, out := range []media.PixelFormat{media.PixelI420, media.PixelNV12, media.PixelRGB24, media.PixelGray8} {
				for _, req := range []convert.Request{
					{},
					{Crop: image.Rect(w/2, 5, w, h)},
					{Width: 64},
					{Width: 7, Height: 40, Fit: convert.FitStretch},
					{Crop: image.Rect(w/2, 5, w, h), Width: 50},
				} {
					req.Format, req.Color = out, media.JFIF()
					f, err := c.Convert(t.Context(), src, req)
					if err != nil {
						t.Fatal(err)
					}
					f.Release()
				}
			}
			for _, size := range []image.Point{{w, h}, {(w + 1) / 2, 9}, {50, 33}, {5, 3}} {
				for _, fit := range []convert.Fit{convert.FitCover, convert.FitLetterbox, convert.FitStretch} {
					one := [3]float32{1, 1, 1}
					tensor := convert.Tensor{
						Type: convert.TensorUint8, Layout: convert.TensorNHWC, Width: size.X, Height: size.Y, Fit: fit, Scale: one, Std: one,
					}
					for _, tensor.Type = range []convert.TensorType{convert.TensorUint8, convert.TensorFloat16, convert.TensorFloat32} {
						if err := c.Tensor(t.Context(), src, tensor, guarded(t, tensor.Bytes())); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if _, err := c.Hash(t.Context(), src); err != nil {
				t.Fatal(err)
			}
		}
	}
}
