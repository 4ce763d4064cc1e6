package nvdec

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

// session is what a known format has brought about.
type session struct {
	setup       *setup
	stream      *gpu.Stream
	booking     *gpu.Booking
	reservation *gpu.Reservation
	ring        *surface.Ring
}

// ready makes the session fit the unit that comes next.
func (d *Decoder) ready(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if d.session != nil && d.sequences == d.guard.Sequences && !d.stale {
		return nil
	}
	if d.session != nil {
		// The old sequence's pictures come first.
		if err := d.end(ctx, emit); err != nil {
			return err
		}
	}
	f, found, err := d.probe(ctx, au)
	if err != nil {
		return err
	}
	if !found {
		if d.session == nil {
			return fmt.Errorf("%w: no parameter sets that can be read have come yet", decoder.ErrCorrupt)
		}
		return nil // too broken to say: what was there may still fit
	}
	s, err := d.plan(f)
	if err != nil {
		return err
	}
	if err := d.become(ctx, s); err != nil {
		return err
	}
	d.sequences, d.stale = d.guard.Sequences, false
	return nil
}

// probe asks the driver's parser what the unit's format is.
func (d *Decoder) probe(ctx context.Context, au *media.AccessUnit) (format, bool, error) {
	data := au.Data
	if !d.guard.Announced {
		data = slices.Concat(d.cfg.Format.Parameters, au.Data)
	}
	release, err := d.gate(ctx)
	if err != nil {
		return format{}, false, err
	}
	defer release()
	f, found, code := d.native.probe(data)
	return f, found, d.checkUnit("cuvidParseVideoData", code)
}

// become makes, changes or keeps the session.
func (d *Decoder) become(ctx context.Context, s *setup) error {
	if d.session != nil {
		done, err := d.adapt(ctx, s)
		if done || err != nil {
			return err
		}
		if err := d.finish(); err != nil {
			return err
		}
	}
	return d.create(ctx, s)
}

// adapt keeps the session or reconfigures it; false means that it takes a new one.
func (d *Decoder) adapt(ctx context.Context, s *setup) (bool, error) {
	old := d.session.setup
	if !d.native.canReconfigure(s) {
		return false, nil
	}
	if same(old, s) {
		s.surfaces = old.surfaces
		d.session.setup = s
		if old.format.raw == s.format.raw {
			return true, nil
		}
	}
	release, err := d.gate(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	// Copies out of the output surface may still be queued.
	if err := d.session.stream.Synchronize(); err != nil {
		return false, err
	}
	if err := d.check("cuvidReconfigureDecoder", d.native.reconfigure(s)); err != nil {
		return false, err
	}
	s.surfaces = max(s.surfaces, old.surfaces)
	d.session.setup = s
	if s.targetWidth == old.targetWidth && s.targetHeight == old.targetHeight {
		return true, nil
	}
	if err := d.renewRing(s); err != nil {
		return false, errors.Join(err, d.finish()) // no session without a ring
	}
	return true, nil
}

func (d *Decoder) renewRing(s *setup) (err error) {
	old := d.session.ring
	d.session.ring = nil
	if err := old.Retire(); err != nil {
		return err
	}
	d.session.ring, err = surface.New(d.device, d.ringConfig(s))
	return err
}

func same(a, b *setup) bool {
	return a.targetWidth == b.targetWidth && a.targetHeight == b.targetHeight && a.wide == b.wide
}

// create makes a session, or leaves nothing behind.
func (d *Decoder) create(ctx context.Context, s *setup) error {
	ring := d.ringConfig(s)
	reservation, err := d.device.Admission().Reserve(s.estimate(ring), d.cfg.Camera)
	if err != nil {
		return err
	}
	d.session = &session{setup: s, reservation: reservation}
	if d.session.ring, err = surface.New(d.device, ring); err == nil {
		err = d.createDecoder(ctx, s)
	}
	if err != nil {
		return errors.Join(err, d.finish())
	}
	return nil
}

// createDecoder makes the stream and the decoder, and books what they take.
func (d *Decoder) createDecoder(ctx context.Context, s *setup) (err error) {
	use := gpu.Use{Purpose: gpu.PurposeDecoder, Owner: d.cfg.Camera}
	d.session.booking, err = d.device.Measure(ctx, use, 1, func() error {
		release, err := d.gate(ctx)
		if err != nil {
			return err
		}
		defer release()
		if d.session.stream, err = d.device.NewStream(use); err != nil {
			return err
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
	d.session, d.headers = nil, true
	var errs []error
	if s.stream != nil {
		errs = append(errs, s.stream.Synchronize())
	}
	destroy := func() error { return d.device.Check("cuvidDestroyDecoder", d.native.destroy()) }
	if s.booking != nil {
		errs = append(errs, s.booking.Release(destroy))
	} else {
		errs = append(errs, destroy())
	}
	if s.stream != nil {
		errs = append(errs, s.stream.Close())
	}
	if s.ring != nil {
		errs = append(errs, s.ring.Retire())
	}
	errs = append(errs, s.reservation.Close())
	return errors.Join(errs...)
}
