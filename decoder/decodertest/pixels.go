package decodertest

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// testBitExact compares every 8-bit 4:2:0 picture with FFmpeg's framemd5.
func testBitExact(t *testing.T, s Subject) {
	for _, name := range clips(t, s, func(e testvideo.Entry) bool { return e.Golden != "" && e.PixFmt == "yuv420p" }) {
		t.Run(name, func(t *testing.T) {
			c, shots := decodeClip(t, s, name, decoder.Config{})
			want := golden(t, name)
			if len(shots) != len(want.MD5) {
				t.Fatalf("%d frames, want %d", len(shots), len(want.MD5))
			}
			for i := range shots {
				if shots[i].Width != c.Width || shots[i].Height != c.Height {
					t.Fatalf("frame %d is %dx%d, want %dx%d", i, shots[i].Width, shots[i].Height, c.Width, c.Height)
				}
				if got := shots[i].md5(); got != want.MD5[i] {
					t.Fatalf("frame %d: hash %s, want %s", i, got, want.MD5[i])
				}
				if shots[i].Corrupt {
					t.Errorf("frame %d of a clean clip is flagged corrupt", i)
				}
			}
		})
	}
}

// testJPEG compares MJPEG pictures with the standard library's decoder. The
// inverse DCT is not exactly specified, so a few levels are allowed.
func testJPEG(t *testing.T, s Subject) {
	const tolerance = 3
	for _, name := range clips(t, s, func(e testvideo.Entry) bool { return e.Codec == "MJPEG" }) {
		t.Run(name, func(t *testing.T) {
			c, shots := decodeClip(t, s, name, decoder.Config{})
			if len(shots) != len(c.Units) {
				t.Fatalf("%d frames, want %d", len(shots), len(c.Units))
			}
			for i := range shots {
				img, err := jpeg.Decode(bytes.NewReader(c.Units[i].Data))
				if err != nil {
					t.Fatal(err)
				}
				want, ok := img.(*image.YCbCr)
				if !ok {
					t.Fatalf("the clip's picture is a %T", img)
				}
				comparePlanes(t, &shots[i], want, tolerance)
				if shots[i].Color != media.JFIF() {
					t.Errorf("colour %+v, want JFIF", shots[i].Color)
				}
				if !shots[i].KeyFrame || shots[i].Corrupt {
					t.Errorf("frame %d: key %v, corrupt %v", i, shots[i].KeyFrame, shots[i].Corrupt)
				}
			}
		})
	}
}

func comparePlanes(t *testing.T, got *shot, want *image.YCbCr, tolerance int) {
	t.Helper()
	w, h := want.Rect.Dx(), want.Rect.Dy()
	if got.Width != w || got.Height != h {
		t.Fatalf("frame is %dx%d, want %dx%d", got.Width, got.Height, w, h)
	}
	for y := range h {
		for x := range w {
			if d := int(got.pixels[y*w+x]) - int(want.Y[want.YOffset(x, y)]); d < -tolerance || d > tolerance {
				t.Fatalf("luma at %d,%d is off by %d", x, y, d)
			}
		}
	}
	if want.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		return // resampled chroma is checked by its mean only
	}
	cw, ch := (w+1)/2, (h+1)/2
	for y := range ch {
		for x := range cw {
			o := y*want.CStride + x
			cb := int(got.pixels[w*h+y*cw+x]) - int(want.Cb[o])
			cr := int(got.pixels[w*h+cw*ch+y*cw+x]) - int(want.Cr[o])
			if max(cb, -cb, cr, -cr) > tolerance {
				t.Fatalf("chroma at %d,%d is off by %d, %d", x, y, cb, cr)
			}
		}
	}
}

// testOtherFormats: 4:2:2, 4:4:4 and 10 bits become 8-bit 4:2:0 that shows the
// same picture.
func testOtherFormats(t *testing.T, s Subject) {
	for _, name := range clips(t, s, func(e testvideo.Entry) bool {
		return e.Codec != "MJPEG" && e.PixFmt != "yuv420p"
	}) {
		t.Run(name, func(t *testing.T) {
			c, shots := decodeClip(t, s, name, decoder.Config{})
			if len(shots) != len(c.Units) {
				t.Fatalf("%d frames, want %d", len(shots), len(c.Units))
			}
			for i := range shots {
				if shots[i].Width != c.Width || shots[i].Height != c.Height {
					t.Fatalf("frame %d is %dx%d, want %dx%d", i, shots[i].Width, shots[i].Height, c.Width, c.Height)
				}
				if camera, number := shots[i].barcode(t); camera != c.Camera || number != i {
					t.Fatalf("frame %d shows camera %d, frame %d", i, camera, number)
				}
				checkBarLevels(t, &shots[i])
			}
		})
	}
}

// checkBarLevels checks that black and white of the bar code are where limited
// range has them: no conversion has moved the range.
func checkBarLevels(t *testing.T, s *shot) {
	t.Helper()
	const tolerance = 12 // the coder's loss
	// The start pattern is 0xA6, 1010 0110: the first block is white, the second black.
	y, block := testvideo.BarHeight(s.Height)/2, s.Width/64
	white, black := int(s.pixels[y*s.Width+block/2]), int(s.pixels[y*s.Width+block+block/2])
	if max(white-235, 235-white, black-16, 16-black) > tolerance {
		t.Fatalf("white is %d and black %d, want 235 and 16", white, black)
	}
}

func testUnsupported(t *testing.T, s Subject) {
	if _, err := s.New(decoder.Config{Format: media.Format{Codec: media.CodecUnknown}}); !errors.Is(err, decoder.ErrUnsupported) {
		t.Errorf("unknown codec: %v, want ErrUnsupported", err)
	}
	for _, name := range s.Without {
		c, f := load(t, name)
		d, err := s.New(decoder.Config{Format: *f, Account: account(t)})
		if err == nil {
			err = d.Decode(t.Context(), access(c, f, 0), func(*frame.Frame) error { return nil })
			defer d.Close()
		}
		if !errors.Is(err, decoder.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", name, err)
		}
	}
}
