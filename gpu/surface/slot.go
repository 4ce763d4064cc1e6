package surface

import (
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

// Slot is room for one NV12 picture in device memory. It is the [frame.Memory] of
// the frame in it: f.Memory().(*surface.Slot) leads from a frame to its pixels.
type Slot struct {
	frame  frame.Frame
	ring   *Ring
	index  int
	offset int64
	ready  *gpu.Event
	// generation is what the slot's generation will be when the work that is queued is done.
	generation uint32
}

// Device is where the pixels are.
func (s *Slot) Device() *gpu.Device { return s.ring.device }

// Luma is the plane of brightness, a byte per pixel.
func (s *Slot) Luma() gpu.DevicePlane {
	return gpu.DevicePlane{Address: s.ring.memory.Address() + gpu.Address(s.offset), Pitch: s.ring.pitch}
}

// Chroma is the plane of Cb and Cr pairs, one for 2x2 pixels.
func (s *Slot) Chroma() gpu.DevicePlane {
	luma := s.Luma()
	return gpu.DevicePlane{Address: luma.Address + gpu.Address(s.ring.pitch*s.ring.lumaRows), Pitch: luma.Pitch}
}

// Offset is where the slot begins in the ring's memory, for whoever has that
// through an IPC handle.
func (s *Slot) Offset() int64 { return s.offset }

// Ring is the ring that the slot is part of.
func (s *Slot) Ring() *Ring { return s.ring }

// Written is the event behind the last write, for C code that records it.
func (s *Slot) Written() *gpu.Event { return s.ready }

// Wait makes the stream wait until the pixels are there. The caller does not wait.
func (s *Slot) Wait(stream *gpu.Stream) error { return stream.Wait(s.ready) }

// Synchronize waits until the pixels are there.
func (s *Slot) Synchronize() error { return s.ready.Synchronize() }

// Publish makes the frame, with one reference that is the caller's. The writes to
// the slot are queued, behind Begin, and Written is recorded behind them.
func (s *Slot) Publish(info frame.Info) *frame.Frame {
	s.ring.account.Book(1, 0)
	s.frame.Reset(info, [3]frame.Plane{}, s)
	return &s.frame
}

// Recycle implements [frame.Memory].
func (s *Slot) Recycle(f *frame.Frame) {
	if f != &s.frame {
		panic("surface: recycled a frame of another slot")
	}
	s.ring.account.Book(-1, 0)
	s.ring.put(s)
}

// Of returns the slot that holds the pixels of f; ok is false when they are not in
// device memory.
func Of(f *frame.Frame) (s *Slot, ok bool) {
	s, ok = f.Memory().(*Slot)
	return s, ok
}
