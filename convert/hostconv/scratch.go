package hostconv

import "sync"

// keptScratch: larger memory is not kept when idle. A picture of 8192 pixels' width
// into a tensor of the same needs half of that.
const keptScratch = 1 << 20

// scratches keeps the memory that tensors are made in.
type scratches struct {
	mu   sync.Mutex
	idle [][]uint64 // words, because of their alignment
	keep int
}

// take returns memory of at least so many bytes.
func (s *scratches) take(bytes int) []uint64 {
	words := (bytes + 7) / 8
	s.mu.Lock()
	var m []uint64
	if n := len(s.idle); n > 0 {
		m, s.idle = s.idle[n-1], s.idle[:n-1]
	}
	s.mu.Unlock()
	if len(m) < words {
		m = make([]uint64, words)
	}
	return m
}

func (s *scratches) put(m []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) < s.keep && 8*len(m) <= keptScratch {
		s.idle = append(s.idle, m)
	}
}

// close gives up what is idle, and keeps nothing from now on.
func (s *scratches) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle, s.keep = nil, 0
}
