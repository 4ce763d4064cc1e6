package gpuconv_test

import (
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/media"
)

// TestManySizes: pictures of many sizes in turn take no memory from the driver once the
// largest has been made: that would stop everything on the device each time.
func TestManySizes(t *testing.T) {
	r := newRig(t)
	r.sim.NeedsSimulator() // which counts calls
	c := r.open(t, gpuconv.Config{Lanes: 1})
	src := r.source(t, 640, 360)
	defer src.Release()
	r.up.settle(t)
	round := func() {
		for _, width := range []int{2400, 1600, 1200, 640, 320} {
			out, err := c.Convert(t.Context(), src, convert.Request{Format: media.PixelRGB24, Width: width})
			if err != nil {
				t.Fatal(err)
			}
			out.Release()
		}
	}
	round()
	taken, given := r.sim.Calls("cuMemAlloc"), r.sim.Calls("cuMemFree")
	round()
	if n := r.sim.Calls("cuMemAlloc") - taken; n != 0 {
		t.Errorf("%d allocations for sizes that have been made before", n)
	}
	if n := r.sim.Calls("cuMemFree") - given; n != 0 {
		t.Errorf("%d blocks given back meanwhile", n)
	}
}
