package main

import (
	"testing"
	"time"

	"github.com/frameport/frameport/media"
)

// TestClip: a clip is cut at its delimiters and goes on for ever.
func TestClip(t *testing.T) {
	b := newBundle(t)
	for name, codec := range map[string]media.Codec{"720p.h264": media.CodecH264, "720p.hevc": media.CodecH265} {
		c, err := loadClip(b, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.units) != 12 || c.format.Codec != codec || len(c.format.Parameters) == 0 {
			t.Errorf("%s: %d units, %+v", name, len(c.units), c.format)
		}
		again := c.unit(12)
		if !again.RandomAccess || again.PTS != 480*time.Millisecond || c.unit(1).RandomAccess {
			t.Errorf("%s: %+v", name, again)
		}
	}
	if _, err := loadClip(b, "no such"); err == nil {
		t.Error("a clip that there is not was loaded")
	}
}
