package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

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

	// Pictures that are gone: also key frames are, until the next one.
	waiting, key := add(360, false), add(400, true)
	line.Lost()
	after, next = add(440, false), add(480, true)
	if !line.Corrupt(waiting) || !line.Corrupt(key) || !line.Corrupt(after) || line.Corrupt(next) {
		t.Error("what is lost must reach to the next random-access unit, and no further")
	}
}

// TestGuardPictures: how many pictures a decoder keeps, as the stream says (and ffmpeg's
// trace_headers: max_num_ref_frames, sps_max_dec_pic_buffering_minus1).
func TestGuardPictures(t *testing.T) {
	for name, want := range map[string]int{"h264_720p": 6, "h264_bframes": 6, "h265_720p": 4, "h265_bframes": 5, "mjpeg_480p": 0} {
		c, err := testvideo.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		g := Guard{Codec: c.Codec, Limits: decoder.DefaultLimits()}
		if err := g.Check(c.Units[0].Data); err != nil || g.Pictures != want {
			t.Errorf("%s: %d, %v; want %d", name, g.Pictures, err, want)
		}
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

// Key frames are what sequences of VP8 and VP9 begin with.
func TestGuardVPX(t *testing.T) {
	key := []byte("\x10\x02\x00\x9D\x01\x2A\x80\x02\x68\x01") // 640x360
	inter, hidden, other := []byte{0x11, 0, 0}, bytes.Clone(key), bytes.Clone(key)
	hidden[0], other[6] = 0, 0x40
	g := Guard{Codec: media.CodecVP8, Limits: decoder.Limits{MaxWidth: 640, MaxHeight: 8192, MaxPixels: 1e9}}
	for i, step := range []struct {
		data      []byte
		sequences uint64
		announced bool
		width     int
	}{
		{inter, 0, false, 0},
		{key, 1, true, 640},
		{inter, 1, false, 640},
		{hidden, 1, true, 640},
		{other, 2, true, 576},
		{key[:8], 2, false, 576},
		{key, 3, true, 640},
	} {
		if err := g.Check(step.data); err != nil || g.Sequences != step.sequences || g.Announced != step.announced || g.Key.Width != step.width {
			t.Errorf("step %d: %v, %d sequences, announced %v, %+v", i, err, g.Sequences, g.Announced, g.Key)
		}
	}
	other[7] = 3 // 832
	for _, data := range [][]byte{other, inter} {
		if err := g.Check(data); !errors.Is(err, decoder.ErrTooLarge) {
			t.Errorf("a key frame that is too large, and what refers to it: %v", err)
		}
	}
	if err := g.Check(key); err != nil {
		t.Errorf("the next one: %v", err)
	}

	// VP9 has frames of another size between key frames, and hidden ones in front.
	g = Guard{Codec: media.CodecVP9, Limits: g.Limits}
	nine := []byte{0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xF0, 0x16, 0x70, 0} // 640x360
	resized := func(width int) []byte {
		// All bits are 0 but for: marker 2, not a key frame, shown, resilient.
		bits := uint64(0x87)<<56 | uint64(width-1)<<17 | 359<<1 // 8 refresh, 12 + 3 references
		return binary.BigEndian.AppendUint64(nil, bits)
	}
	for i, step := range []struct {
		data    []byte
		resized bool
		large   bool
	}{
		{nine, false, false},
		{resized(640), false, false},
		{resized(320), true, false},
		{append(append(bytes.Clone(nine), resized(320)...), 0xC1, 10, 8, 0xC1), true, false},
		{resized(641), true, true},
		{nine, false, false},
	} {
		if err := g.Check(step.data); errors.Is(err, decoder.ErrTooLarge) != step.large || g.Resized != step.resized {
			t.Errorf("VP9, step %d: %v, resized %v, %+v", i, err, g.Resized, g.Key)
		}
	}
	if g.Sequences != 1 {
		t.Errorf("VP9: %d sequences", g.Sequences)
	}
}

func FuzzGuard(f *testing.F) {
	f.Add(byte(media.CodecH264), []byte("\x00\x00\x00\x01\x67\x4d\x00\x1e\xab\x00\x00\x01\x65"))
	f.Add(byte(media.CodecH265), []byte("\x00\x00\x01\x42\x01\x01\x60\x00\x00\x01\x26"))
	f.Add(byte(media.CodecMJPEG), []byte("\xFF\xD8\xFF\xC0\x00\x11\x08\xFF\xFF\xFF\xFF\x03...."))
	f.Add(byte(media.CodecVP8), []byte("\x10\x02\x00\x9D\x01\x2A\xFF\x3F\xFF\x3F"))
	f.Add(byte(media.CodecVP9), []byte("\x82\x49\x83\x42\x40\x04\xF0\x02\xC0\xC0\x0A\x00\xC0"))
	f.Fuzz(func(t *testing.T, codec byte, data []byte) {
		g := Guard{Codec: media.Codec(codec % 6), Limits: decoder.DefaultLimits()}
		first := g.Check(data)
		if second := g.Check(data); (first == nil) != (second == nil) {
			t.Errorf("first %v, then %v", first, second)
		}
	})
}
