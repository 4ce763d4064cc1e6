package nvdec

import (
	"errors"
	"fmt"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/gpu"
)

// check makes an error of a result that is the stream's or the device's fault, not
// the access unit's.
func (d *Decoder) check(op string, code int) error { return classify(d.device.Check(op, code)) }

// classify adds what the error of a device means for a decoder.
func classify(err error) error {
	switch {
	case errors.Is(err, gpu.ErrUnsupported):
		return fmt.Errorf("%w: %w", decoder.ErrUnsupported, err)
	case errors.Is(err, gpu.ErrOutOfMemory):
		return fmt.Errorf("%w: %w", decoder.ErrExhausted, err)
	}
	return err
}

// checkUnit makes an error of a result while an access unit was decoded. What is
// wrong with the device is no fault of the unit.
func (d *Decoder) checkUnit(op string, code int) error {
	return d.unitError(d.check(op, code))
}

// unitError is an error that concerns one unit, unless it says that it concerns more.
func (d *Decoder) unitError(err error) error {
	switch {
	case err == nil, errors.Is(err, gpu.ErrDeviceLost), errors.Is(err, decoder.ErrExhausted), errors.Is(err, decoder.ErrUnsupported):
		return err
	}
	d.refusals++
	return fmt.Errorf("%w: %w", decoder.ErrCorrupt, err)
}
