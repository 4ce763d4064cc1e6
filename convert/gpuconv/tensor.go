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

// Row is one tensor of a batch in device memory.
type Row struct {
	// Source is a frame on the converter's device; nil: the elements are made already and
	// lie in Pinned, from At on.
	Source *frame.Frame
	Pinned *gpu.Pinned
	At     int // bytes
	// Out is where the tensor is written, aligned to the size of an element.
	Out gpu.Address
}

// TensorsOnDevice writes tensors, t.Bytes() bytes each, into memory of the converter's
// device. All are queued on one stream, a kernel for each frame, and the elements are
// there when it returns. The frames may have different sizes. Nothing is written when
// one of them can't be converted: errors wrap [convert.ErrRequest], or are ErrSource for
// frames that are not on the device. After other errors the memory holds nothing of use.
func (c *Converter) TensorsOnDevice(ctx context.Context, rows []Row, t convert.Tensor) error {
	if err := t.Validate(); err != nil {
		return err
	}
	for i, row := range rows {
		if err := c.checkRow(row, t); err != nil {
			return fmt.Errorf("picture %d of %d: %w", i+1, len(rows), err)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	l, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { c.lanes <- l }()
	for i, row := range rows {
		if err := c.queueRow(l, row, t); err != nil {
			return errors.Join(fmt.Errorf("picture %d of %d: %w", i+1, len(rows), err), l.stream.Synchronize())
		}
	}
	return l.stream.Synchronize()
}

func (c *Converter) checkRow(row Row, t convert.Tensor) error {
	if row.Out == 0 || row.Out%gpu.Address(t.Type.Size()) != 0 {
		return fmt.Errorf("%w: tensor at device address %#x: elements of %d bytes need it aligned to those", convert.ErrRequest, row.Out, t.Type.Size())
	}
	if row.Source == nil {
		return nil // the copy is checked when it is queued
	}
	_, _, err := c.tensorSource(row.Source, t)
	return err
}

// queueRow queues what writes one tensor.
func (c *Converter) queueRow(l *lane, row Row, t convert.Tensor) error {
	if n := t.Bytes(); row.Source == nil {
		from := gpu.HostPlane{Memory: row.Pinned, Offset: row.At, Pitch: n}
		return l.device.CopyFromHost2D(l.stream, gpu.DevicePlane{Address: row.Out, Pitch: n}, from, n, 1)
	}
	slot, g, err := c.tensorSource(row.Source, t)
	if err != nil {
		return err
	}
	return c.queueTensor(l, slot, row.Source, g, t, row.Out)
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
