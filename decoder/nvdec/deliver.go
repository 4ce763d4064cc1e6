package nvdec

import (
	"context"
	"errors"
	"time"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

// deliver emits the n pictures whose turn has come.
func (d *Decoder) deliver(ctx context.Context, n int, emit func(*frame.Frame) error) (err error) {
	// A picture that had to be mapped early occupies the output surface: it goes
	// into its slot before the others need that.
	var early *surface.Slot
	saved := -1
	for i := 1; i < n; i++ {
		if d.native.shown(i).saved {
			saved = i
			if early, err = d.fetch(ctx, i); err != nil {
				return err
			}
		}
	}
	for i := range n {
		slot := early
		if i != saved {
			slot = nil
		} else {
			early = nil
		}
		if err = d.deliverOne(ctx, i, slot, i == saved, emit); err != nil {
			break
		}
	}
	if early != nil {
		d.session.ring.Put(early)
	}
	return err
}

// deliverOne emits the i-th picture. fetched says that it is in its slot already,
// or that there was none for it.
func (d *Decoder) deliverOne(ctx context.Context, i int, slot *surface.Slot, fetched bool, emit func(*frame.Frame) error) (err error) {
	p := d.native.shown(i)
	u := d.timeline.Take(p.token)
	if d.cfg.Select != nil && !d.cfg.Select(u.Times.PTS) {
		if slot != nil {
			d.session.ring.Put(slot)
		}
		if p.saved && !fetched {
			return d.device.Check("cuvidUnmapVideoFrame", d.native.unmap())
		}
		return nil
	}
	if !fetched && !p.lost {
		if slot, err = d.fetch(ctx, i); err != nil {
			return err
		}
	}
	if slot == nil {
		d.dropped++
		return nil
	}
	s := d.session.setup
	f := slot.Publish(frame.Info{
		Times:   u.Times,
		Decoded: time.Now(),
		Format:  media.PixelNV12,
		Width:   s.width,
		Height:  s.height,
		// The stream's own height decides what an untagged stream means.
		Color:    s.format.color().Override(d.cfg.Output.Color).Resolve(s.format.bottom - s.format.top),
		KeyFrame: u.RandomAccess,
		Corrupt:  u.Corrupt || d.timeline.Corrupt(p.token),
	})
	err = emit(f)
	f.Release()
	return err
}

// fetch queues the i-th picture into a slot, once it is decoded. The slot is nil
// when all are held.
func (d *Decoder) fetch(ctx context.Context, i int) (*surface.Slot, error) {
	slot, err := d.session.ring.Take()
	if errors.Is(err, surface.ErrFull) {
		if d.native.shown(i).saved {
			return nil, d.device.Check("cuvidUnmapVideoFrame", d.native.unmap())
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := d.fill(ctx, i, slot); err != nil {
		d.session.ring.Put(slot)
		return nil, err
	}
	return slot, nil
}

func (d *Decoder) fill(ctx context.Context, i int, slot *surface.Slot) error {
	release, err := d.gate(ctx)
	if err != nil {
		return err
	}
	defer release()
	p, code := d.native.mapPicture(i)
	if err := d.check("cuvidMapVideoFrame", code); err != nil {
		return err
	}
	d.noteDamage()
	if d.session.setup.wide {
		err = d.round(p, slot)
	} else {
		err = d.check("cuMemcpy2DAsync", d.native.copy(p, slot))
	}
	// The next map works on the same stream, behind what has been queued here.
	return errors.Join(err, d.device.Check("cuvidUnmapVideoFrame", d.native.unmap()))
}

// round queues the conversion of a 16-bit picture.
func (d *Decoder) round(p picture, slot *surface.Slot) error {
	s := d.session.setup
	w, h := int32(s.targetWidth), int32(s.targetHeight)
	all := kernels.Rect{Width: w, Height: h}
	luma, chroma := slot.Luma(), slot.Chroma()
	source := kernels.Picture{
		Luma: p.address, LumaPitch: int32(p.pitch), ChromaPitch: int32(p.pitch),
		Width: w, Height: h, Depth: 16,
	}
	source.Chroma = source.Luma + gpu.Address(p.pitch*s.targetHeight)
	err := d.options.Kernels.Copy(d.session.stream, &kernels.Copy{
		View: kernels.View{Source: source, Crop: all, Inner: all, Width: w, Height: h},
		Luma: luma.Address, Chroma: chroma.Address,
		LumaPitch: int32(luma.Pitch), ChromaPitch: int32(chroma.Pitch),
	})
	if err != nil {
		return err
	}
	return slot.Ready().Record(d.session.stream)
}
