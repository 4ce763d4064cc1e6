package avcodec

import (
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astiav"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

func TestFit(t *testing.T) {
	tests := []struct{ w, h, maxW, maxH, wantW, wantH int }{
		{1280, 720, 0, 0, 1280, 720},
		{639, 359, 0, 0, 639, 359},   // its own size may be odd
		{639, 359, 640, 0, 639, 359}, // never enlarged
		{1280, 720, 641, 0, 640, 360},
		{1280, 720, 640, 200, 356, 200},
		{1280, 720, 0, 101, 178, 100},
		{720, 1280, 300, 300, 168, 300},
		{1000, 3, 500, 0, 500, 2},
		{1280, 720, 1, 1, 1, 1},
		{8192, 2, 100, 100, 100, 2},
	}
	for _, test := range tests {
		w, h := fit(test.w, test.h, decoder.Output{MaxWidth: test.maxW, MaxHeight: test.maxH})
		if w != test.wantW || h != test.wantH {
			t.Errorf("%dx%d in %dx%d: %dx%d, want %dx%d", test.w, test.h, test.maxW, test.maxH, w, h, test.wantW, test.wantH)
		}
	}
}

func TestTimeline(t *testing.T) {
	var line timeline
	add := func(pts time.Duration, randomAccess bool) int64 {
		return line.add(&media.AccessUnit{Times: media.Times{PTS: pts}, RandomAccess: randomAccess})
	}
	key, p, b := add(0, true), add(120, false), add(40, false)
	if u := line.take(key); u.times.PTS != 0 || !u.randomAccess || u.corrupt {
		t.Errorf("key picture: %+v", u)
	}
	if u := line.take(b); u.times.PTS != 40 || u.randomAccess {
		t.Errorf("B picture: %+v", u)
	}
	if u := line.take(p); u.times.PTS != 120 {
		t.Errorf("P picture: %+v", u)
	}
	if u := line.take(add(100, false)); u.times.PTS != 121 {
		t.Errorf("a PTS that falls became %v, want just after the last", u.times.PTS)
	}
	newest := add(500, false)
	if u := line.take(-1 << 63); u.times.PTS != 500 { // AV_NOPTS_VALUE
		t.Errorf("a lost token gave %v, want the newest unit's times", u.times.PTS)
	}
	if u := line.take(newest - window); u.times.PTS != 501 {
		t.Errorf("a token from long ago gave %v", u.times.PTS)
	}

	line.reset()
	broken := add(0, true)
	line.damaged(false)
	after, next := add(40, false), add(80, true)
	if !line.take(broken).corrupt || !line.take(after).corrupt || line.take(next).corrupt {
		t.Error("damage must last to the next random-access unit, and no longer")
	}
	broken = add(120, false)
	line.damaged(true)
	after = add(160, false)
	if !line.take(broken).corrupt || line.take(after).corrupt {
		t.Error("damage to a non-reference picture is its own")
	}
}

func TestSOFSize(t *testing.T) {
	tests := []struct {
		data string
		w, h int
	}{
		{"\xFF\xD8\xFF\xC0\x00\x11\x08\x01\x00\x02\x03\x03....", 0x203, 0x100},
		{"\xFF\xD8\xFF\xE0\x00\x04ab\xFF\xFF\xC2\x00\x11\x08\x01\x00\x02\x03\x03....", 0x203, 0x100},
		{"\xFF\xD8\xFF\xDA\x00\x04ab\xFF\xC0\x00\x11\x08\x01\x00\x02\x03\x03....", 0, 0},
		{"\xFF\xD8\xFF\xC4\xFF\xFF", 0, 0},
		{"\xFF\xD8", 0, 0},
		{"", 0, 0},
	}
	for _, test := range tests {
		if w, h := sofSize([]byte(test.data)); w != test.w || h != test.h {
			t.Errorf("%q: %dx%d, want %dx%d", test.data, w, h, test.w, test.h)
		}
	}
}

func FuzzGuard(f *testing.F) {
	f.Add(byte(media.CodecH264), []byte("\x00\x00\x00\x01\x67\x4d\x00\x1e\xab\x00\x00\x01\x65"))
	f.Add(byte(media.CodecH265), []byte("\x00\x00\x01\x42\x01\x01\x60\x00\x00\x01\x26"))
	f.Add(byte(media.CodecMJPEG), []byte("\xFF\xD8\xFF\xC0\x00\x11\x08\xFF\xFF\xFF\xFF\x03...."))
	f.Fuzz(func(t *testing.T, codec byte, data []byte) {
		g := guard{codec: media.Codec(codec % 4), limits: decoder.DefaultLimits()}
		first := g.check(data)
		if second := g.check(data); (first == nil) != (second == nil) {
			t.Errorf("first %v, then %v", first, second)
		}
	})
}

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
