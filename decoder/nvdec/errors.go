package nvdec

import (
	"errors"
	"fmt"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/gpu"
)

// check makes an error of a result that is the stream's or the device's fault, not
// the access unit's.
func (d *Decoder) check(op string, code int) error {
	err := d.device.Check(op, code)
	if errors.Is(err, gpu.ErrUnsupported) {
		return fmt.Errorf("%w: %w", decoder.ErrUnsupported, err)
	}
	return err
}

// checkUnit makes an error of a result while an access unit was parsed. What is
// wrong with the device is no fault of the unit.
func (d *Decoder) checkUnit(op string, code int) error {
	err := d.check(op, code)
	switch {
	case err == nil, errors.Is(err, gpu.ErrDeviceLost), errors.Is(err, gpu.ErrOutOfMemory), errors.Is(err, decoder.ErrUnsupported):
		return err
	}
	return fmt.Errorf("%w: %w", decoder.ErrCorrupt, err)
}
