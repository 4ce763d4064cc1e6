package client

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// mapping is a region in this program's memory, read-only. It is counted: the last
// release unmaps it.
type mapping struct {
	bytes []byte // of the file, from its first byte on
	refs  atomic.Int32
}

// mapRegion maps a region; the caller releases it.
func mapRegion(r *frameportv1.SharedRegion) (*mapping, error) {
	const where = "; worker and reader need the same file system at that path, and the same user"
	if r.GetKind() != frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY {
		return nil, fmt.Errorf("region %s: %v can't be mapped here", r.GetName(), r.GetKind())
	}
	f, err := os.Open(r.GetKey())
	if err != nil {
		return nil, fmt.Errorf("shared memory: %w%s", err, where)
	}
	defer f.Close()
	size := r.GetOffset() + r.GetByteSize()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case size < r.GetOffset() || size == 0 || uint64(info.Size()) < size: // what lies behind the end can't be read
		return nil, fmt.Errorf("shared memory: %s has %d bytes, the worker says %d: somebody has shortened it", r.GetKey(), info.Size(), size)
	}
	bytes, err := mapFile(f, int(size))
	if err != nil {
		return nil, fmt.Errorf("shared memory: map %s: %w", r.GetKey(), err)
	}
	m := &mapping{bytes: bytes}
	m.refs.Store(1)
	return m, nil
}

func (m *mapping) hold() { m.refs.Add(1) }

func (m *mapping) release() {
	if m.refs.Add(-1) == 0 {
		_ = unmapFile(m.bytes) // fails only for what was never mapped
		m.bytes = nil
	}
}

// slice is a part of the region that a message speaks of.
func (m *mapping) slice(r *frameportv1.SharedRegion, name string, offset, size uint64) ([]byte, error) {
	if m == nil || r.GetName() != name || offset < r.GetOffset() || size > uint64(len(m.bytes)) || offset > uint64(len(m.bytes))-size {
		return nil, wrongRegion(r)
	}
	return m.bytes[offset:][:size:size], nil
}

func wrongRegion(r *frameportv1.SharedRegion) error {
	return fmt.Errorf("the worker speaks of memory outside its region %q; are client and worker of one version?", r.GetName())
}

// generation is the number at an offset that is a multiple of 8, little-endian.
func (m *mapping) generation(at int) uint64 {
	m.refs.Add(0) // a fence: what the caller has read of the slot, it has read before this
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], atomic.LoadUint64((*uint64)(unsafe.Pointer(&m.bytes[at]))))
	return binary.LittleEndian.Uint64(b[:])
}
