package main

import (
	"errors"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

// upload makes a frame in a surface of an NV12 picture in host memory. The surface
// goes with the frame.
func (l *lab) upload(f *frame.Frame) (out *frame.Frame, err error) {
	use := gpu.Use{Purpose: gpu.PurposeOther}
	stream, err := l.device.NewStream(use)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	pinned, err := l.device.AllocPinned(len(f.Planes[0].Data)+len(f.Planes[1].Data), use)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pinned.Close()) }()
	ring, err := surface.New(l.device, surface.Config{Width: f.Width + f.Width&1, Height: f.Height, Slots: 1})
	if err != nil {
		return nil, err
	}
	slot, err := ring.Take()
	if err != nil {
		return nil, errors.Join(err, ring.Close())
	}
	at := 0
	for i, plane := range []gpu.DevicePlane{slot.Luma(), slot.Chroma()} {
		rows, width := f.Height, f.Width
		if i == 1 {
			rows, width = (rows+1)/2, (width+1)/2*2
		}
		copy(pinned.Bytes()[at:], f.Planes[i].Data)
		from := gpu.HostPlane{Memory: pinned, Offset: at, Pitch: f.Planes[i].Pitch}
		if err := l.device.CopyFromHost2D(stream, plane, from, width, rows); err != nil {
			ring.Put(slot)
			return nil, errors.Join(err, stream.Synchronize(), ring.Close())
		}
		at += len(f.Planes[i].Data)
	}
	if err := errors.Join(slot.Written().Record(stream), stream.Synchronize()); err != nil {
		ring.Put(slot)
		return nil, errors.Join(err, ring.Close())
	}
	info := f.Info
	info.Format = media.PixelNV12
	out = slot.Publish(info)
	return out, ring.Retire()
}
