package turbo_test

import (
	"bytes"
	stdjpeg "image/jpeg"
	"syscall"
	"testing"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/turbo"
	"github.com/frameport/frameport/media"
)

type nobody struct{}

func (nobody) Recycle(*frame.Frame) {}

// TestReadsNothingBeyond: TurboJPEG takes 4:2:0 luma in pairs of columns and rows,
// also where a picture with an odd size has no second one. The planes end with their
// last pixel, and the page behind them faults.
func TestReadsNothingBeyond(t *testing.T) {
	e, err := turbo.New(turbo.Config{Handles: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	page := syscall.Getpagesize()
	for w := 1; w <= 40; w += 3 {
		for h := 1; h <= 18; h++ {
			var planes [3]frame.Plane
			sizes, n := media.PixelI420.Planes(w, h)
			for i, s := range sizes[:n] {
				m, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
				if err != nil {
					t.Fatal(err)
				}
				defer syscall.Munmap(m)
				if err := syscall.Mprotect(m[page:], syscall.PROT_NONE); err != nil {
					t.Fatal(err)
				}
				planes[i] = frame.Plane{Data: m[page-s.RowBytes*s.Rows : page], Pitch: s.RowBytes}
			}
			f := &frame.Frame{}
			f.Reset(frame.Info{Format: media.PixelI420, Width: w, Height: h, Color: media.JFIF()}, planes, nobody{})
			data, err := e.Encode(t.Context(), f, jpeg.Options{Quality: 85}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := stdjpeg.DecodeConfig(bytes.NewReader(data)); err != nil || c.Width != w || c.Height != h {
				t.Fatalf("%dx%d became %dx%d, %v", w, h, c.Width, c.Height, err)
			}
		}
	}
}
