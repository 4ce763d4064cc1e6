package frame

import "sync/atomic"

// Overread is how many bytes behind the last pixel of a plane can be read: vector
// code takes more than it needs at a time (swscale 4 bytes even of narrower rows).
// libavcodec's buffers have that much (avcodec_default_get_buffer2 adds 16 bytes and
// more), and [Pool] gives it too.
const Overread = 16

// Plane is one plane of a picture in host memory.
type Plane struct {
	// Data starts at the first pixel; it holds at least Pitch*(rows-1) plus one
	// row's bytes. Overread bytes behind those can be read and mean nothing.
	Data []byte
	// Pitch is the distance between rows in bytes.
	Pitch int
}

// Memory owns the pixels of a frame. Recycle is called exactly once per life of
// a frame, from whichever goroutine dropped the last reference, and may hand the
// same *Frame out again through [Frame.Reset].
type Memory interface {
	Recycle(f *Frame)
}

// Derived is what somebody made of a frame and keeps with it, such as encoded
// pictures. Drop is called exactly once, when the frame's life ends, on the
// goroutine that released it last: it must not block.
type Derived interface {
	Drop()
}

// Frame is a counted handle on one decoded picture. The pixels of a published
// frame are never written.
type Frame struct {
	Info
	// Planes are the host planes, as many as the format has; unused ones and
	// those of frames in device memory have nil Data.
	Planes [3]Plane

	mem     Memory
	refs    atomic.Int32
	derived atomic.Pointer[Derived]
}

// Reset starts a life of f with one reference, owned by the caller. f must be new
// or recycled.
func (f *Frame) Reset(info Info, planes [3]Plane, mem Memory) {
	if f.refs.Load() != 0 {
		panic("frame: reset of a live frame")
	}
	f.Info, f.Planes, f.mem = info, planes, mem
	f.refs.Store(1)
}

// Memory returns the owner of the pixels. Backends use it to find device
// addresses; nobody else needs it.
func (f *Frame) Memory() Memory { return f.mem }

// Derived returns what hangs on this life of the frame; without anything it hangs
// d there first. Only whoever holds a reference may ask.
func (f *Frame) Derived(d func() Derived) Derived {
	if old := f.derived.Load(); old != nil {
		return *old
	}
	mine := d()
	if f.derived.CompareAndSwap(nil, &mine) {
		return mine
	}
	return *f.derived.Load()
}

// Retain takes one more reference and returns f.
func (f *Frame) Retain() *Frame {
	if f.refs.Add(1) <= 1 {
		panic("frame: retain after the last release")
	}
	return f
}

// Release gives one reference back. With the last one the pixels return to their
// owner and f must not be touched any more.
func (f *Frame) Release() {
	switch n := f.refs.Add(-1); {
	case n == 0:
		if d := f.derived.Swap(nil); d != nil {
			(*d).Drop()
		}
		f.mem.Recycle(f)
	case n < 0:
		panic("frame: released more often than retained")
	}
}
