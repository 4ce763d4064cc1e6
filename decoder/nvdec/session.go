package nvdec

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/internal/stream"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

// session is what a known format has brought about.
type session struct {
	setup   *setup
	stream  *gpu.Stream
	booking *gpu.Booking
	ring    *surface.Ring
}

// tooManyRefusals in a row, and the session is made anew: a driver that has lost its
// way does not find it by itself.
const tooManyRefusals = 2

// ready makes the session fit the unit that comes next.
func (d *Decoder) ready(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if d.session != nil && au.RandomAccess && d.refusals >= tooManyRefusals {
		d.refusals = 0
		if err := d.finish(); err != nil {
			return err
		}
	}
	if d.session != nil && d.sequences == d.sequence && !d.stale && !(au.RandomAccess && d.resized()) {
		return nil
	}
	if d.session != nil {
		// The old sequence's pictures come first. Those that the driver refuses to
		// show now are lost, which is no reason to refuse the new ones.
		if _, err := d.end(ctx, emit); err != nil {
			return err
		}
	}
	if c, ok := d.keyCoding(); ok {
		if _, err := d.output(ctx, c); err != nil {
			return err
		}
	}
	f, found, err := d.probe(ctx, au)
	if err != nil {
		return err
	}
	if !found {
		if d.session == nil {
			return fmt.Errorf("%w: no parameter sets or key frame that can be read have come yet", decoder.ErrCorrupt)
		}
		return nil // too broken to say: what was there may still fit
	}
	s, err := d.plan(ctx, f)
	if err != nil {
		return err
	}
	if err := d.become(ctx, s); err != nil {
		return err
	}
	d.sequences, d.stale = d.sequence, false
	return nil
}

// resized says whether the frames that are wanted have another size than those that
// are made.
func (d *Decoder) resized() bool {
	s := d.session.setup
	w, h := stream.Fit(s.format.right-s.format.left, s.format.bottom-s.format.top, d.cfg.Output)
	return w != s.width || h != s.height
}

// probe asks the driver's parser what the unit's format is.
func (d *Decoder) probe(ctx context.Context, au *media.AccessUnit) (format, bool, error) {
	data := au.Data
	if !d.guard.Announced {
		data = slices.Concat(d.cfg.Format.Parameters, au.Data)
	}
	for first := range d.pictures(data) {
		data = first
		break
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
	if same(old, s) && old.format.raw == s.format.raw {
		s.surfaces = old.surfaces
		d.session.setup = s
		return true, nil
	}
	if err := d.reconfigure(ctx, s); err != nil {
		if errors.Is(err, decoder.ErrCorrupt) {
			return false, nil // it may do for a new one what it refuses for this
		}
		return false, err
	}
	s.surfaces = max(s.surfaces, old.surfaces)
	d.session.setup = s
	if s.targetWidth == old.targetWidth && s.targetHeight == old.targetHeight {
		return true, nil
	}
	if err := d.renewRing(ctx, s); err != nil {
		return false, errors.Join(err, d.finish()) // no session without a ring
	}
	return true, nil
}

func (d *Decoder) reconfigure(ctx context.Context, s *setup) error {
	release, err := d.gate(ctx)
	if err != nil {
		return err
	}
	defer release()
	// Copies out of the output surface may still be queued.
	if err := d.session.stream.Synchronize(); err != nil {
		return err
	}
	return d.checkUnit("cuvidReconfigureDecoder", d.native.reconfigure(s))
}

// renewRing replaces the ring. Frames that are still held keep the old one alive.
func (d *Decoder) renewRing(ctx context.Context, s *setup) error {
	old := d.session.ring
	if more := d.ringConfig(s).Bytes() - old.Memory().Size(); more > 0 {
		room, err := d.device.Admission().Reserve(more, d.cfg.Camera)
		if err != nil {
			return classify(err)
		}
		defer room.Close()
	}
	d.session.ring = nil
	if err := old.Retire(); err != nil {
		return err
	}
	var err error
	d.session.ring, err = d.newRing(ctx, d.ringConfig(s))
	return err
}

func same(a, b *setup) bool {
	return a.targetWidth == b.targetWidth && a.targetHeight == b.targetHeight && a.wide == b.wide
}
