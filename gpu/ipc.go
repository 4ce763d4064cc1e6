package gpu

import (
	"errors"
	"fmt"
	"sync/atomic"
)

const ipcHandleSize = 64

// IPCHandle names the memory for other processes on this machine, which open it
// with the CUDA runtime (cudaIpcOpenMemHandle) or OpenIPC. It is good until the
// memory is closed or this process ends, and it opens all of the allocation: only
// allocations that share no unit with others, of Granularity or more, have one. What
// other processes see when it is closed before they have closed it, CUDA leaves undefined.
// ErrUnsupported: there is no such sharing here.
func (m *Memory) IPCHandle() ([ipcHandleSize]byte, error) {
	const op = "cuIpcGetMemHandle"
	if m.closed.Load() {
		return [ipcHandleSize]byte{}, fmt.Errorf("gpu: %s: %s is %w", op, m.use, ErrClosed)
	}
	if err := m.device.usable(op); err != nil {
		return [ipcHandleSize]byte{}, err
	}
	if m.size < Granularity {
		return [ipcHandleSize]byte{}, fmt.Errorf("gpu: %s: %w: %d bytes share their unit with other memory, which would be opened too; allocate %d or more",
			op, ErrUnsupported, m.size, Granularity)
	}
	handle, code := m.device.primary.ipcExport(m.address)
	err := m.device.Check(op, code)
	if e, ok := errors.AsType[*Error](err); ok && (e.kind == nil || e.kind == ErrUnsupported) {
		// Code 801 has a kind already, and others are no clearer about it.
		e.kind, e.Reason = ErrUnsupported, "the driver gives no other process access to this GPU's memory here: CUDA has no such sharing under WSL and on some virtual and embedded GPUs"
	}
	return handle, err
}

// Imported is memory of another process.
type Imported struct {
	device  *Device
	address Address
	size    int64
	closed  atomic.Bool
}

// OpenIPC opens memory that another process on this machine exported. That process
// must keep it until it is closed here.
func (d *Device) OpenIPC(handle [ipcHandleSize]byte) (*Imported, error) {
	const op = "cuIpcOpenMemHandle"
	if err := d.usable(op); err != nil {
		return nil, err
	}
	address, size, code := d.primary.ipcOpen(handle)
	if code != codeSuccess {
		err := d.driver.error(op, code)
		if code == codeInvalidValue || code == codeInvalidContext {
			err.Reason = "the handle is this process's own, or its process has ended, or runs in a container that does not share the IPC and PID namespaces (docker run --ipc=host --pid=host)"
			return nil, err
		}
		return nil, d.Check(op, code)
	}
	// It is the other process's memory: an object here, no bytes.
	d.ledger.Book(imported, 0, 1)
	return &Imported{device: d, address: address, size: size}, nil
}

// imported is what memory of other processes is booked under.
var imported = Use{Purpose: PurposeOther, Owner: ""}

// Address is where the memory begins in this process.
func (i *Imported) Address() Address { return i.address }

// Size is the size of the whole allocation.
func (i *Imported) Size() int64 { return i.size }

// Close gives the mapping back, once.
func (i *Imported) Close() error {
	if i.closed.Swap(true) {
		return nil
	}
	code := i.device.primary.ipcClose(i.address)
	i.device.ledger.Book(imported, 0, -1)
	return i.device.checkClose("cuIpcCloseMemHandle", code)
}
