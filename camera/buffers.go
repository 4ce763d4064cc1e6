package camera

import (
	"math/bits"
	"sync"
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

// buffers lends memory for access units, in powers of two, to all cameras. Idle
// memory belongs to the garbage collector.
type buffers struct {
	classes [maxBufferBits - minBufferBits + 1]sync.Pool
}

// copyOf returns a buffer that holds a copy of data.
func (b *buffers) copyOf(data []byte) *buffer {
	class := max(bits.Len(uint(max(len(data), 1)-1)), minBufferBits) - minBufferBits
	if class >= len(b.classes) {
		return &buffer{data: append([]byte(nil), data...), class: -1}
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
	if buf != nil && buf.class >= 0 {
		b.classes[buf.class].Put(buf)
	}
}
