package gpu

import (
	"fmt"
	"unsafe"
)

// Pinned is host memory that the device reads and writes by itself: the only kind
// that copies on a stream may have on the host's side.
type Pinned struct {
	object
	size int
}

// AllocPinned takes page-locked host memory. It is slow: take it once, keep it.
func (d *Device) AllocPinned(bytes int, use Use) (*Pinned, error) {
	if bytes <= 0 {
		return nil, fmt.Errorf("gpu: allocate %d pinned bytes for %s: must be positive", bytes, use)
	}
	if err := d.usable("cuMemHostAlloc"); err != nil {
		return nil, err
	}
	p, code := d.primary.hostAlloc(bytes)
	if code != codeSuccess {
		return nil, d.Check(fmt.Sprintf("cuMemHostAlloc of %s for %s", mebibytes(int64(bytes)), use), code)
	}
	d.ledger.book(use, Usage{HostBytes: int64(bytes)})
	return &Pinned{object: d.made(use, p), size: bytes}, nil
}

// Bytes is the memory. It must not be used after Close.
func (p *Pinned) Bytes() []byte { return unsafe.Slice((*byte)(p.handle), p.size) }

// Close frees the memory, once. No copy on any stream may still use it.
func (p *Pinned) Close() error {
	return p.close("cuMemFreeHost for "+p.use.String(), func(handle unsafe.Pointer) int {
		code := p.device.primary.hostFree(handle)
		p.device.ledger.book(p.use, Usage{HostBytes: -int64(p.size)})
		return code
	})
}
