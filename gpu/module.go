package gpu

import (
	"context"
	"errors"
	"fmt"
	"unsafe"
)

// Module is compiled device code.
type Module struct {
	object
	booking *Booking
}

// LoadModule has the driver compile PTX, text without a NUL, for this device; that
// takes tens of milliseconds the first time. The error is ErrUnsupported where the
// driver or the device does not take the code, and holds the compiler's log.
func (d *Device) LoadModule(ptx []byte, use Use) (*Module, error) {
	if err := d.usable("cuModuleLoadDataEx"); err != nil {
		return nil, err
	}
	var handle unsafe.Pointer
	booking, err := d.Measure(context.Background(), use, 0, func() error {
		var log string
		var code int
		handle, log, code = d.primary.moduleLoad(ptx)
		err := d.Check("cuModuleLoadDataEx", code)
		var e *Error
		if log != "" && errors.As(err, &e) {
			e.Err = fmt.Errorf("compiler: %s", log)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Module{object: d.made(use, handle), booking: booking}, nil
}

// Function finds a kernel by its name. It lives as long as the module.
func (m *Module) Function(name string) (*Function, error) {
	const op = "cuModuleGetFunction"
	if err := m.usable(op); err != nil {
		return nil, err
	}
	handle, code := m.device.primary.function(m.handle, name)
	if code != codeSuccess {
		return nil, m.device.Check(op+" "+name, code)
	}
	return &Function{module: m, name: name, handle: handle}, nil
}

// Close unloads the module, once. Nothing may run its kernels.
func (m *Module) Close() error {
	return m.booking.Release(func() error {
		return m.close("cuModuleUnload", m.device.primary.moduleUnload)
	})
}

// Function is a kernel.
type Function struct {
	module *Module
	name   string
	handle unsafe.Pointer
}

// Name is the name that it was found by.
func (f *Function) Name() string { return f.name }

// Launch queues the kernel. It takes one parameter, a structure by value, that
// params points to: without Go pointers, laid out as in C, and read before Launch
// returns. What goes wrong while the kernel runs is told by a later call.
func (f *Function) Launch(s *Stream, grid, block [3]uint32, params unsafe.Pointer) error {
	const op = "cuLaunchKernel"
	if err := f.module.usable(op); err != nil {
		return err
	}
	if err := s.usable(op); err != nil {
		return err
	}
	d := f.module.device
	code := d.primary.launch(f.handle, s.handle, grid, block, params)
	if code != codeSuccess {
		return d.Check(op+" "+f.name, code)
	}
	return nil
}
