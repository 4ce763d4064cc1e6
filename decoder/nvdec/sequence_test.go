package nvdec_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// TestRefusedSequence: parameter sets that nobody looks at, because they stand behind a
// picture, make the parser refuse the picture after them. It is the only one that is
// lost, and the session is kept.
func TestRefusedSequence(t *testing.T) {
	sim, options := open(t)
	c, cfg := load(t, "h264_720p")
	other, _ := load(t, "h264_1080p")
	d := newDecoder(t, cfg, options)
	frames := 0
	count := func(*frame.Frame) error { frames++; return nil }
	hidden := *unit(c, 0)
	hidden.Data = slices.Concat(hidden.Data, []byte{0, 0, 1}, other.SPS, []byte{0, 0, 1}, other.PPS)
	if err := d.Decode(t.Context(), &hidden, count); err != nil {
		t.Fatal(err)
	}
	err := d.Decode(t.Context(), &media.AccessUnit{Data: picturesOf(other.Units[0].Data), RandomAccess: true}, count)
	if !errors.Is(err, decoder.ErrCorrupt) {
		t.Errorf("picture of another size: %v, want ErrCorrupt", err)
	}
	if err := d.Decode(t.Context(), unit(c, 0), count); err != nil {
		t.Errorf("the picture after it: %v", err)
	}
	if frames != 2 {
		t.Errorf("%d frames, want 2", frames)
	}
	if n := sim.Calls("cuvidCreateDecoder"); sim.Simulated() && n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

// picturesOf is what is left of an H.264 unit without its parameter sets.
func picturesOf(data []byte) (out []byte) {
	for _, nal := range bytes.Split(data, []byte{0, 0, 1})[1:] {
		if kind := nal[0] & 0x1F; kind != 7 && kind != 8 {
			out = append(append(out, 0, 0, 1), nal...)
		}
	}
	return out
}
