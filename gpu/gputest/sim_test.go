package gputest_test

import (
	"testing"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

func TestOpen(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	device := sim.Device(gpu.DeviceConfig{})
	if sim.Live("context") != 1 || sim.Live("no such kind") != -1 {
		t.Errorf("%d contexts", sim.Live("context"))
	}
	sim.Fail("cuStreamCreate:2:2")
	first, err := device.NewStream(gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := device.NewStream(gpu.Use{Purpose: gpu.PurposeOther}); err == nil {
		t.Error("the second stream was made")
	}
	if n := sim.Calls("cuStreamCreate"); n != 2 {
		t.Errorf("%d calls", n)
	}
	if sim.Live("stream") != 1 {
		t.Errorf("%d streams", sim.Live("stream"))
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}
