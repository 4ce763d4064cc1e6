package camera

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	minBufferBits = 12 // 4 KiB
	maxBufferBits = 24 // 16 MiB, the largest access unit
)

// buffer is a piece of memory for one access unit.
type buffer struct {
	data  []byte
	class int
}

// buffers lends memory for access units, in powers of two, to all cameras, and keeps
// what it lends below a limit. Idle memory belongs to the garbage collector.
type buffers struct {
	limit   int64 // of lent; 0 = none
	lent    atomic.Int64
	classes [maxBufferBits - minBufferBits + 1]sync.Pool

	mu     sync.Mutex
	queues map[*queue]struct{} // that hold units
}

// classOf returns the size class of n bytes, and what a buffer of it occupies.
func classOf(n int) (class int, size int64) {
	class = max(bits.Len(uint(max(n, 1)-1)), minBufferBits) - minBufferBits
	if class > maxBufferBits-minBufferBits {
		return -1, int64(n)
	}
	return class, 1 << (class + minBufferBits)
}

// copyOf returns a buffer that holds a copy of data, or nil when there is no room.
func (b *buffers) copyOf(data []byte) *buffer {
	class, size := classOf(len(data))
	if n := b.lent.Add(size); b.limit > 0 && n > b.limit {
		b.lent.Add(-size)
		return nil
	}
	if class < 0 {
		return &buffer{data: append(make([]byte, 0, len(data)), data...), class: -1}
	}
	buf, _ := b.classes[class].Get().(*buffer)
	if buf == nil {
		buf = &buffer{data: make([]byte, 0, 1<<(class+minBufferBits)), class: class}
	}
	buf.data = append(buf.data[:0], data...)
	return buf
}

// put takes a buffer back; nil is allowed.
func (b *buffers) put(buf *buffer) {
	if buf == nil {
		return
	}
	b.lent.Add(-int64(cap(buf.data)))
	if buf.class >= 0 {
		b.classes[buf.class].Put(buf)
	}
}
