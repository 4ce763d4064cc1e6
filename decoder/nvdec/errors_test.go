package nvdec

import (
	"errors"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// TestCheckUnit: only what the unit can be blamed for is its fault, so that the
// camera goes on with the next one.
func TestCheckUnit(t *testing.T) {
	d := &Decoder{device: gputest.Open(t).Device(gpu.DeviceConfig{})}
	if err := d.checkUnit("cuvidParseVideoData", 0); err != nil {
		t.Errorf("0 is %v", err)
	}
	kinds := []error{decoder.ErrCorrupt, decoder.ErrUnsupported, gpu.ErrOutOfMemory, gpu.ErrDeviceLost}
	for code, want := range map[int]error{
		1:   decoder.ErrCorrupt,
		2:   gpu.ErrOutOfMemory,
		214: gpu.ErrDeviceLost,
		700: gpu.ErrDeviceLost,
		719: gpu.ErrDeviceLost,
		801: decoder.ErrUnsupported,
		999: decoder.ErrCorrupt,
	} {
		err := d.checkUnit("cuvidParseVideoData", code)
		for _, kind := range kinds {
			if got := errors.Is(err, kind); got != (kind == want) { //nolint:errorlint // which of the sentinels
				t.Errorf("code %d: %v is %v: %v", code, err, kind, got)
			}
		}
	}
	if d.device.Health() == nil {
		t.Error("the lost context is not noted in the device's health")
	}
}
