package hostconv

import (
	"sync"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

const (
	// shelfShapes is how many picture shapes have a pool at a time.
	shelfShapes = 8
	// shelfBytes: buffers of larger pictures are not kept when idle.
	shelfBytes = 16 << 20
)

type shape struct {
	format media.PixelFormat
	w, h   int
}

// shelf has a pool for each of the shapes that were asked for lately.
type shelf struct {
	account *frame.Account
	keep    int // idle buffers per shape

	mu     sync.Mutex
	pools  []pool // least recently used first
	closed bool
}

type pool struct {
	shape shape
	*frame.Pool
}

func (s *shelf) get(format media.PixelFormat, w, h int) *frame.Frame {
	return s.pool(shape{format, w, h}).Get(format, w, h)
}

func (s *shelf) pool(want shape) *frame.Pool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.pools) - 1; i >= 0; i-- {
		if p := s.pools[i]; p.shape == want {
			copy(s.pools[i:], s.pools[i+1:])
			s.pools[len(s.pools)-1] = p
			return p.Pool
		}
	}
	keep := s.keep
	if s.closed || want.format.Size(want.w, want.h) > shelfBytes {
		keep = 0
	}
	p := pool{want, frame.NewPool(keep, s.account)}
	if keep == 0 {
		return p.Pool // nothing to remember
	}
	if len(s.pools) == shelfShapes {
		s.pools[0].Close()
		s.pools = append(s.pools[:0], s.pools[1:]...)
	}
	s.pools = append(s.pools, p)
	return p.Pool
}

func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pools {
		p.Close()
	}
	s.pools, s.closed = nil, true
}
