package vpx

import (
	"bytes"
	"testing"

	"github.com/frameport/frameport/media"
)

// writer writes from the most significant bit on.
type writer struct {
	data []byte
	n    int
}

func (w *writer) bits(n, v int) *writer {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.data = append(w.data, 0)
		}
		w.data[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
	return w
}

// vp9 begins a header: frame_marker, profile and what follows until error_resilient_mode.
func vp9(profile, notKey, shown, resilient int) *writer {
	w := new(writer).bits(2, 2).bits(1, profile&1).bits(1, profile>>1)
	if profile == 3 {
		w.bits(1, 0)
	}
	return w.bits(1, 0).bits(1, notKey).bits(1, shown).bits(1, resilient)
}

func size(w *writer, width, height int) []byte {
	return append(w.bits(16, width-1).bits(16, height-1).data, 0, 0)
}

func TestVP9(t *testing.T) {
	bt709 := media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
	sync := func(w *writer) *writer { return w.bits(24, 0x498342) }
	for name, c := range map[string]struct {
		data []byte
		want Header
	}{
		"key": {
			size(sync(vp9(0, 0, 1, 0)).bits(3, 2).bits(1, 0), 1280, 720),
			Header{KeyFrame: true, Shown: true, Width: 1280, Height: 720, Bits: 8, Chroma: 1, Color: bt709},
		},
		"key of the largest size": {
			size(sync(vp9(0, 0, 1, 1)).bits(3, 0).bits(1, 1), 65536, 65536),
			Header{KeyFrame: true, Shown: true, Width: 65536, Height: 65536, Bits: 8, Chroma: 1, Color: media.Color{Range: media.RangeFull}},
		},
		"hidden key": {
			size(sync(vp9(0, 0, 0, 0)).bits(3, 1).bits(1, 0), 64, 48),
			Header{KeyFrame: true, Width: 64, Height: 48, Bits: 8, Chroma: 1, Color: media.Color{Matrix: media.MatrixBT601, Range: media.RangeLimited}},
		},
		"4:4:4": {
			size(sync(vp9(1, 0, 1, 0)).bits(3, 2).bits(1, 0).bits(3, 0), 64, 48),
			Header{KeyFrame: true, Shown: true, Width: 64, Height: 48, Profile: 1, Bits: 8, Chroma: 3, Color: bt709},
		},
		"RGB": {
			size(sync(vp9(1, 0, 1, 0)).bits(3, 7).bits(1, 0), 64, 48),
			Header{KeyFrame: true, Shown: true, Width: 64, Height: 48, Profile: 1, Bits: 8, Chroma: 3, Color: media.Color{Range: media.RangeFull}},
		},
		"10 bits": {
			size(sync(vp9(2, 0, 1, 0)).bits(1, 0).bits(3, 2).bits(1, 0), 64, 48),
			Header{KeyFrame: true, Shown: true, Width: 64, Height: 48, Profile: 2, Bits: 10, Chroma: 1, Color: bt709},
		},
		"12 bits 4:2:2": {
			size(sync(vp9(3, 0, 1, 0)).bits(1, 1).bits(3, 2).bits(1, 0).bits(3, 4), 64, 48),
			Header{KeyFrame: true, Shown: true, Width: 64, Height: 48, Profile: 3, Bits: 12, Chroma: 2, Color: bt709},
		},
		"repeats":       {new(writer).bits(2, 2).bits(2, 0).bits(1, 1).bits(3, 5).data, Header{Shown: true, Repeats: true}},
		"of its size":   {vp9(0, 1, 1, 0).bits(2, 0).bits(8, 1).bits(12, 0).bits(3, 2).data, Header{Shown: true}},
		"hidden":        {vp9(0, 1, 0, 1).bits(1, 0).bits(8, 1).bits(12, 0).bits(3, 4).data, Header{}},
		"of a new size": {size(vp9(0, 1, 1, 1).bits(8, 1).bits(12, 0).bits(3, 0), 320, 180), Header{Shown: true, Width: 320, Height: 180}},
		"intra only":    {size(sync(vp9(0, 1, 0, 1).bits(1, 1)).bits(8, 255), 320, 180), Header{Width: 320, Height: 180}},
		"intra only, 10 bits": {
			size(sync(vp9(2, 1, 0, 1).bits(1, 1)).bits(1, 0).bits(3, 2).bits(1, 0).bits(8, 255), 320, 180),
			Header{Width: 320, Height: 180, Profile: 2, Bits: 10, Chroma: 1, Color: bt709},
		},
	} {
		if h, ok := Parse(media.CodecVP9, c.data); !ok || h != c.want {
			t.Errorf("%s: %v %+v, want %+v", name, ok, h, c.want)
		}
		for n := range len(c.data) - 2 { // two bytes follow the header
			if h, ok := Parse(media.CodecVP9, c.data[:n]); ok {
				t.Errorf("%s, %d bytes of it: %+v", name, n, h)
			}
		}
	}
	for name, data := range map[string][]byte{
		"another marker":     size(sync(new(writer).bits(2, 1).bits(6, 2)).bits(4, 0), 64, 48),
		"no start code":      size(vp9(0, 0, 1, 0).bits(24, 0x498343).bits(4, 0), 64, 48),
		"profile 4":          new(writer).bits(2, 2).bits(2, 3).bits(1, 1).bits(19, 0).data,
		"RGB in 4:2:0":       size(sync(vp9(0, 0, 1, 0)).bits(3, 7), 64, 48),
		"4:2:0 in profile 1": size(sync(vp9(1, 0, 1, 0)).bits(3, 2).bits(1, 0).bits(3, 6), 64, 48),
	} {
		if h, ok := Parse(media.CodecVP9, data); ok {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func TestVP8(t *testing.T) {
	key := []byte{0x10, 2, 0, 0x9D, 0x01, 0x2A, 0x80, 0xC2, 0x68, 0x41} // scaled 3 and 1
	want := Header{KeyFrame: true, Shown: true, Width: 640, Height: 360, Bits: 8, Chroma: 1, Color: media.Color{Matrix: media.MatrixBT601, Range: media.RangeLimited}}
	if h, ok := Parse(media.CodecVP8, key); !ok || h != want {
		t.Errorf("key frame: %v %+v, want %+v", ok, h, want)
	}
	if h, ok := Parse(media.CodecVP8, []byte{0x11, 0, 0}); !ok || h != (Header{Shown: true}) {
		t.Errorf("frame: %v %+v", ok, h)
	}
	if h, ok := Parse(media.CodecVP8, []byte{0x01, 0, 0}); !ok || h != (Header{}) {
		t.Errorf("hidden frame: %v %+v", ok, h)
	}
	for n := range key {
		if _, ok := Parse(media.CodecVP8, key[:n]); ok {
			t.Errorf("%d bytes of a key frame", n)
		}
	}
	for i, change := range map[int]byte{3: 0x9E, 4: 2, 5: 0} {
		broken := bytes.Clone(key)
		broken[i] = change
		if _, ok := Parse(media.CodecVP8, broken); ok {
			t.Errorf("byte %d is wrong", i)
		}
	}
	if _, ok := Parse(media.CodecH264, key); ok {
		t.Error("another codec")
	}
}

func TestFrames(t *testing.T) {
	two := []byte{0xC9, 3, 0, 2, 0, 0xC9} // two frames, sizes of two bytes
	for name, c := range map[string]struct {
		data string
		want []string
	}{
		"nothing":             {"", []string{""}},
		"one frame":           {"abcde", []string{"abcde"}},
		"two frames":          {"abcde" + string(two), []string{"abc", "de"}},
		"bytes left over":     {"abcdefg" + string(two), []string{"abc", "de"}},
		"too short for it":    {"abcd" + string(two), []string{"abcd" + string(two)}},
		"one of no bytes":     {"abc\xC1\x03\x00\xC1", []string{"abc"}},
		"nothing but the end": {"\xC0", []string{"\xC0"}},
		"all of no bytes":     {"abc\xC1\x00\x00\xC1", []string{"abc\xC1\x00\x00\xC1"}},
		"first byte differs":  {"abcde\xCA\x03\x00\x02\x00\xC9", []string{"abcde\xCA\x03\x00\x02\x00\xC9"}},
	} {
		var got []string
		for f := range Frames([]byte(c.data)) {
			got = append(got, string(f))
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	}
	for f := range Frames([]byte("abcde" + string(two))) { // who has seen enough is let go
		if string(f) != "abc" {
			t.Errorf("%q", f)
		}
		break
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x10, 2, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01})
	f.Add([]byte{0x82, 0x49, 0x83, 0x42, 0x40, 0x04, 0xF0, 0x02, 0xC0})
	f.Add([]byte("abcde\xC9\x03\x00\x02\x00\xC9"))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		for frame := range Frames(data) {
			total += len(frame)
			for _, codec := range []media.Codec{media.CodecVP8, media.CodecVP9} {
				h, ok := Parse(codec, frame)
				if ok && (h.KeyFrame && (h.Width < 1 || h.Height < 1 || h.Bits < 8 || h.Chroma < 1) || h.Width > 65536 || h.Height > 65536) {
					t.Fatalf("%v: %+v", codec, h)
				}
			}
		}
		if total > len(data) {
			t.Fatalf("%d bytes of %d", total, len(data))
		}
	})
}
