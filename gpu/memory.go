package gpu

import (
	"fmt"
	"sync/atomic"
)

// Address is a place in device memory. The CPU cannot follow it.
type Address uint64

// Granularity is the unit in which the driver hands out large allocations.
// Smaller ones share a unit with their neighbours.
const Granularity = 2 << 20

// Memory is a piece of device memory.
type Memory struct {
	device  *Device
	use     Use
	address Address
	size    int64
	closed  atomic.Bool
}

// Alloc takes device memory. From Granularity on, sizes are rounded up to a
// multiple of it, because the driver would take that much anyway. Beyond the device's
// budget the error is an *AdmissionError. It may wait for
// everything that runs on the device: never once per frame.
func (d *Device) Alloc(bytes int64, use Use) (*Memory, error) {
	if bytes <= 0 {
		return nil, fmt.Errorf("gpu: allocate %d bytes for %s: must be positive", bytes, use)
	}
	if err := d.usable("cuMemAlloc"); err != nil {
		return nil, err
	}
	if bytes >= Granularity {
		bytes = (bytes + Granularity - 1) / Granularity * Granularity
	}
	d.memory.Lock()
	defer d.memory.Unlock()
	if err := d.admission.within(bytes, use); err != nil {
		return nil, err
	}
	address, code := d.primary.alloc(bytes)
	if code != codeSuccess {
		return nil, d.Check(fmt.Sprintf("cuMemAlloc of %s for %s", mebibytes(bytes), use), code)
	}
	d.ledger.Book(use, bytes, 1)
	return &Memory{device: d, use: use, address: address, size: bytes}, nil
}

// Address is where the memory begins, aligned to at least 256 bytes.
func (m *Memory) Address() Address { return m.address }

// Size is the number of bytes, rounded up.
func (m *Memory) Size() int64 { return m.size }

// Close frees the memory, once. Nothing on the device may still use it.
func (m *Memory) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	d := m.device
	d.memory.Lock()
	defer d.memory.Unlock()
	code := d.primary.free(m.address)
	d.ledger.Book(m.use, -m.size, -1)
	return d.checkClose("cuMemFree for "+m.use.String(), code)
}
