package nvjpeg

import (
	"context"
	"errors"
	"unsafe"

	"github.com/frameport/frameport/gpu"
)

const (
	// firstBuffer has room for most pictures of 1080p.
	firstBuffer = 1 << 20
	// keptBuffer is the largest pinned memory that a state keeps between pictures.
	keptBuffer = 16 << 20
)

// picture is what nvJPEG is given.
type picture struct {
	planes                 [3]gpu.DevicePlane
	ready                  *gpu.Event // may be nil
	width, height, quality int
}

// state is one encoder with its stream, one picture at a time.
type state struct {
	device  *gpu.Device
	native  native
	stream  *gpu.Stream
	pinned  *gpu.Pinned
	largest int            // pixels of the largest picture so far
	growth  []*gpu.Booking // memory that larger pictures took
}

func newState(device *gpu.Device, f functions, handle unsafe.Pointer) (*state, error) {
	use := gpu.Use{Purpose: gpu.PurposeJPEG}
	s := &state{device: device}
	var err error
	if s.stream, err = device.NewStream(use); err != nil {
		return nil, err
	}
	if s.pinned, err = device.AllocPinned(firstBuffer, use); err != nil {
		return nil, errors.Join(err, s.stream.Close())
	}
	var r result
	if s.native, r = f.newState(handle, s.stream); r.op != "" {
		return nil, errors.Join(check(device, r), s.pinned.Close(), s.stream.Close())
	}
	return s, nil
}

// measured is encode, with the memory that a picture larger than all before it takes
// put on the books.
func (s *state) measured(ctx context.Context, p picture, dst []byte) (out []byte, err error) {
	if p.width*p.height <= s.largest {
		return s.encode(p, dst)
	}
	booking, err := s.device.Measure(ctx, gpu.Use{Purpose: gpu.PurposeJPEG}, 0, func() error {
		out, err = s.encode(p, dst)
		return err
	})
	if err != nil {
		return dst, err
	}
	s.largest = p.width * p.height
	s.growth = append(s.growth, booking)
	return out, nil
}

// encode appends the picture's bytes to dst.
func (s *state) encode(p picture, dst []byte) ([]byte, error) {
	length, r := s.native.encode(p, s.pinned.Bytes())
	if err := check(s.device, r); err != nil {
		return dst, err
	}
	from := s.pinned
	if length > len(from.Bytes()) {
		larger, err := s.grow(length)
		if err != nil {
			return dst, err
		}
		if larger != s.pinned {
			defer larger.Close()
		}
		if err := check(s.device, s.native.fetch(larger.Bytes(), length)); err != nil {
			return dst, errors.Join(err, s.stream.Synchronize())
		}
		from = larger
	}
	return append(dst, from.Bytes()[:length]...), nil
}

// grow returns pinned memory with the room, which takes the place of the state's own
// when it is not too large to keep.
func (s *state) grow(length int) (*gpu.Pinned, error) {
	size := firstBuffer
	for size < length {
		size *= 2
	}
	larger, err := s.device.AllocPinned(size, gpu.Use{Purpose: gpu.PurposeJPEG})
	if err != nil || size > keptBuffer {
		return larger, err
	}
	old := s.pinned
	s.pinned = larger
	return larger, old.Close()
}

// close gives back the state, then what it worked with.
func (s *state) close() error {
	errs := []error{check(s.device, s.native.destroy()), s.pinned.Close(), s.stream.Close()}
	return errors.Join(errs...)
}
