package gpu_test

import (
	"errors"
	"testing"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// TestSilentDevice: codes that say nothing by themselves mean that the device is lost
// only when it does not answer a simple question either.
func TestSilentDevice(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	d := sim.Device(gpu.DeviceConfig{})
	s, err := d.NewStream(gpu.Use{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, code := range []string{"1", "201", "999", "226"} {
		sim.Fail("cuStreamSynchronize:1:" + code)
		if err := s.Synchronize(); err == nil || errors.Is(err, gpu.ErrDeviceLost) || d.Health() != nil {
			t.Errorf("%s from a device that answers: %v, health %v", code, err, d.Health())
		}
	}
	sim.Fail("cuStreamSynchronize:1:999,cuMemGetInfo:1:999")
	err = s.Synchronize()
	sim.Fail("")
	if !errors.Is(err, gpu.ErrDeviceLost) || !errors.Is(d.Health(), gpu.ErrDeviceLost) {
		t.Errorf("999 from a device that does not answer: %v, health %v", err, d.Health())
	}
	select {
	case <-d.Lost():
	default:
		t.Error("nobody is told")
	}
}
