package nvdec

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
)

// retryPictures is after how many pictures the decoder looks for room again.
const retryPictures = 30

// sharing is what other processes want of the frames.
type sharing struct {
	frames  int   // that they hold at a time; 0 = nobody wants any
	err     error // why they don't get them
	refused bool  // for good, as far as is known
	pause   int   // pictures until it is tried again
}

// Share implements [decoder.Sharer]. Room comes in powers of two, so that readers who
// come and go seldom change the region of others.
func (d *Decoder) Share(frames int) {
	if frames = max(0, frames); frames != d.sharing.frames {
		d.sharing = sharing{frames: frames}
	}
}

// ShareErr implements [decoder.Sharer].
func (d *Decoder) ShareErr() error {
	if d.sharing.frames == 0 {
		return nil
	}
	return d.sharing.err
}

// room is how many slots there are for so many frames.
func room(frames int) int {
	if frames == 0 {
		return 0
	}
	return 1 << bits.Len(uint(frames-1))
}

// sharedConfig is the ring that is wanted now.
func (d *Decoder) sharedConfig() surface.Config {
	s := d.session.setup
	c := d.ringConfig(s)
	if d.sharing.frames > 0 {
		c.Slots += room(d.sharing.frames)
		c.Share = &surface.Picture{Width: s.width, Height: s.height, Color: d.frameColor()}
	}
	return c
}

// fits says whether the ring that is there does for the one that is wanted. One with too
// much room stays until it is four times what is wanted.
func (d *Decoder) fits(have, want surface.Config) bool {
	if have.Share == nil || want.Share == nil {
		return have.Share == want.Share
	}
	few := d.cfg.Frames + spareSlots
	return *have.Share == *want.Share && have.Slots >= want.Slots && have.Slots-few < 4*(want.Slots-few)
}

// shareRing makes the ring the one that is wanted, when there is another and there is room
// for it. The old one goes with its last frame; without room the camera keeps it. An error
// is the device's or the caller's end.
func (d *Decoder) shareRing(ctx context.Context) error {
	want := d.sharedConfig()
	if d.fits(d.session.ring.Config(), want) {
		d.sharing = sharing{frames: d.sharing.frames}
		return nil
	}
	if d.sharing.refused {
		return nil
	}
	if d.sharing.pause > 0 {
		d.sharing.pause--
		return nil
	}
	err := d.swapRing(ctx, want)
	switch {
	case err == nil:
	case fatal(ctx, err):
		return err
	case errors.Is(err, decoder.ErrExhausted):
		d.sharing.pause = retryPictures - 1
	case !errors.Is(err, decoder.ErrUnsupported):
		err = fmt.Errorf("%w: %w", decoder.ErrUnsupported, err)
		fallthrough
	default:
		d.sharing.refused = true
	}
	if have := d.session.ring.Config(); have.Share == nil || *have.Share != *want.Share || have.Slots < want.Slots {
		d.sharing.err = err // else there is more room than is wanted
	}
	return nil
}

// fatal says whether an error ends more than the attempt.
func fatal(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, gpu.ErrDeviceLost)
}

// take hands out a slot for the next picture. A shared ring that could not grow may be held
// altogether by other processes, which were promised more than it has: then the small ring
// takes its place, and they wait. The error is surface.ErrFull as the ring's own.
func (d *Decoder) take(ctx context.Context) (*surface.Slot, error) {
	slot, full := d.session.ring.Take()
	if !errors.Is(full, surface.ErrFull) {
		return slot, full
	}
	if have := d.session.ring.Config(); have.Share == nil || have.Slots >= d.sharedConfig().Slots {
		return nil, full
	}
	switch err := d.swapRing(ctx, d.ringConfig(d.session.setup)); {
	case err == nil:
		d.sharing.pause = retryPictures
		return d.session.ring.Take()
	case fatal(ctx, err):
		return nil, err
	default:
		return nil, full
	}
}

// swapRing puts another ring in the place of the session's, which stays when that fails.
func (d *Decoder) swapRing(ctx context.Context, c surface.Config) error {
	// Both are there until the old one's frames are released.
	reservation, err := d.device.Admission().Reserve(c.Bytes(), d.cfg.Camera)
	if err != nil {
		return classify(err)
	}
	defer reservation.Close()
	ring, err := d.newRing(ctx, c)
	if err != nil {
		return err
	}
	old := d.session.ring
	d.session.ring = ring
	// Copies into slots that nobody holds any more may still be queued.
	return errors.Join(d.gated(d.session.stream.Synchronize), old.Retire())
}
