package nvdec

import (
	"context"
	"errors"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
)

// Note: [Gate]
// Every call into the driver that may block is made by a goroutine with a place at
// the device's gate, but for the creation of a decoder and its end: package gpu lets
// one of those run at a time, which bounds them already. Waiting for a place as well,
// with all others waiting for that one, would make a fleet's start last rounds of a
// full gate. The gate only observes them. No place is held while a creation waits for
// its turn or a ring is retired, which takes a place itself.

// gate waits for a place.
func (d *Decoder) gate(ctx context.Context) (release func(), err error) {
	return d.device.Gate().Acquire(ctx, d.cfg.Camera)
}

// gated gives something back with a place at the gate, however long that takes:
// there is no giving up on it.
func (d *Decoder) gated(back func() error) error {
	release, err := d.gate(context.Background())
	if err != nil {
		return err
	}
	defer release()
	return back()
}

// create makes a session, or leaves nothing behind.
func (d *Decoder) create(ctx context.Context, s *setup) error {
	reservation, err := d.device.Admission().Reserve(s.estimate(d.ringConfig(s)), d.cfg.Camera)
	if err != nil {
		return classify(err)
	}
	defer reservation.Close() // by then the ledger has what was promised
	d.session = &session{setup: s}
	if d.session.ring, err = d.newRing(ctx, d.ringConfig(s)); err == nil {
		err = d.createDecoder(ctx, s)
	}
	if err != nil {
		return errors.Join(err, d.finish())
	}
	return nil
}

func (d *Decoder) newRing(ctx context.Context, c surface.Config) (*surface.Ring, error) {
	release, err := d.gate(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	ring, err := surface.New(d.device, c)
	return ring, classify(err)
}

// createDecoder makes the stream and the decoder, and books what they take.
func (d *Decoder) createDecoder(ctx context.Context, s *setup) (err error) {
	use := gpu.Use{Purpose: gpu.PurposeDecoder, Owner: d.cfg.Camera}
	d.session.booking, err = d.device.Measure(ctx, use, 1, func() error {
		defer d.device.Gate().Observe()()
		if d.session.stream, err = d.device.NewStream(use); err != nil {
			return classify(err)
		}
		d.native.setStream(d.session.stream)
		return d.check("cuvidCreateDecoder", d.native.create(s))
	})
	return err
}

// finish ends the session. Frames that are still held keep their ring alive.
func (d *Decoder) finish() error {
	s := d.session
	if s == nil {
		return nil
	}
	d.session, d.headers, d.numbers = nil, true, frameNumbers{}
	var errs []error
	if s.stream != nil { // before, so that nobody's creation waits for it
		errs = append(errs, d.gated(s.stream.Synchronize))
	}
	destroy := func() error {
		defer d.device.Gate().Observe()()
		err := d.device.Check("cuvidDestroyDecoder", d.native.destroy())
		if s.stream != nil {
			err = errors.Join(err, s.stream.Close())
		}
		return err
	}
	if s.booking != nil {
		errs = append(errs, s.booking.Release(destroy))
	} else {
		errs = append(errs, d.gated(destroy))
	}
	if s.ring != nil {
		errs = append(errs, s.ring.Retire())
	}
	return errors.Join(errs...)
}
