package nvdec_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// TestVP9ResizedBetweenKeyFrames: what no engine is known to do is refused by name, and
// the decoder is as good as before.
func TestVP9ResizedBetweenKeyFrames(t *testing.T) {
	sim, options := open(t)
	c, cfg := load(t, "vp9_360p")
	d := newDecoder(t, cfg, options)
	numbers := 0
	emit := func(*frame.Frame) error { numbers++; return nil }
	if err := d.Decode(t.Context(), unit(c, 0), emit); err != nil {
		t.Fatal(err)
	}
	parsed := sim.Calls("cuvidParseVideoData")
	// Not a key frame, shown, error resilient; none of its references has its size,
	// 320x180, which is 31 bits in.
	const header = 0x87 << 56
	au := unit(c, 1)
	au.Data = binary.BigEndian.AppendUint64(nil, header|(320-1)<<17|(180-1)<<1)
	if err := d.Decode(t.Context(), au, emit); !errors.Is(err, decoder.ErrUnsupported) {
		t.Fatalf("%v, want ErrUnsupported", err)
	}
	if n := sim.Calls("cuvidParseVideoData"); n != parsed {
		t.Error("the driver has seen it")
	}
	for i := range 25 {
		if err := d.Decode(t.Context(), unit(c, 25+i), emit); err != nil {
			t.Fatalf("unit %d: %v", 25+i, err)
		}
	}
	if numbers != 26 {
		t.Errorf("%d frames, want 26", numbers)
	}
}

// TestVPXRefusedEarly: what a key frame says is enough to refuse it: the driver's parser
// is not asked, and no memory is taken.
func TestVPXRefusedEarly(t *testing.T) {
	sim, options := open(t)
	c, cfg := load(t, "vp9_444")
	d := newDecoder(t, cfg, options)
	err := d.Decode(t.Context(), unit(c, 0), func(*frame.Frame) error { return nil })
	if !errors.Is(err, decoder.ErrUnsupported) || sim.Calls("cuvidCreateVideoParser") != 0 || sim.Calls("cuvidCreateDecoder") != 0 {
		t.Errorf("%v, %d parsers, %d decoders", err, sim.Calls("cuvidCreateVideoParser"), sim.Calls("cuvidCreateDecoder"))
	}
}

// TestVPXColor: VP8 has one colour, VP9 says it; the driver's word is not needed.
func TestVPXColor(t *testing.T) {
	_, options := open(t)
	for name, want := range map[string]media.Matrix{"vp8_360p": media.MatrixBT601, "vp9_360p": media.MatrixBT709} {
		c, cfg := load(t, name)
		d := newDecoder(t, cfg, options)
		err := d.Decode(t.Context(), unit(c, 0), func(f *frame.Frame) error {
			if f.Color != (media.Color{Matrix: want, Range: media.RangeLimited}) {
				t.Errorf("%s: %+v", name, f.Color)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
