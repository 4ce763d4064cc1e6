package gpuconv

import (
	"errors"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

const (
	firstPinned = 1 << 20
	// keptPinned is the largest pinned memory that a lane keeps between pictures.
	keptPinned = 32 << 20
)

// lane is what one picture at a time is made with.
type lane struct {
	device *gpu.Device
	stream *gpu.Stream
	pinned *gpu.Pinned // nil until the first picture for the host
}

func newLane(device *gpu.Device) (*lane, error) {
	stream, err := device.NewStream(use())
	if err != nil {
		return nil, err
	}
	return &lane{device: device, stream: stream}, nil
}

// buffer returns pinned memory with the room; done gives it back when it is not the
// lane's to keep.
func (l *lane) buffer(bytes int) (p *gpu.Pinned, done func() error, err error) {
	keep := func() error { return nil }
	if l.pinned != nil && len(l.pinned.Bytes()) >= bytes {
		return l.pinned, keep, nil
	}
	size := firstPinned
	for size < bytes {
		size *= 2
	}
	if size > keptPinned {
		p, err = l.device.AllocPinned(bytes, use())
		if err != nil {
			return nil, nil, err
		}
		return p, p.Close, nil
	}
	if p, err = l.device.AllocPinned(size, use()); err != nil {
		return nil, nil, err
	}
	old := l.pinned
	l.pinned = p
	if old != nil {
		return p, keep, old.Close()
	}
	return p, keep, nil
}

// download brings a picture to a host frame with the same pitches, behind what is
// queued on the stream, and waits for all of it.
func (l *lane) download(dst *frame.Frame, src canvas) (err error) {
	pinned, done, err := l.buffer(src.bytes)
	if err != nil {
		return errors.Join(err, l.stream.Synchronize())
	}
	defer func() { err = errors.Join(err, done()) }()
	to := gpu.HostPlane{Memory: pinned, Pitch: src.bytes}
	from := gpu.DevicePlane{Address: src.planes[0].Address, Pitch: src.bytes}
	if err := l.device.CopyToHost2D(l.stream, to, from, src.bytes, 1); err != nil {
		return errors.Join(err, l.stream.Synchronize())
	}
	if err := l.stream.Synchronize(); err != nil {
		return err
	}
	bytes := pinned.Bytes()[:src.bytes]
	for _, p := range dst.Planes {
		bytes = bytes[copy(p.Data, bytes):]
	}
	return nil
}

// fetch brings device memory to dst, behind what is queued on the stream, and waits for
// all of it. What is larger than a lane's pinned memory comes in parts.
func (l *lane) fetch(dst []byte, from gpu.Address) (err error) {
	pinned, done, err := l.buffer(min(len(dst), keptPinned))
	if err != nil {
		return errors.Join(err, l.stream.Synchronize())
	}
	defer func() { err = errors.Join(err, done()) }()
	for len(dst) > 0 {
		n := min(len(dst), keptPinned)
		to, part := gpu.HostPlane{Memory: pinned, Pitch: n}, gpu.DevicePlane{Address: from, Pitch: n}
		if err := l.device.CopyToHost2D(l.stream, to, part, n, 1); err != nil {
			return errors.Join(err, l.stream.Synchronize())
		}
		if err := l.stream.Synchronize(); err != nil {
			return err
		}
		copy(dst[:n], pinned.Bytes())
		dst, from = dst[n:], from+gpu.Address(n)
	}
	return nil
}

func (l *lane) close() error {
	var err error
	if l.pinned != nil {
		err = l.pinned.Close()
	}
	return errors.Join(err, l.stream.Close())
}
