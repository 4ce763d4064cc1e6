package converttest

import (
	"image"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/media"
)

// testScaledFlat: a picture of one colour keeps it exactly, whatever its size
// becomes.
func testScaledFlat(t *testing.T, s Subject) {
	r := newRig(t, s)
	for _, levels := range [][3]byte{{235, 128, 128}, {16, 128, 128}, {63, 102, 240}, {173, 42, 26}, {32, 240, 118}, {255, 255, 255}, {0, 0, 0}} {
		src := picture(media.PixelI420, 320, 180, colors()[2], func(plane, _, _ int) byte { return levels[plane] })
		one := picture(media.PixelI420, 2, 2, colors()[2], func(plane, _, _ int) byte { return levels[plane] })
		for _, format := range formats() {
			want, err := convert.Truth(one, convert.Request{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []image.Point{{160, 90}, {640, 360}, {101, 57}, {33, 200}, {1, 1}} {
				req := convert.Request{Format: format, Width: size.X, Height: size.Y, Fit: convert.FitStretch}
				got := r.convert(src, req)
				if got.Width != size.X || got.Height != size.Y {
					t.Fatalf("%v is %dx%d", describe(src, req), got.Width, got.Height)
				}
				pixels := tight(got)
				for i, v := range pixels {
					if w := flatByte(want.Planes, format, i, size); v != w {
						t.Fatalf("%v: byte %d is %d, want %d", describe(src, req), i, v, w)
					}
				}
				got.Release()
			}
			want.Release()
		}
		src.Release()
		one.Release()
	}
}

// testScaledSmooth: a smooth picture looks like the truth's.
func testScaledSmooth(t *testing.T, s Subject) {
	const tolerance = 5 // levels: one of chroma is two of blue
	r := newRig(t, s)
	src := picture(media.PixelI420, 320, 180, colors()[2], func(plane, x, y int) byte {
		if plane == 0 {
			return byte(16 + x*180/320 + y*30/180)
		}
		return byte(80 + x*60/160 + y*plane*10/90)
	})
	defer src.Release()
	for _, req := range []convert.Request{
		{Width: 160},
		{Width: 640},
		{Width: 213},
		{Height: 77},
		{Width: 100, Height: 100, Fit: convert.FitCover},
		{Width: 100, Height: 100, Fit: convert.FitStretch},
		{Width: 50, Crop: image.Rect(100, 20, 200, 120)},
		{Width: 50, Crop: image.Rect(101, 21, 201, 121)},
	} {
		for _, req.Format = range formats() {
			want, err := convert.Truth(src, req)
			if err != nil {
				t.Fatal(err)
			}
			got := r.convert(src, req)
			if got.Width != want.Width || got.Height != want.Height {
				t.Fatalf("%v is %dx%d, want %dx%d", describe(src, req), got.Width, got.Height, want.Width, want.Height)
			}
			a, b := tight(got), tight(want)
			for i := range a {
				if d := int(a[i]) - int(b[i]); d > tolerance || d < -tolerance {
					t.Fatalf("%v: byte %d of %d is %d, want %d", describe(src, req), i, len(a), a[i], b[i])
				}
			}
			got.Release()
			want.Release()
		}
	}
}

// testLetterboxBorder: scaled into boxes of many sizes, a picture of one colour
// leaves the border black right up to its edge.
func testLetterboxBorder(t *testing.T, s Subject) {
	r := newRig(t, s)
	for _, size := range []image.Point{{64, 36}, {36, 64}, {100, 30}} {
		src := picture(media.PixelI420, size.X, size.Y, media.JFIF(), func(plane, _, _ int) byte { return byte(200 + plane) })
		for w := 2; w < 100; w += 9 {
			for h := 2; h < 100; h += 14 {
				for _, format := range formats() {
					r.exact(src, convert.Request{Format: format, Width: w, Height: h, Fit: convert.FitLetterbox})
				}
			}
		}
		src.Release()
	}
}

// testLetterbox: the picture in the middle, black around it, in every layout.
func testLetterbox(t *testing.T, s Subject) {
	r := newRig(t, s)
	for _, c := range colors() {
		src := picture(media.PixelI420, 64, 36, c, noise(5))
		for _, format := range formats() {
			// As wide as the source: nothing is scaled, so it is exact.
			r.exact(src, convert.Request{Format: format, Width: 64, Height: 64, Fit: convert.FitLetterbox, Color: media.JFIF()})
			r.exact(src, convert.Request{Format: format, Width: 99, Height: 36, Fit: convert.FitLetterbox})
			r.exact(src, convert.Request{Format: format, Width: 63, Height: 41, Fit: convert.FitLetterbox, Crop: image.Rect(1, 1, 64, 36)})
		}
		src.Release()
	}
	// Scaled: the border is still black.
	src := picture(media.PixelI420, 64, 36, colors()[2], func(plane, _, _ int) byte { return []byte{235, 128, 128}[plane] })
	defer src.Release()
	got := r.convert(src, convert.Request{Format: media.PixelRGB24, Width: 100, Height: 100, Fit: convert.FitLetterbox})
	defer got.Release()
	for y, want := range map[int]byte{0: 0, 20: 0, 22: 255, 50: 255, 77: 255, 79: 0, 99: 0} {
		if v := got.Planes[0].Data[y*got.Planes[0].Pitch+150]; v != want {
			t.Errorf("row %d is %d, want %d", y, v, want)
		}
	}
}
