package converttest

import (
	"bytes"
	"context"
	"errors"
	"image"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// flatByte is what byte i of a tight picture of one colour must be, given a
// picture of that colour.
func flatByte(p [3]frame.Plane, format media.PixelFormat, i int, size image.Point) byte {
	luma := size.X * size.Y
	chroma := ((size.X + 1) / 2) * ((size.Y + 1) / 2)
	switch {
	case format == media.PixelRGB24 || format == media.PixelBGR24:
		return p[0].Data[i%3]
	case i < luma:
		return p[0].Data[0]
	case format == media.PixelNV12:
		return p[1].Data[(i-luma)%2]
	default:
		return p[1+(i-luma)/chroma].Data[0]
	}
}

// testIdentity: a request that changes nothing gives the same pixels, and in the
// source's own layout the source itself.
func testIdentity(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	in := s.Upload(t, src)
	defer in.Release()
	for _, req := range []convert.Request{
		{Format: in.Format},
		{Format: in.Format, Crop: image.Rect(0, 0, 64, 36)},
		{Format: in.Format, Width: 64, Height: 36, Fit: convert.FitLetterbox},
		{Format: in.Format, Color: src.Color},
	} {
		out, err := r.c.Convert(t.Context(), in, req)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case s.Copies:
			r.exact(src, req)
		case out != in:
			t.Errorf("%v: not the source itself", describe(src, req))
		}
		out.Release()
	}
	r.exact(src, convert.Request{Format: media.PixelI420})
}

// testInfo: a picture is still the same frame after conversion.
func testInfo(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	now := time.Now()
	src.ID = frame.ID{Epoch: 3, Sequence: 9}
	src.Times = media.Times{PTS: 5, Capture: now, CaptureError: 2, Source: media.ClockRTCP, Received: now}
	src.Decoded, src.Published, src.Dropped = now, 77, frame.Drops{Policy: 1, Network: 2, Decode: 3}
	src.KeyFrame, src.Corrupt = true, true
	got := r.convert(src, convert.Request{Format: media.PixelBGR24, Width: 32})
	defer got.Release()
	want := src.Info
	want.Format, want.Width, want.Height, want.Color = media.PixelBGR24, 32, 18, media.Color{}
	if got.Info != want {
		t.Errorf("got %+v, want %+v", got.Info, want)
	}
}

func testErrors(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	in := s.Upload(t, src)
	defer in.Release()
	for text, req := range map[string]convert.Request{
		"64x36":     {Format: media.PixelRGB24, Crop: image.Rect(0, 0, 65, 36)},
		"no pixels": {Format: media.PixelRGB24, Crop: image.Rectangle{Min: image.Pt(9, 9), Max: image.Pt(9, 12)}},
		"negative":  {Format: media.PixelRGB24, Width: -1},
		"8192":      {Format: media.PixelRGB24, Width: 9000},
		"unknown":   {},
	} {
		_, err := r.c.Convert(t.Context(), in, req)
		if !errors.Is(err, convert.ErrRequest) || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v, want ErrRequest with %q", req, err, text)
		}
	}
}

func testCancelled(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	in := s.Upload(t, src)
	defer in.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.c.Convert(ctx, in, convert.Request{Format: media.PixelRGB24}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

// testClose: results outlive the converter, which says that it is closed.
func testClose(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 64, 36, colors()[2], noise(1))
	defer src.Release()
	req := convert.Request{Format: media.PixelRGB24}
	out := r.convert(src, req)
	defer out.Release()
	before := bytes.Clone(tight(out))
	for range 2 {
		if err := r.c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if !bytes.Equal(before, tight(out)) {
		t.Error("a result has changed with Close")
	}
	in := s.Upload(t, src)
	defer in.Release()
	if f, err := r.c.Convert(t.Context(), in, req); err == nil {
		f.Release()
		t.Error("a closed converter converts")
	}
}

// testConcurrent: many goroutines, many shapes, one converter.
func testConcurrent(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 160, 90, colors()[2], noise(1))
	defer src.Release()
	var work sync.WaitGroup
	for i := range 6 {
		work.Go(func() {
			for j := range 30 {
				req := convert.Request{Format: formats()[(i+j)%5], Color: media.JFIF()}
				r.exact(src, req)
				req.Width = 20 + 10*(j%15)
				f := r.convert(src, req)
				if f.Width != req.Width {
					t.Errorf("width %d, want %d", f.Width, req.Width)
				}
				f.Release()
			}
		})
	}
	work.Wait()
}
