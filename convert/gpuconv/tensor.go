package gpuconv

import (
	"context"
	"errors"
	"fmt"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

var _ convert.Tensorer = (*Converter)(nil)

// Tensor implements [convert.Tensorer]: one kernel into device memory, from where the
// elements come through pinned memory. Frames that are not on the device are ErrSource.
func (c *Converter) Tensor(ctx context.Context, src *frame.Frame, t convert.Tensor, dst []byte) error {
	g, err := convert.CheckTensor(src, t, dst)
	if err != nil {
		return err
	}
	slot, err := c.slot(src)
	if err != nil {
		return err
	}
	l, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { c.lanes <- l }()
	memory, err := c.blocks.take(int64(len(dst)))
	if err != nil {
		return err
	}
	defer c.blocks.put(memory)
	if err := c.queueTensor(l, slot, src, g, t, memory.Address()); err != nil {
		return errors.Join(err, l.stream.Synchronize())
	}
	return l.fetch(dst, memory.Address())
}

// TensorsOnDevice writes the tensors of the frames, one behind the other, into device
// memory of the converter's device: len(srcs)*t.Bytes() bytes from dst on, which is
// aligned to the size of an element. All pictures are queued on one stream, and the
// elements are there when it returns. The frames may have different sizes. Nothing is
// written when one of them can't be converted: errors wrap [convert.ErrRequest], or are
// ErrSource for frames that are not on the device. After other errors the memory holds
// nothing of use.
func (c *Converter) TensorsOnDevice(ctx context.Context, srcs []*frame.Frame, t convert.Tensor, dst gpu.Address) error {
	if err := t.Validate(); err != nil {
		return err
	}
	if dst == 0 || dst%gpu.Address(t.Type.Size()) != 0 {
		return fmt.Errorf("%w: tensor at device address %#x: elements of %d bytes need it aligned to those", convert.ErrRequest, dst, t.Type.Size())
	}
	for i, src := range srcs {
		if _, _, err := c.tensorSource(src, t); err != nil {
			return fmt.Errorf("picture %d of %d: %w", i+1, len(srcs), err)
		}
	}
	l, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { c.lanes <- l }()
	for i, src := range srcs {
		slot, g, err := c.tensorSource(src, t)
		if err == nil {
			err = c.queueTensor(l, slot, src, g, t, dst+gpu.Address(i*t.Bytes()))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("picture %d of %d: %w", i+1, len(srcs), err), l.stream.Synchronize())
		}
	}
	return l.stream.Synchronize()
}

// tensorSource is what a picture's tensor is made of.
func (c *Converter) tensorSource(src *frame.Frame, t convert.Tensor) (*surface.Slot, convert.Geometry, error) {
	slot, err := c.slot(src)
	if err != nil {
		return nil, convert.Geometry{}, err
	}
	g, err := t.Resolve(src.Width, src.Height)
	return slot, g, err
}

// slot is where the pixels of a frame are, which must be on the device.
func (c *Converter) slot(src *frame.Frame) (*surface.Slot, error) {
	slot, ok := surface.Of(src)
	if !ok || slot.Device() != c.config.Device || src.Format != media.PixelNV12 {
		return nil, ErrSource
	}
	return slot, nil
}

// queueTensor queues one picture behind the source's pixels.
func (c *Converter) queueTensor(l *lane, slot *surface.Slot, src *frame.Frame, g convert.Geometry, t convert.Tensor, out gpu.Address) error {
	if err := slot.Wait(l.stream); err != nil {
		return err
	}
	p := kernels.Tensor{
		View: kernels.View{
			Source: pictureOf(slot.Luma(), slot.Chroma(), src.Width, src.Height),
			Crop:   rect(g.Crop), Inner: rect(g.Inner), Width: int32(g.Width), Height: int32(g.Height),
		},
		Out: out, PlaneStride: int64(t.Width) * int64(t.Height), RowStride: int32(t.Width),
		Table: kernels.RGBTable(convert.NewRGBTable(src.Color)), Pad: [3]float32{t.Pad, t.Pad, t.Pad}, Filter: filter(g),
	}
	p.Scale, p.Bias = t.Affine()
	switch t.Type {
	case convert.TensorUint8:
		p.Type = kernels.TensorUint8
	case convert.TensorFloat16:
		p.Type = kernels.TensorFP16
	default:
		p.Type = kernels.TensorFP32
	}
	if t.Layout == convert.TensorNHWC {
		p.Layout, p.RowStride = kernels.TensorNHWC, int32(3*t.Width)
	}
	if t.BGR {
		p.BGR = 1
	}
	return c.config.Kernels.Tensor(l.stream, &p)
}
