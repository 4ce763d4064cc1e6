package gpu

import (
	"fmt"
	"unsafe"
)

// DevicePlane is rows of bytes in device memory, Pitch bytes apart.
type DevicePlane struct {
	Address Address
	Pitch   int
}

// HostPlane is rows of bytes in pinned memory, from Offset on, Pitch bytes apart.
type HostPlane struct {
	Memory *Pinned
	Offset int
	Pitch  int
}

// rows checks that the rectangle lies within the memory.
func (h HostPlane) rows(width, height int) (rows, error) {
	if err := h.Memory.usable("copy"); err != nil {
		return rows{}, err
	}
	if end := h.Offset + (height-1)*h.Pitch + width; h.Offset < 0 || end > h.Memory.size {
		return rows{}, fmt.Errorf("gpu: copy: %dx%d bytes at %d with pitch %d are outside %d bytes of pinned memory",
			width, height, h.Offset, h.Pitch, h.Memory.size)
	}
	return rows{host: unsafe.Add(h.Memory.handle, h.Offset), pitch: h.Pitch}, nil
}

func (p DevicePlane) rows() rows { return rows{device: p.Address, pitch: p.Pitch} }

// CopyToHost2D queues a copy of width bytes by height rows from the device. The
// bytes are there when the stream has passed it.
func (d *Device) CopyToHost2D(s *Stream, dst HostPlane, src DevicePlane, width, height int) error {
	if err := checkShape(width, height, dst.Pitch, src.Pitch); err != nil {
		return err
	}
	to, err := dst.rows(width, height)
	if err != nil {
		return err
	}
	return d.copy(s, to, src.rows(), width, height)
}

// CopyFromHost2D queues a copy to the device. The bytes must stay as they are
// until the stream has passed it.
func (d *Device) CopyFromHost2D(s *Stream, dst DevicePlane, src HostPlane, width, height int) error {
	if err := checkShape(width, height, dst.Pitch, src.Pitch); err != nil {
		return err
	}
	from, err := src.rows(width, height)
	if err != nil {
		return err
	}
	return d.copy(s, dst.rows(), from, width, height)
}

// CopyDeviceToDevice2D queues a copy within the device. The rectangles must not
// overlap.
func (d *Device) CopyDeviceToDevice2D(s *Stream, dst, src DevicePlane, width, height int) error {
	if err := checkShape(width, height, dst.Pitch, src.Pitch); err != nil {
		return err
	}
	return d.copy(s, dst.rows(), src.rows(), width, height)
}

// Memset2D queues setting width bytes by height rows to value.
func (d *Device) Memset2D(s *Stream, dst DevicePlane, value byte, width, height int) error {
	const op = "cuMemsetD2D8Async"
	if err := checkShape(width, height, dst.Pitch); err != nil {
		return err
	}
	if err := s.usable(op); err != nil {
		return err
	}
	return d.Check(op, d.primary.set(s.handle, dst.rows(), value, width, height))
}

// SetWord queues setting the 32 bits at an address, which is a multiple of 4.
func (d *Device) SetWord(s *Stream, a Address, value uint32) error {
	const op = "cuMemsetD32Async"
	if err := s.usable(op); err != nil {
		return err
	}
	return d.Check(op, d.primary.setWord(s.handle, a, value))
}

func (d *Device) copy(s *Stream, to, from rows, width, height int) error {
	const op = "cuMemcpy2DAsync"
	if err := s.usable(op); err != nil {
		return err
	}
	return d.Check(op, d.primary.copy(s.handle, to, from, width, height))
}

func checkShape(width, height int, pitches ...int) error {
	if width <= 0 || height <= 0 {
		return fmt.Errorf("gpu: %dx%d bytes: must be positive", width, height)
	}
	for _, pitch := range pitches {
		if pitch < width {
			return fmt.Errorf("gpu: rows of %d bytes do not fit a pitch of %d", width, pitch)
		}
	}
	return nil
}
