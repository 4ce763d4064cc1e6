package frame

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrClosed is what Wait returns once the ring is closed, wrapped around the
// cause given to Close.
var ErrClosed = errors.New("ring closed")

// Ring keeps a camera's newest frames. Publishing never blocks and never waits
// for a reader: the oldest frame goes, readers that hold it keep it alive.
type Ring struct {
	mu       sync.Mutex
	slots    []*Frame // oldest first, at most size
	size     int
	wake     chan struct{} // closed at the next publish; nil while nobody waits
	waiting  int           // calls of Wait that block
	watchers []chan<- struct{}
	closed   error
}

// NewRing returns a ring of size frames (at least 1).
func NewRing(size int) *Ring {
	size = max(size, 1)
	return &Ring{size: size, slots: make([]*Frame, 0, size)}
}

// Publish makes f the newest frame. The ring takes its own reference. After Close
// it does nothing.
func (r *Ring) Publish(f *Frame) {
	r.mu.Lock()
	if r.closed != nil {
		r.mu.Unlock()
		return
	}
	var old *Frame
	if len(r.slots) == r.size {
		old = r.slots[0]
		copy(r.slots, r.slots[1:])
		r.slots = r.slots[:len(r.slots)-1]
	}
	r.slots = append(r.slots, f.Retain())
	r.notifyLocked()
	r.mu.Unlock()
	// Recycling may take the pool's lock; never under ours.
	if old != nil {
		old.Release()
	}
}

func (r *Ring) notifyLocked() {
	if r.wake != nil {
		close(r.wake)
		r.wake = nil
	}
	for _, ch := range r.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Latest returns the newest frame with a reference for the caller, or nil when
// there is none.
func (r *Ring) Latest() *Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latestLocked()
}

func (r *Ring) latestLocked() *Frame {
	if len(r.slots) == 0 {
		return nil
	}
	return r.slots[len(r.slots)-1].Retain()
}

// Wait returns the newest frame that is newer than after, with a reference for
// the caller; it blocks until there is one. A slow reader skips, it never
// queues. It returns ctx's error, or one that wraps [ErrClosed].
func (r *Ring) Wait(ctx context.Context, after ID) (*Frame, error) {
	for {
		r.mu.Lock()
		if r.closed != nil {
			err := r.closed
			r.mu.Unlock()
			return nil, err
		}
		if n := len(r.slots); n > 0 && r.slots[n-1].After(after) {
			f := r.latestLocked()
			r.mu.Unlock()
			return f, nil
		}
		if r.wake == nil {
			r.wake = make(chan struct{})
		}
		wake := r.wake
		r.waiting++
		r.mu.Unlock()
		if err := r.sleep(ctx, wake); err != nil {
			return nil, err
		}
	}
}

// sleep waits for the next publish, or for ctx to end.
func (r *Ring) sleep(ctx context.Context, wake <-chan struct{}) error {
	defer func() {
		r.mu.Lock()
		r.waiting--
		r.mu.Unlock()
	}()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Readers returns how many watch the ring or wait for its next frame now.
func (r *Ring) Readers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.watchers) + r.waiting
}

// Watch sends to ch, without blocking, after every publish and at Close, so that
// one goroutine can wait on many rings; ch should have room for one. The
// returned function ends it and may be called more than once.
func (r *Ring) Watch(ch chan<- struct{}) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers = append(r.watchers, ch)
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(r.watchers, ch); i >= 0 {
			r.watchers = slices.Delete(r.watchers, i, i+1)
		}
	})
}

// Resize changes how many frames are kept (at least 1). Frames beyond the new
// size go, oldest first.
func (r *Ring) Resize(size int) {
	size = max(size, 1)
	r.mu.Lock()
	var out []*Frame
	if over := len(r.slots) - size; over > 0 {
		out = slices.Clone(r.slots[:over])
		r.slots = slices.Delete(r.slots, 0, over)
	}
	r.size = size
	r.slots = slices.Grow(r.slots, size-len(r.slots))
	r.mu.Unlock()
	release(out)
}

// Close drops all frames and wakes all waiters with an error that wraps
// [ErrClosed] and cause. It is idempotent; the first cause stays.
func (r *Ring) Close(cause error) {
	r.mu.Lock()
	if r.closed != nil {
		r.mu.Unlock()
		return
	}
	r.closed = closedError{cause}
	out := r.slots
	r.slots = nil
	r.notifyLocked()
	r.mu.Unlock()
	release(out)
}

func release(frames []*Frame) {
	for _, f := range frames {
		f.Release()
	}
}

type closedError struct{ cause error }

func (e closedError) Error() string {
	if e.cause == nil {
		return ErrClosed.Error()
	}
	return ErrClosed.Error() + ": " + e.cause.Error()
}

func (e closedError) Unwrap() []error { return []error{ErrClosed, e.cause} }
