package stream

import (
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
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
		w, h := Fit(test.w, test.h, decoder.Output{MaxWidth: test.maxW, MaxHeight: test.maxH})
		if w != test.wantW || h != test.wantH {
			t.Errorf("%dx%d in %dx%d: %dx%d, want %dx%d", test.w, test.h, test.maxW, test.maxH, w, h, test.wantW, test.wantH)
		}
	}
}

func TestTimeline(t *testing.T) {
	var line Timeline
	add := func(pts time.Duration, randomAccess bool) int64 {
		return line.Add(&media.AccessUnit{Times: media.Times{PTS: pts}, RandomAccess: randomAccess})
	}
	key, p, b := add(0, true), add(120, false), add(40, false)
	if u := line.Take(key); u.Times.PTS != 0 || !u.RandomAccess || u.Corrupt {
		t.Errorf("key picture: %+v", u)
	}
	if u := line.Take(b); u.Times.PTS != 40 || u.RandomAccess {
		t.Errorf("B picture: %+v", u)
	}
	if u := line.Take(p); u.Times.PTS != 120 {
		t.Errorf("P picture: %+v", u)
	}
	if u := line.Take(add(100, false)); u.Times.PTS != 121 {
		t.Errorf("a PTS that falls became %v, want just after the last", u.Times.PTS)
	}
	newest := add(500, false)
	if u := line.Take(-1 << 63); u.Times.PTS != 500 { // AV_NOPTS_VALUE
		t.Errorf("a lost token gave %v, want the newest unit's times", u.Times.PTS)
	}
	if u := line.Take(newest - window); u.Times.PTS != 501 {
		t.Errorf("a token from long ago gave %v", u.Times.PTS)
	}

	line.Reset()
	broken := add(0, true)
	line.Damaged(broken)
	after, next := add(40, false), add(80, true)
	if !line.Take(broken).Corrupt || !line.Take(after).Corrupt || line.Take(next).Corrupt {
		t.Error("damage must last to the next random-access unit, and no longer")
	}
	broken = line.Add(&media.AccessUnit{Times: media.Times{PTS: 120}, NonReference: true})
	line.Damaged(broken)
	after = add(160, false)
	if !line.Take(broken).Corrupt || line.Take(after).Corrupt {
		t.Error("damage to a non-reference picture is its own")
	}

	// Damage that is found late, behind pictures that refer to it.
	broken, after, next = add(200, false), add(240, false), add(280, true)
	last := add(320, false)
	line.Damaged(broken)
	if !line.Corrupt(broken) || !line.Corrupt(after) || line.Corrupt(next) || line.Corrupt(last) {
		t.Error("damage found late must reach to the random-access unit, and no further")
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
		g := Guard{Codec: media.Codec(codec % 4), Limits: decoder.DefaultLimits()}
		first := g.Check(data)
		if second := g.Check(data); (first == nil) != (second == nil) {
			t.Errorf("first %v, then %v", first, second)
		}
	})
}
