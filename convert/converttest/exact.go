package converttest

import (
	"bytes"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/media"
)

// testExact tries every colour with every layout on small pictures of all
// shapes, odd sizes and odd crops among them.
func testExact(t *testing.T, s Subject) {
	r := newRig(t, s)
	rnd := rand.New(rand.NewPCG(1, 1))
	targets := append(colors(), media.Color{}, media.Color{Range: media.RangeFull})
	for _, from := range colors() {
		for _, format := range formats() {
			for _, to := range targets {
				w, h := 1+rnd.IntN(40), 1+rnd.IntN(20)
				layout := []media.PixelFormat{media.PixelI420, media.PixelNV12}[rnd.IntN(2)]
				src := picture(layout, w, h, from, noise(rnd.Uint64()))
				r.exact(src, convert.Request{Format: format, Color: to})
				x, y := rnd.IntN(w), rnd.IntN(h)
				crop := image.Rect(x, y, x+1+rnd.IntN(w-x), y+1+rnd.IntN(h-y))
				r.exact(src, convert.Request{Format: format, Color: to, Crop: crop})
				src.Release()
			}
		}
	}
	for w := 1; w <= 5; w++ {
		for h := 1; h <= 5; h++ {
			src := picture(media.PixelI420, w, h, colors()[2], noise(9))
			for _, format := range formats() {
				r.exact(src, convert.Request{Format: format, Color: media.JFIF()})
			}
			src.Release()
		}
	}
}

// testExactLarge uses sizes beyond every vector, strip and block.
func testExactLarge(t *testing.T, s Subject) {
	r := newRig(t, s)
	for _, size := range []image.Point{{1280, 720}, {1919, 107}, {513, 3}, {1025, 2}, {511, 33}} {
		if testing.Short() {
			size.Y = min(size.Y, 240) // of more strips and blocks still
		}
		for i, layout := range []media.PixelFormat{media.PixelI420, media.PixelNV12} {
			src := picture(layout, size.X, size.Y, colors()[2+i], noise(uint64(size.X)))
			for _, format := range formats() {
				r.exact(src, convert.Request{Format: format, Color: media.JFIF()})
			}
			crop := image.Rect(1, 1, size.X-2, size.Y)
			r.exact(src, convert.Request{Format: media.PixelRGB24, Crop: crop})
			r.exact(src, convert.Request{Format: media.PixelI420, Crop: crop, Color: media.JFIF()})
			src.Release()
		}
	}
}

// testEveryCode: all luma values, with chroma at and around the ends of its range.
func testEveryCode(t *testing.T, s Subject) {
	r := newRig(t, s)
	levels := []byte{0, 1, 15, 16, 17, 64, 127, 128, 129, 192, 239, 240, 241, 254, 255}
	for _, c := range colors() {
		src := picture(media.PixelI420, 2*len(levels), 2*len(levels)*18, c, func(plane, x, y int) byte {
			switch plane {
			case 0:
				return byte(x%2 + 2*(y%2) + 4*(y/(2*len(levels)))*4) // every code somewhere in a block
			case 1:
				return levels[x]
			default:
				return levels[y%len(levels)]
			}
		})
		for _, format := range formats() {
			r.exact(src, convert.Request{Format: format, Color: media.JFIF()})
		}
		src.Release()
	}
}

// testCropOfWhole: a crop shows the very pixels that the whole picture has there.
func testCropOfWhole(t *testing.T, s Subject) {
	r := newRig(t, s)
	src := picture(media.PixelI420, 77, 31, colors()[2], noise(3))
	defer src.Release()
	whole := r.convert(src, convert.Request{Format: media.PixelRGB24})
	defer whole.Release()
	for _, crop := range []image.Rectangle{
		image.Rect(0, 0, 10, 10), image.Rect(1, 1, 12, 12), image.Rect(33, 8, 77, 31), image.Rect(76, 30, 77, 31), image.Rect(5, 2, 6, 3),
	} {
		got := r.convert(src, convert.Request{Format: media.PixelRGB24, Crop: crop})
		if !bytes.Equal(tight(got), part(whole, crop)) {
			t.Errorf("crop %v differs from the whole picture there", crop)
		}
		got.Release()
	}
}
