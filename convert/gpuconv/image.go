package gpuconv

import (
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/media"
)

// image is a frame of a Converter in device memory: a planar picture for a JPEG
// encoder, and what it is made in.
type image struct {
	frame   frame.Frame
	blocks  *blocks
	memory  *gpu.Memory
	planes  [3]gpu.DevicePlane
	account *frame.Account
}

// Device is where the picture is.
func (m *image) Device() *gpu.Device { return m.blocks.device }

// DevicePlanes returns Y, Cb and Cr. They are written already.
func (m *image) DevicePlanes() (planes [3]gpu.DevicePlane, ready *gpu.Event) { return m.planes, nil }

// Recycle implements [frame.Memory].
func (m *image) Recycle(*frame.Frame) {
	m.account.Book(-1, 0)
	m.blocks.put(m.memory)
}

// publish makes the frame, with one reference.
func (m *image) publish(info frame.Info) *frame.Frame {
	m.account.Book(1, 0)
	m.frame.Reset(info, [3]frame.Plane{}, m)
	return &m.frame
}

// pitches are the distances between rows of a picture on the device; host pictures
// (frame.Pool) have the same, so that they are copied in one piece.
func pitches(format media.PixelFormat, w, h int) (p [3]int) {
	const align = 64
	sizes, n := format.Planes(w, h)
	for i, s := range sizes[:n] {
		p[i] = (s.RowBytes + align - 1) / align * align
	}
	return p
}

// layout is where the planes of a picture lie in a block: one behind the other.
func layout(format media.PixelFormat, w, h int, pitch [3]int) (offsets [3]int, total int) {
	sizes, n := format.Planes(w, h)
	for i, s := range sizes[:n] {
		offsets[i] = total
		total += pitch[i] * s.Rows
	}
	return offsets, total
}

// canvas is a picture in a block of device memory.
type canvas struct {
	memory *gpu.Memory
	format media.PixelFormat
	w, h   int
	planes [3]gpu.DevicePlane
	bytes  int
}

func newCanvas(b *blocks, format media.PixelFormat, w, h int, pitch [3]int) (canvas, error) {
	offsets, total := layout(format, w, h, pitch)
	memory, err := b.take(int64(total))
	if err != nil {
		return canvas{}, err
	}
	c := canvas{memory: memory, format: format, w: w, h: h, bytes: total}
	for i := range c.planes {
		if pitch[i] > 0 {
			c.planes[i] = gpu.DevicePlane{Address: memory.Address() + gpu.Address(offsets[i]), Pitch: pitch[i]}
		}
	}
	return c, nil
}
