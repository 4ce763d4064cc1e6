package nvdec_test

import (
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// TestJPEG: every picture stands alone, whatever came before it: one of another size
// is not lost, one that is damaged harms no other, and the colour is JFIF's unless
// the caller knows better.
func TestJPEG(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	small, cfg := load(t, "mjpeg_480p")
	large, _ := load(t, "mjpeg_1440p")
	d := newDecoder(t, cfg, options)
	want := media.JFIF()
	decode := func(c *testvideo.Clip, i int, corrupt bool) {
		t.Helper()
		count := 0
		err := d.Decode(t.Context(), unit(c, i), func(f *frame.Frame) error {
			count++
			_, number, err := testvideo.ReadBarcodeLuma(download(t, f), f.Width, f.Height, f.Width)
			if f.Width != c.Width || f.Height != c.Height || number != i || err != nil {
				t.Errorf("%dx%d shows %d (%v), want %dx%d and %d", f.Width, f.Height, number, err, c.Width, c.Height, i)
			}
			if f.Color != want || f.Corrupt != corrupt || !f.KeyFrame {
				t.Errorf("colour %+v, corrupt %v, key %v; want %+v, %v", f.Color, f.Corrupt, f.KeyFrame, want, corrupt)
			}
			return nil
		})
		if err != nil || count != 1 {
			t.Fatalf("%s %d: %d frames, %v", c.Name, i, count, err)
		}
	}
	for i := range large.Units {
		decode(small, 2*i, false)
		decode(large, i, false)
		decode(small, 2*i+1, false)
	}
	if n := sim.Calls("cuvidCreateDecoder"); n > 2 {
		t.Errorf("%d sessions, 2 are enough: the first, and one that is larger", n)
	}
	sim.Fail("decode_status:1:8")
	decode(small, 5, true)
	sim.Fail("")
	decode(small, 6, false)
	want.Matrix = media.MatrixBT709
	d.SetOutput(decoder.Output{Color: media.Color{Matrix: media.MatrixBT709}})
	decode(small, 7, false)
}
