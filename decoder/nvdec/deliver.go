package nvdec

import (
	"context"
	"errors"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/internal/stream"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
)

// deliver emits the n pictures whose turn has come. lost is why some of them could
// not be fetched; the others are emitted nevertheless.
func (d *Decoder) deliver(ctx context.Context, n int, emit func(*frame.Frame) error) (lost, err error) {
	if n > 0 {
		if err := d.shareRing(ctx); err != nil {
			return nil, err
		}
	}
	early, saved, err := d.rescue(ctx, n)
	defer func() {
		if early != nil {
			early.Ring().Put(early)
		}
	}()
	if errors.Is(err, decoder.ErrCorrupt) {
		lost, err = err, nil
	}
	for i := 0; i < n && err == nil; i++ {
		p := d.native.shown(i)
		u := d.timeline.Take(p.token)
		if d.cfg.Select != nil && !d.cfg.Select(u.Times.PTS) {
			continue
		}
		var slot *surface.Slot
		switch {
		case i == saved:
			slot, early = early, nil
		case !p.lost:
			slot, err = d.fetch(ctx, i)
		}
		switch {
		case errors.Is(err, decoder.ErrCorrupt):
			lost, err = err, nil
		case err != nil:
		case slot == nil:
			d.dropped++
		default:
			err = d.publish(slot, p.token, u, emit)
		}
	}
	return lost, err
}

// rescue fetches the picture that had to be mapped early, so that the output
// surface that it occupies is free for the others. Its number is -1 when there is
// none.
func (d *Decoder) rescue(ctx context.Context, n int) (*surface.Slot, int, error) {
	for i := range n {
		if d.native.shown(i).saved {
			slot, err := d.fetch(ctx, i)
			return slot, i, err
		}
	}
	return nil, -1, nil
}

func (d *Decoder) publish(slot *surface.Slot, token int64, u stream.Unit, emit func(*frame.Frame) error) error {
	s := d.session.setup
	f := slot.Publish(frame.Info{
		Times:    u.Times,
		Decoded:  failpoint.Now(),
		Format:   media.PixelNV12,
		Width:    s.width,
		Height:   s.height,
		Color:    d.frameColor(),
		KeyFrame: u.RandomAccess,
		Corrupt:  u.Corrupt || d.timeline.Corrupt(token),
	})
	defer f.Release()
	return emit(f)
}

// fetch queues the i-th picture into a slot, once it is decoded. The slot is nil
// when all are held.
func (d *Decoder) fetch(ctx context.Context, i int) (*surface.Slot, error) {
	slot, err := d.take(ctx)
	if errors.Is(err, surface.ErrFull) {
		return nil, d.leave(ctx, i)
	}
	if err != nil {
		return nil, err
	}
	if err := d.fill(ctx, i, slot); err != nil {
		slot.Ring().Put(slot)
		return nil, err
	}
	return slot, nil
}

// leave gives up the i-th picture.
func (d *Decoder) leave(ctx context.Context, i int) error {
	if !d.native.shown(i).saved {
		return nil
	}
	release, err := d.gate(ctx)
	if err != nil {
		return err
	}
	defer release()
	return d.checkUnit("cuvidUnmapVideoFrame", d.native.unmap())
}

func (d *Decoder) fill(ctx context.Context, i int, slot *surface.Slot) error {
	release, err := d.gate(ctx)
	if err != nil {
		return err
	}
	defer release()
	p, code := d.native.mapPicture(i)
	if err := d.checkUnit("cuvidMapVideoFrame", code); err != nil {
		return err
	}
	d.noteDamage()
	err = d.write(p, slot)
	// The next map works on the same stream, behind what has been queued here.
	return errors.Join(err, d.checkUnit("cuvidUnmapVideoFrame", d.native.unmap()))
}

// write queues a mapped picture into a slot.
func (d *Decoder) write(p picture, slot *surface.Slot) error {
	if err := slot.Begin(d.session.stream); err != nil {
		return d.unitError(classify(err))
	}
	if d.session.setup.wide {
		return d.unitError(classify(d.round(p, slot)))
	}
	return d.checkUnit("cuMemcpy2DAsync", d.native.copy(p, slot))
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
	return slot.Written().Record(d.session.stream)
}
