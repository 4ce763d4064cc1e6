package hostconv

import (
	"context"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
)

var _ convert.Tensorer = (*Converter)(nil)

// Tensor implements [convert.Tensorer]: one pass over the picture on the calling
// goroutine, without a picture in between. Frames in other memory are ErrSource.
func (c *Converter) Tensor(ctx context.Context, src *frame.Frame, t convert.Tensor, dst []byte) error {
	if err := c.usable(ctx); err != nil {
		return err
	}
	g, err := convert.CheckTensor(src, t, dst)
	if err != nil {
		return err
	}
	if src.Planes[0].Data == nil {
		return ErrSource
	}
	j := newTensorJob(src, t, g)
	scratch := c.scratches.take(j.scratch())
	defer c.scratches.put(scratch)
	j.write(src, dst, scratch)
	return nil
}

func (c *Converter) usable(ctx context.Context) error {
	if c.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}
