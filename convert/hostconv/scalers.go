package hostconv

import "sync"

// scalers keeps idle swscale contexts: setting one up costs more than using it.
type scalers struct {
	mu     sync.Mutex
	idle   []*scaler // least recently used first
	keep   int
	closed bool
}

func (s *scalers) take(r ratio) (*scaler, error) {
	s.mu.Lock()
	for i := len(s.idle) - 1; i >= 0; i-- {
		if c := s.idle[i]; c.ratio == r {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			s.mu.Unlock()
			return c, nil
		}
	}
	s.mu.Unlock()
	return newScaler(r)
}

func (s *scalers) put(c *scaler) {
	s.mu.Lock()
	var out *scaler
	switch {
	case s.closed:
		out = c
	case len(s.idle) >= s.keep:
		out = s.idle[0]
		s.idle = append(s.idle[:0], s.idle[1:]...)
		fallthrough
	default:
		s.idle = append(s.idle, c)
	}
	s.mu.Unlock()
	if out != nil {
		out.free()
	}
}

func (s *scalers) close() {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	for _, c := range idle {
		c.free()
	}
}
