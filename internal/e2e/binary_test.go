//go:build cgo

package e2e

import (
	"debug/elf"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Of FFmpeg the program has decoders of a short list. Its bindings bring the functions
// of libavformat and libavfilter along, but none of the formats, protocols, devices and
// filters that those would need to read or open anything.
func TestBinaryHoldsDecodersOnly(t *testing.T) {
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`^ff_([a-z0-9_]+)_(decoder|encoder|demuxer|muxer|protocol|hwaccel|bsf|indev|outdev)$`)
	// The kinds of filters. The ends of a chain of filters are always there.
	filter := regexp.MustCompile(`^ff_(?:vf|af|avf|vaf|vsrc|asrc|vsink|asink)_[a-z0-9_]+$`)
	helpers := []string{"ff_find_decoder", "ff_init_cabac_decoder", "ff_vpx_init_range_decoder"} // functions
	var decoders []string
	for _, s := range symbols {
		m := part.FindStringSubmatch(s.Name)
		switch {
		case filter.MatchString(s.Name) && !strings.HasSuffix(s.Name, "buffer"):
			t.Errorf("filter %s", s.Name)
		case m == nil || slices.Contains(helpers, s.Name):
		case m[2] == "decoder":
			decoders = append(decoders, m[1])
		case s.Name == "ff_vp9_superframe_split_bsf": // a part of VP9's decoder
		default:
			t.Errorf("%s %s", m[2], m[1])
		}
	}
	if len(decoders) == 0 {
		t.Skip("FFmpeg is linked dynamically here: what the machine's has is not ours to say")
	}
	// The last three share code; nothing opens them.
	if allowed := []string{"h264", "hevc", "mjpeg", "vp8", "vp9", "mpeg4", "h263", "h263p"}; len(decoders) != len(allowed) ||
		slices.ContainsFunc(decoders, func(d string) bool { return !slices.Contains(allowed, d) }) {
		t.Errorf("decoders %v, want %v", decoders, allowed)
	}
	libraries, err := f.ImportedLibraries()
	if err != nil || slices.ContainsFunc(libraries, func(l string) bool { return strings.Contains(l, "av") || strings.Contains(l, "curl") }) {
		t.Errorf("libraries %v, %v", libraries, err)
	}
}
