package gpuconv

import (
	"errors"
	"slices"
	"sync"

	"github.com/frameport/frameport/gpu"
)

const (
	smallestBlock = 256 << 10
	// keptBlock: larger ones are not kept when idle.
	keptBlock = 32 << 20
)

// blocks hands out device memory and keeps what comes back, because the driver stops
// everything to give and take it. Safe for concurrent use.
type blocks struct {
	device *gpu.Device
	keep   int

	mu     sync.Mutex
	idle   []*gpu.Memory // least recently used first
	closed bool
}

// use is what the ledger says about everything of a converter.
func use() gpu.Use { return gpu.Use{Purpose: gpu.PurposeOther} }

// blockSize rounds up to what fits many requests: powers of two, and whole units of
// the driver's from there.
func blockSize(bytes int64) int64 {
	size := int64(smallestBlock)
	for size < bytes && size < gpu.Granularity {
		size *= 2
	}
	if size >= bytes {
		return size
	}
	return (bytes + gpu.Granularity - 1) / gpu.Granularity * gpu.Granularity
}

func (b *blocks) take(bytes int64) (*gpu.Memory, error) {
	size := blockSize(bytes)
	if m := b.reuse(size); m != nil {
		return m, nil
	}
	m, err := b.device.Alloc(size, use())
	if errors.Is(err, gpu.ErrOutOfMemory) && b.drop() {
		m, err = b.device.Alloc(size, use())
	}
	return m, err
}

// reuse returns the smallest idle block with the room, or nil. One of another size will
// do: cameras of many sizes would otherwise have the driver give and take with every
// picture.
func (b *blocks) reuse(size int64) *gpu.Memory {
	b.mu.Lock()
	defer b.mu.Unlock()
	best := -1
	for i, m := range slices.Backward(b.idle) {
		if m.Size() >= size && (best < 0 || m.Size() < b.idle[best].Size()) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	m := b.idle[best]
	b.idle = slices.Delete(b.idle, best, best+1)
	return m
}

// drop frees what is idle, and says whether there was anything.
func (b *blocks) drop() bool {
	b.mu.Lock()
	idle := b.idle
	b.idle = nil
	b.mu.Unlock()
	for _, m := range idle {
		b.free(m)
	}
	return len(idle) > 0
}

// put takes memory back that nothing on the device uses any more.
func (b *blocks) put(m *gpu.Memory) {
	b.mu.Lock()
	out := m
	if !b.closed && m.Size() <= keptBlock {
		out = nil
		b.idle = append(b.idle, m)
		if len(b.idle) > b.keep {
			out = b.idle[0]
			b.idle = slices.Delete(b.idle, 0, 1)
		}
	}
	b.mu.Unlock()
	if out != nil {
		b.free(out)
	}
}

// free has nobody to give an error to. One that matters has broken the context, and
// the device knows.
func (b *blocks) free(m *gpu.Memory) { _ = m.Close() }

func (b *blocks) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.drop()
}
