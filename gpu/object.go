package gpu

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// object is what everything made from a device has in common: its use, a native
// handle and whether it has been given back.
type object struct {
	device *Device
	use    Use
	handle unsafe.Pointer
	closed atomic.Bool
}

// made books an object that the driver has made.
func (d *Device) made(use Use, handle unsafe.Pointer) object {
	d.ledger.Book(use, 0, 1)
	return object{device: d, use: use, handle: handle}
}

// usable guards a call on the object.
func (o *object) usable(op string) error {
	if o.closed.Load() {
		return fmt.Errorf("gpu: %s: %s is %w", op, o.use, ErrClosed)
	}
	return o.device.usable(op)
}

// Handle is the driver's handle, for C code of other packages. The object keeps
// ownership.
func (o *object) Handle() unsafe.Pointer { return o.handle }

// close gives the object back once. It is off the books even when the driver
// complains: there is nothing more that one could do about it.
func (o *object) close(op string, destroy func(unsafe.Pointer) int) error {
	if o.closed.Swap(true) {
		return nil
	}
	code := destroy(o.handle)
	o.device.ledger.Book(o.use, 0, -1)
	return o.device.checkClose(op, code)
}
