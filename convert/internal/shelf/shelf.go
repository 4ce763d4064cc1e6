package shelf

import (
	"sync"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

const (
	// maxShapes is how many picture shapes have a pool at a time.
	maxShapes = 8
	// maxBytes: buffers of larger pictures are not kept when idle.
	maxBytes = 16 << 20
)

type shape struct {
	format media.PixelFormat
	w, h   int
}

// Shelf has a pool for each of the shapes that were asked for lately. Safe for
// concurrent use.
type Shelf struct {
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

// New returns a shelf that keeps up to keep idle buffers of each shape and books into
// account (nil: not counted).
func New(keep int, account *frame.Account) *Shelf { return &Shelf{account: account, keep: keep} }

// Get returns a frame of the given layout with one reference and undefined pixels, as
// [frame.Pool.Get] does.
func (s *Shelf) Get(format media.PixelFormat, w, h int) *frame.Frame {
	return s.pool(shape{format, w, h}).Get(format, w, h)
}

func (s *Shelf) pool(want shape) *frame.Pool {
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
	if s.closed || want.format.Size(want.w, want.h) > maxBytes {
		keep = 0
	}
	p := pool{want, frame.NewPool(keep, s.account)}
	if keep == 0 {
		return p.Pool // nothing to remember
	}
	if len(s.pools) == maxShapes {
		s.pools[0].Close()
		s.pools = append(s.pools[:0], s.pools[1:]...)
	}
	s.pools = append(s.pools, p)
	return p.Pool
}

// Close gives the idle buffers up. Frames that are still out stay valid.
func (s *Shelf) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pools {
		p.Close()
	}
	s.pools, s.closed = nil, true
}
