package avcodec

import (
	"strings"
	"testing"
)

// TestBuild: the program has what it needs, and says so for the doctor.
func TestBuild(t *testing.T) {
	if got := Codecs(); len(got) != 3 {
		t.Errorf("codecs %v, want all three", got)
	}
	if !strings.HasPrefix(Version(), "FFmpeg 7.") || !strings.Contains(Version(), "libavcodec 61.") {
		t.Errorf("version %q", Version())
	}
	if !strings.HasPrefix(License(), "LGPL") {
		t.Errorf("licence %q, the default build must be LGPL", License())
	}
}
