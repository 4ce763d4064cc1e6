package avcodec

import (
	"strings"
	"testing"

	"github.com/asticode/go-astiav"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// TestBuild: the program has what it needs, and says so for the doctor.
func TestBuild(t *testing.T) {
	if got := Codecs(); len(got) != 5 {
		t.Errorf("codecs %v, want all five", got)
	}
	if !strings.HasPrefix(Version(), "FFmpeg 7.") || !strings.Contains(Version(), "libavcodec 61.") {
		t.Errorf("version %q", Version())
	}
	if !strings.HasPrefix(License(), "LGPL") {
		t.Errorf("licence %q, the default build must be LGPL", License())
	}
}

// TestNativeLimits: what the guard can't read, libavcodec's callbacks refuse before
// they allocate a picture.
func TestNativeLimits(t *testing.T) {
	clip, err := testvideo.Load("h264_720p")
	if err != nil {
		t.Fatal(err)
	}
	for _, limits := range []decoder.Limits{
		{MaxWidth: 1279, MaxHeight: 8192, MaxPixels: 36_000_000},
		{MaxWidth: 8192, MaxHeight: 719, MaxPixels: 36_000_000},
		{MaxWidth: 8192, MaxHeight: 8192, MaxPixels: 1280*720 - 1},
	} {
		n, err := newNative(find(media.CodecH264), limits)
		if err != nil {
			t.Fatal(err)
		}
		defer n.close()
		out := astiav.AllocFrame()
		defer out.Free()
		got := n.send(clip.Units[0].Data, 1, false, out)
		if o := n.outcome(); got || !o.tooLarge || o.code >= 0 || o.width != 1280 || o.height != 720 {
			t.Errorf("%+v: picture %v, outcome %+v", limits, got, o)
		}
	}
}
