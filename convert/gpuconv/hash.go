package gpuconv

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/gpu/surface"
)

var _ convert.Hasher = (*Converter)(nil)

// Hash implements [convert.Hasher]: only the hash leaves the device. Frames that are
// not on it are ErrSource.
func (c *Converter) Hash(ctx context.Context, src *frame.Frame) (uint64, error) {
	if err := convert.CheckFormats(src.Format, src.Format); err != nil {
		return 0, err
	}
	slot, err := c.slot(src)
	if err != nil {
		return 0, err
	}
	l, err := c.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { c.lanes <- l }()
	var sum [8]byte
	memory, err := c.blocks.take(int64(len(sum)))
	if err != nil {
		return 0, err
	}
	defer c.blocks.put(memory)
	if err := c.queueHash(l, slot, src, memory.Address()); err != nil {
		return 0, errors.Join(err, l.stream.Synchronize())
	}
	if err := l.fetch(sum[:], memory.Address()); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(sum[:]), nil
}

func (c *Converter) queueHash(l *lane, slot *surface.Slot, src *frame.Frame, out gpu.Address) error {
	if err := c.config.Device.Memset2D(l.stream, gpu.DevicePlane{Address: out, Pitch: 8}, 0, 8, 1); err != nil {
		return err
	}
	if err := slot.Wait(l.stream); err != nil {
		return err
	}
	picture := pictureOf(slot.Luma(), slot.Chroma(), src.Width, src.Height)
	return c.config.Kernels.Hash(l.stream, &kernels.Hash{Source: picture, Out: out})
}
