package nvdec_test

import (
	"testing"

	"github.com/frameport/frameport/decoder/nvdec"
)

// TestCapabilities: what decodes and what does not, with the sizes that go with it.
func TestCapabilities(t *testing.T) {
	sim, options := open(t)
	list, err := nvdec.Capabilities(options.Device)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]nvdec.Capability)
	for _, c := range list {
		if c.Bits == 8 && c.Chroma == "4:2:0" {
			seen[c.Codec] = c
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d codecs: %v", len(seen), seen)
	}
	h264 := seen["H264"]
	if !h264.Supported || !h264.Output8 || h264.MaxWidth < 4096 || h264.MinWidth == 0 {
		t.Errorf("%+v", h264)
	}
	if sim.Simulated() && (h264.Engines != 7 || seen["AV1"].Supported) {
		t.Errorf("%+v and %+v are not a card of the Hopper generation", h264, seen["AV1"])
	}
}
