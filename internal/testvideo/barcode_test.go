package testvideo

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"testing"
)

func stamped(w, h, camera, frame int, black, white byte) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(100 + i%50)
	}
	Stamp(img.Pix, w, h, img.Stride, camera, frame, black, white)
	return img
}

func TestBarcodeRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		w, h, camera, frame int
		black, white        byte
	}{
		{1280, 720, 1, 0, 16, 235},
		{1920, 1080, 2, 49, 0, 255},
		{640, 360, 65535, 1<<24 - 1, 16, 235},
		{639, 359, 4321, 7654321, 16, 235},
		{320, 240, 0, 0, 60, 120},
		{160, 90, 9, 12345, 16, 235},
		{128, 72, 9, 12345, 16, 235},
	} {
		camera, frame, err := ReadBarcode(stamped(tc.w, tc.h, tc.camera, tc.frame, tc.black, tc.white))
		if err != nil || camera != tc.camera || frame != tc.frame {
			t.Errorf("%dx%d: got camera %d frame %d (%v), want %d and %d", tc.w, tc.h, camera, frame, err, tc.camera, tc.frame)
		}
	}
}

func TestBarcodeWraps(t *testing.T) {
	if Barcode(MaxCamera+6, MaxFrame+8) != Barcode(5, 7) {
		t.Error("numbers beyond the limits do not wrap")
	}
}

func TestBarcodeRefuses(t *testing.T) {
	flat := image.NewGray(image.Rect(0, 0, 640, 360))
	noise := image.NewGray(image.Rect(0, 0, 640, 360))
	dice := rand.New(rand.NewPCG(1, 1))
	for i := range noise.Pix {
		noise.Pix[i] = byte(dice.IntN(256))
	}
	damaged := stamped(640, 360, 3, 4, 16, 235)
	for y := range 24 {
		for x := 300; x < 310; x++ {
			damaged.Pix[y*damaged.Stride+x] ^= 0xFF
		}
	}
	for name, img := range map[string]image.Image{
		"empty":     image.NewGray(image.Rectangle{}),
		"empty 420": image.NewYCbCr(image.Rectangle{}, image.YCbCrSubsampleRatio420),
		"narrow":    image.NewGray(image.Rect(0, 0, 100, 100)),
		"flat":      flat,
		"noise":     noise,
		"damaged":   damaged,
	} {
		if _, _, err := ReadBarcode(img); !errors.Is(err, ErrNoBarcode) {
			t.Errorf("%s: got %v, want ErrNoBarcode", name, err)
		}
	}
	if _, _, err := ReadBarcodeLuma(make([]byte, 10), 640, 360, 640); !errors.Is(err, ErrNoBarcode) {
		t.Errorf("short plane: got %v, want ErrNoBarcode", err)
	}
}

// A bar code must survive what stands between a camera and a thumbnail.
func TestBarcodeSurvives(t *testing.T) {
	c, err := Load("mjpeg_480p")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range c.Units {
		img, err := jpeg.Decode(bytes.NewReader(u.Data))
		if err != nil {
			t.Fatal(err)
		}
		thumb := noisy(shrink(img, 160, 120), 20)
		var again bytes.Buffer
		if err := jpeg.Encode(&again, thumb, &jpeg.Options{Quality: 50}); err != nil {
			t.Fatal(err)
		}
		back, err := jpeg.Decode(&again)
		if err != nil {
			t.Fatal(err)
		}
		for name, img := range map[string]image.Image{"full size": img, "thumbnail": thumb, "thumbnail as JPEG": back} {
			camera, frame, err := ReadBarcode(img)
			if err != nil || camera != c.Camera || frame != u.Frame {
				t.Errorf("%s: got camera %d frame %d (%v), want %d and %d", name, camera, frame, err, c.Camera, u.Frame)
			}
		}
	}
}

// shrink takes the mean of the pixels below every new one.
func shrink(img image.Image, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	b := img.Bounds()
	for y := range h {
		for x := range w {
			var r, g, bl, n uint32
			for sy := y * b.Dy() / h; sy < (y+1)*b.Dy()/h; sy++ {
				for sx := x * b.Dx() / w; sx < (x+1)*b.Dx()/w; sx++ {
					pr, pg, pb, _ := img.At(sx, sy).RGBA()
					r, g, bl, n = r+pr>>8, g+pg>>8, bl+pb>>8, n+1
				}
			}
			out.SetRGBA(x, y, color.RGBA{uint8(r / n), uint8(g / n), uint8(bl / n), 255})
		}
	}
	return out
}

func noisy(img *image.RGBA, size int) *image.RGBA {
	dice := rand.New(rand.NewPCG(2, 3))
	for i := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] = uint8(min(max(int(img.Pix[i])+dice.IntN(2*size+1)-size, 0), 255))
		}
	}
	return img
}

func FuzzReadBarcode(f *testing.F) {
	f.Add(stamped(160, 90, 5, 6, 16, 235).Pix, 160, 90, 160)
	f.Add([]byte{}, 0, 0, 0)
	f.Add(make([]byte, 64), 128, 16, 1)
	f.Fuzz(func(t *testing.T, pix []byte, w, h, pitch int) {
		camera, frame, err := ReadBarcodeLuma(pix, w, h, pitch)
		if err == nil && (camera < 0 || camera > MaxCamera || frame < 0 || frame > MaxFrame) {
			t.Errorf("camera %d frame %d out of range", camera, frame)
		}
	})
}
