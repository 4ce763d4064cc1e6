package nal

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func split(b []byte) (out []string) {
	for unit, rest := Next(b); len(unit) > 0; unit, rest = Next(rest) {
		out = append(out, hex.EncodeToString(unit))
	}
	return out
}

func TestNext(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"00":                               "",
		"0000":                             "",
		"000001":                           "",
		"00000001":                         "",
		"6742":                             "6742",
		"674200":                           "6742",
		"00000001 6742":                    "6742",
		"000001 6742 000001 68":            "6742 68",
		"67 000001 68 00000001 65":         "67 68 65",
		"67 000000000001 68 0000":          "67 68",
		"000001 000001 00000001 67":        "67",
		"000001 0000000001 67 000001":      "67",
		"0001 02":                          "000102",
		"00000002":                         "00000002",
		"6700000300000301 0000000001 6800": "6700000300000301 68",
	} {
		if have := strings.Join(split(unhex(t, in)), " "); have != want {
			t.Errorf("%s: %q, want %q", in, have, want)
		}
	}
}

// clipSets returns the first parameter sets of a clip, by type.
func clipSets(t testing.TB, name string, kind func(byte) int) map[int][]byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "rtpdepay", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	sets := map[int][]byte{}
	for unit, rest := Next(b); len(unit) > 0; unit, rest = Next(rest) {
		if k := kind(unit[0]); sets[k] == nil {
			sets[k] = unit
		}
	}
	return sets
}

func h264Kind(b byte) int { return int(TypeOfH264(b)) }
func h265Kind(b byte) int { return int(TypeOfH265(b)) }

func TestClipSizes(t *testing.T) {
	for name, want := range map[string]Size{
		"h264_plain.h264":      {96, 64, 96, 64},
		"h264_other_size.h264": {128, 80, 128, 80},
		"h264_refresh.h264":    {96, 64, 96, 64},
	} {
		s, ok := ParseH264SPS(clipSets(t, name, h264Kind)[7])
		if !ok || !s.Readable || s.Size != want {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for name, want := range map[string]Size{
		"h265_opengop.h265": {96, 64, 96, 64},
		"h265_slices.h265":  {192, 128, 192, 128},
	} {
		s, ok := ParseH265SPS(clipSets(t, name, h265Kind)[33])
		if !ok || !s.Readable || s.Size != want {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// Parameter sets of x264 and x265; sizes and reordering as ffprobe 5.1 reports
// them for the stream (width, height, has_b_frames).
func TestEncoderSets(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		size      Size
		noReorder bool
	}{
		{"high, cropped", "67640028acd940780227a9b011000003000100000300320f183196", Size{1920, 1088, 1918, 1078}, false},
		{"high, interlaced", "67640028ace401e0113f78088000000300800000190f8b1724", Size{1920, 1088, 1920, 1080}, true},
		{"main", "674d401eda0280bfe5c044000003000400000300c83c58ba80", Size{640, 368, 640, 360}, true},
		{"high 4:2:2, 10 bits", "677a000db6cd9414087e3f011000000300100000030320f1429960", Size{320, 256, 320, 242}, false},
		{"high 4:4:4", "67f4000d919640507ec044000003000400000300c83c50a920", Size{320, 240, 320, 240}, true},
		{"high, scaling lists", "6764000dacb202c12d80880000030008000003019078a15240", Size{352, 288, 352, 288}, true},
		{"high, HRD", "6764000dace405825b01100000030010000003032602001e840007a12930c01e285224", Size{352, 288, 352, 288}, false},
		{"high, monochrome", "6764000af2c839fc6c6e02d9000003000100000300320f122648", Size{112, 112, 100, 100}, true},
	} {
		s, ok := ParseH264SPS(unhex(t, c.hex))
		if !ok || !s.Readable || s.Size != c.size || s.NoReorder != c.noReorder {
			t.Errorf("H.264 %s: %+v, want %+v %v", c.name, s, c.size, c.noReorder)
		}
	}
	for _, c := range []struct {
		name, hex string
		size      Size
		noReorder bool
		layers    uint8
	}{
		{"main, cropped", "420101016000000300900000030000030078a003c08010e75596565924caf0168080000003008000000c84", Size{1920, 1080, 1918, 1078}, false, 0},
		{"4:2:2, 10 bits", "4201010408000003009d0800000300003cb00a480f9c93b6592a4932bc05a02000000300200000030321", Size{328, 248, 322, 242}, true, 0},
		{"4:4:4", "4201010408000003009e0800000300003c90014101e2cb2549265780b4040000030004000003006420", Size{320, 240, 320, 240}, true, 0},
		{"two temporal layers", "42010201600000030090000003000003003f0000a005020169659594acb24995e02d010000030001000003001908", Size{640, 360, 640, 360}, false, 1},
		{"HRD", "42010101600000030090000003000003003fa0050201696592a4932bc05a0200000300020000030032c0192cbc003d08000f4244", Size{640, 360, 640, 360}, true, 0},
	} {
		s, ok := ParseH265SPS(unhex(t, c.hex))
		if !ok || !s.Readable || s.Size != c.size || s.NoReorder != c.noReorder || s.MaxTemporalID != c.layers {
			t.Errorf("H.265 %s: %+v, want %+v %v", c.name, s, c.size, c.noReorder)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A cut or broken set gives up with what was certain, and keeps its identifier.
func TestBrokenSPS(t *testing.T) {
	sps264, sps265 := clipSets(t, "h264_slices_b.h264", h264Kind)[7], clipSets(t, "h265_opengop.h265", h265Kind)[33]
	sized := false
	for n := range sps264 {
		s, ok := ParseH264SPS(sps264[:n])
		if n < 5 && ok || ok && s.Readable && s.Width != 96 {
			t.Errorf("H.264, %d bytes: %+v %v", n, s, ok)
		}
		sized = sized || s.Width == 96
	}
	if !sized {
		t.Error("a cut VUI costs the size")
	}
	sized = false
	for n := range sps265 {
		s, ok := ParseH265SPS(sps265[:n])
		if n < 14 && ok || ok && s.Readable && s.Width != 96 {
			t.Errorf("H.265, %d bytes: %+v %v", n, s, ok)
		}
		sized = sized || s.Width == 96
	}
	if !sized {
		t.Error("cut H.265 sets have no size")
	}
	for _, b := range [][]byte{nil, {}, {0x67}, {0x68, 1, 2, 3, 4, 5}, bytes.Repeat([]byte{0}, 100)} {
		if _, ok := ParseH264SPS(b); ok {
			t.Errorf("% x is no H.264 SPS", b)
		}
		if _, ok := ParseH265SPS(b); ok {
			t.Errorf("% x is no H.265 SPS", b)
		}
	}
}

func TestCropBeyondPicture(t *testing.T) {
	if s := crop(100, 50, 60, 60, 0, 0); s.Width != 100 || s.Height != 50 {
		t.Errorf("%+v", s)
	}
	if s := crop(100, 50, 1<<40, 0, 1<<40, 0); s.Width != 100 {
		t.Errorf("%+v", s)
	}
	if s := crop(1920, 1088, 0, 0, 0, 8); s.Height != 1080 || s.CodedHeight != 1088 {
		t.Errorf("%+v", s)
	}
}

func TestRecoveryPoint(t *testing.T) {
	for in, want := range map[string]bool{
		"060601c080":              true,
		"0605020102060184 80":     true,
		"0605020102 80":           false,
		"06":                      false,
		"0605ff":                  false,
		"06f00201028080":          false,
		"06ffffff060180":          false,
		"0605040000030001 060180": true, // the 03 is emulation prevention
	} {
		if have := H264HasRecoveryPoint(unhex(t, in)); have != want {
			t.Errorf("%s: %v", in, have)
		}
	}
}

// FuzzAnnexB: what is split holds no start code, ends in no zero byte, and
// splits into the same units again when put together.
func FuzzAnnexB(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x67, 0, 0, 1, 0x68})
	f.Add([]byte{0, 0, 0, 0, 0, 1, 1, 0, 0, 0})
	f.Add([]byte("\x00\x00\x01\x00\x00\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		units := split(b)
		for _, u := range units {
			raw, _ := hex.DecodeString(u)
			if IndexStartCode(raw) >= 0 || raw[len(raw)-1] == 0 || !bytes.Contains(b, raw) {
				t.Fatalf("unit % x", raw)
			}
			again = append(append(again, StartCode...), raw...)
		}
		if strings.Join(split(again), " ") != strings.Join(units, " ") {
			t.Fatalf("% x splits into %v and then %v", b, units, split(again))
		}
	})
}

// FuzzParse: no bytes at all make a parser panic or give an impossible size.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"h264_plain.h264", "h264_slices_b.h264"} {
		for _, set := range clipSets(f, name, h264Kind) {
			f.Add(set[:min(len(set), 64)])
		}
	}
	for _, set := range clipSets(f, "h265_opengop.h265", h265Kind) {
		f.Add(set[:min(len(set), 64)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(s Size) {
			if s.Width < 0 || s.Width > s.CodedWidth || s.CodedWidth > 1<<16 || s.Height < 0 || s.Height > s.CodedHeight || s.CodedHeight > 1<<16 {
				t.Fatalf("size %+v", s)
			}
		}
		s4, ok := ParseH264SPS(b)
		check(s4.Size)
		if s, sliceOK := ParseH264Slice(b); sliceOK && ok {
			s.Complete(b, 0x65, &s4)
		}
		s5, _ := ParseH265SPS(b)
		check(s5.Size)
		ParseH264PPS(b)
		ParseH265PPS(b)
		ParseH265VPS(b)
		ParseH265Slice(H265CRA, b)
		H264HasRecoveryPoint(b)
	})
}
