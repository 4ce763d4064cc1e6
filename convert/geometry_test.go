package convert_test

import (
	"errors"
	"image"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/media"
)

func TestResolve(t *testing.T) {
	all := image.Rect(0, 0, 1280, 720)
	tests := []struct {
		name  string
		req   convert.Request
		crop  image.Rectangle
		w, h  int
		inner image.Rectangle
	}{
		{"nothing asked", convert.Request{}, all, 1280, 720, all},
		{"width", convert.Request{Width: 640}, all, 640, 360, image.Rect(0, 0, 640, 360)},
		{"height", convert.Request{Height: 300}, all, 533, 300, image.Rect(0, 0, 533, 300)},
		{"crop", convert.Request{Crop: image.Rect(11, 21, 111, 71)}, image.Rect(11, 21, 111, 71), 100, 50, image.Rect(0, 0, 100, 50)},
		{"crop and width", convert.Request{Crop: image.Rect(0, 0, 100, 50), Width: 50}, image.Rect(0, 0, 100, 50), 50, 25, image.Rect(0, 0, 50, 25)},
		{"contain", convert.Request{Width: 640, Height: 640}, all, 640, 360, image.Rect(0, 0, 640, 360)},
		{"contain in a wide box", convert.Request{Width: 1000, Height: 90}, all, 160, 90, image.Rect(0, 0, 160, 90)},
		{"cover", convert.Request{Width: 640, Height: 640, Fit: convert.FitCover}, image.Rect(280, 0, 1000, 720), 640, 640, image.Rect(0, 0, 640, 640)},
		{"cover a wide box", convert.Request{Width: 640, Height: 180, Fit: convert.FitCover}, image.Rect(0, 180, 1280, 540), 640, 180, image.Rect(0, 0, 640, 180)},
		{"stretch", convert.Request{Width: 100, Height: 700, Fit: convert.FitStretch}, all, 100, 700, image.Rect(0, 0, 100, 700)},
		{"letterbox", convert.Request{Width: 640, Height: 640, Fit: convert.FitLetterbox}, all, 640, 640, image.Rect(0, 140, 640, 500)},
		{"pillars", convert.Request{Width: 640, Height: 180, Fit: convert.FitLetterbox}, all, 640, 180, image.Rect(160, 0, 480, 180)},
		{"enlarged", convert.Request{Width: 2560}, all, 2560, 1440, image.Rect(0, 0, 2560, 1440)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, err := convert.Resolve(test.req, 1280, 720)
			if err != nil {
				t.Fatal(err)
			}
			if want := (convert.Geometry{Crop: test.crop, Width: test.w, Height: test.h, Inner: test.inner}); g != want {
				t.Errorf("got %+v, want %+v", g, want)
			}
		})
	}
}

func TestResolveErrors(t *testing.T) {
	tests := []struct {
		req  convert.Request
		text string
	}{
		{convert.Request{Width: -1}, "negative"},
		{convert.Request{Height: -5}, "negative"},
		{convert.Request{Width: 8193}, "8192"},
		{convert.Request{Crop: image.Rect(0, 0, 10, 720), Width: 200}, "200x14400"},
		{convert.Request{Crop: image.Rect(1000, 0, 1281, 10)}, "1280x720"},
		{convert.Request{Crop: image.Rect(-1, 0, 10, 10)}, "1280x720"},
		{convert.Request{Crop: image.Rectangle{Min: image.Pt(5, 5), Max: image.Pt(5, 9)}}, "no pixels"},
		{convert.Request{Width: 5, Height: 5, Fit: 9}, "fit"},
	}
	for _, test := range tests {
		_, err := convert.Resolve(test.req, 1280, 720)
		if !errors.Is(err, convert.ErrRequest) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%+v: %v, want ErrRequest with %q", test.req, err, test.text)
		}
	}
	if _, err := convert.Resolve(convert.Request{}, 0, 0); !errors.Is(err, convert.ErrRequest) {
		t.Errorf("empty source: %v", err)
	}
}

// TestResolveInvariants tries many requests: what comes back always makes sense.
func TestResolveInvariants(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	size := func() int { return 1 + rnd.IntN([]int{3, 50, 2000}[rnd.IntN(3)]) }
	for range 20000 {
		w, h := size(), size()
		req := convert.Request{Fit: convert.Fit(rnd.IntN(4)), Width: rnd.IntN(2) * size(), Height: rnd.IntN(2) * size()}
		if rnd.IntN(2) == 0 {
			x, y := rnd.IntN(w), rnd.IntN(h)
			req.Crop = image.Rect(x, y, x+1+rnd.IntN(w-x), y+1+rnd.IntN(h-y))
		}
		g, err := convert.Resolve(req, w, h)
		if err != nil {
			if !errors.Is(err, convert.ErrRequest) {
				t.Fatalf("%+v of %dx%d: %v", req, w, h, err)
			}
			continue
		}
		box := image.Rect(0, 0, g.Width, g.Height)
		within := req.Crop
		if within.Empty() {
			within = image.Rect(0, 0, w, h)
		}
		switch {
		case g.Crop.Empty() || !g.Crop.In(within):
			t.Fatalf("%+v of %dx%d: crop %v", req, w, h, g.Crop)
		case g.Inner.Empty() || !g.Inner.In(box) || g.Inner.Min.X%2 != 0 || g.Inner.Min.Y%2 != 0:
			t.Fatalf("%+v of %dx%d: inner %v in %v", req, w, h, g.Inner, box)
		case req.Width > 0 && g.Width > req.Width || req.Height > 0 && g.Height > req.Height:
			t.Fatalf("%+v of %dx%d: result %dx%d", req, w, h, g.Width, g.Height)
		case g.Padded() && (req.Fit != convert.FitLetterbox):
			t.Fatalf("%+v of %dx%d: padded", req, w, h)
		}
	}
}

func TestTargetColor(t *testing.T) {
	src := media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
	tests := []struct {
		req  convert.Request
		want media.Color
	}{
		{convert.Request{Format: media.PixelNV12}, src},
		{convert.Request{Format: media.PixelI420, Color: media.JFIF()}, media.JFIF()},
		{convert.Request{Format: media.PixelGray8}, media.Color{Matrix: media.MatrixBT709, Range: media.RangeFull}},
		{convert.Request{Format: media.PixelRGB24, Color: media.JFIF()}, media.Color{}},
	}
	for _, test := range tests {
		if got := convert.TargetColor(test.req, src); got != test.want {
			t.Errorf("%+v: %+v, want %+v", test.req, got, test.want)
		}
	}
}
