package gpu

import "sync"

// health remembers the first error that broke the context.
type health struct {
	lost chan struct{}

	mu    sync.Mutex
	cause error
}

func newHealth() *health { return &health{lost: make(chan struct{})} }

func (h *health) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cause == nil {
		h.cause = err
		close(h.lost)
	}
}

func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cause
}
