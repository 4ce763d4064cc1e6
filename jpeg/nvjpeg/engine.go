package nvjpeg

import (
	"errors"
	"unsafe"

	"github.com/frameport/frameport/gpu"
)

// engine is a working nvJPEG: its handle and the states made of it.
type engine struct {
	device    *gpu.Device
	functions functions
	library   Library
	handle    unsafe.Pointer
	states    []*state
	booking   *gpu.Booking
}

// start makes everything; stop gives back what it has made when it fails.
func (e *engine) start(cfg Config) error {
	handle, r := e.functions.open()
	if err := check(e.device, r); err != nil {
		return err
	}
	e.handle = handle
	for range cfg.States {
		s, err := newState(e.device, e.functions, handle)
		if err != nil {
			return err
		}
		e.states = append(e.states, s)
	}
	return e.warm(cfg.Width, cfg.Height)
}

// warm has every state encode a picture of this size.
func (e *engine) warm(width, height int) error {
	pitch := (width + 255) &^ 255
	luma, chroma := int64(pitch)*int64(height), int64(pitch)*int64((height+1)/2)
	memory, err := e.device.Alloc(luma+2*chroma, gpu.Use{Purpose: gpu.PurposeJPEG})
	if err != nil {
		return err
	}
	p := picture{width: width, height: height, quality: 75}
	for i, offset := range []int64{0, luma, luma + chroma} {
		p.planes[i] = gpu.DevicePlane{Address: memory.Address() + gpu.Address(offset), Pitch: pitch}
	}
	for _, s := range e.states {
		// Grey, so that encoders do not read what nobody wrote.
		rows := height + 2*((height+1)/2)
		err := e.device.Memset2D(s.stream, gpu.DevicePlane{Address: memory.Address(), Pitch: pitch}, 128, pitch, rows)
		if err == nil {
			_, err = s.encode(p, nil)
		}
		if err != nil {
			return errors.Join(err, s.stream.Synchronize(), memory.Close())
		}
		s.largest = width * height
	}
	return memory.Close()
}

// stop gives everything back: states, then the handle.
func (e *engine) stop() error {
	var errs []error
	for _, s := range e.states {
		errs = append(errs, s.close())
	}
	e.states = nil
	if e.handle != nil {
		errs = append(errs, check(e.device, e.functions.close(e.handle)))
		e.handle = nil
	}
	return errors.Join(errs...)
}

// close is stop for an engine that is on the books.
func (e *engine) close() error {
	states := e.states
	errs := []error{e.booking.Release(e.stop)}
	for _, s := range states {
		for _, b := range s.growth {
			errs = append(errs, b.Release(func() error { return nil })) // it went with the state
		}
	}
	e.functions.free()
	return errors.Join(errs...)
}
