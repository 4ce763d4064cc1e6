package decodertest

import (
	"testing"

	"github.com/frameport/frameport/decoder"
)

// testSpent: what decoding costs is counted where it can be, and nothing else is.
func testSpent(t *testing.T, s Subject) {
	for _, name := range s.with("h264_bframes", "h265_bframes", "mjpeg_odd") {
		c, f := load(t, name)
		d := open(t, s, decoder.Config{Format: *f})
		m, ok := d.(decoder.Meter)
		if !ok {
			t.Skip("this decoder can't tell")
		}
		last := m.Spent()
		for range 2 {
			r := &reel{t: t, s: s}
			r.decode(d, units(c, f)...)
			spent := m.Spent()
			if spent <= last {
				t.Errorf("%s: %v after %v", name, spent, last)
			}
			r.drain(d)
			if last = m.Spent(); last < spent {
				t.Errorf("%s: %v after %v", name, last, spent)
			}
			if again := m.Spent(); again != last {
				t.Errorf("%s: %v without work after %v", name, again, last)
			}
		}
	}
}
