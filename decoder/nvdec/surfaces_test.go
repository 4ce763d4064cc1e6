package nvdec_test

import (
	"testing"

	"github.com/frameport/frameport/gpu"
)

// TestExtraSurfaces: each surface more is one picture more of memory.
func TestExtraSurfaces(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator() // real drivers take memory in larger pieces
	c, cfg := load(t, "h264_720p")
	bytes := make(map[int]int64)
	for _, extra := range []int{-1, 0, 1, 3} {
		options.ExtraSurfaces = extra
		d := newDecoder(t, cfg, options)
		if err := d.Decode(t.Context(), unit(c, 0), ignore); err != nil {
			t.Fatal(err)
		}
		bytes[extra] = options.Device.Ledger().Owned(cfg.Camera)[gpu.PurposeDecoder].Bytes
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	one := bytes[1] - bytes[-1]
	if one < 1280*720*3/2 || bytes[0] != bytes[1] || bytes[3] != bytes[-1]+3*one {
		t.Errorf("%v", bytes)
	}
}
