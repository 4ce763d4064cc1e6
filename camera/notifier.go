package camera

import (
	"slices"
	"sync"
	"sync/atomic"
)

// notifier counts changes and nudges those who wait for them.
type notifier struct {
	revision atomic.Uint64

	mu       sync.Mutex
	watchers []chan<- struct{}
}

// changed makes the next revision and returns it. It may be called with any lock of
// the package held.
func (n *notifier) changed() uint64 {
	r := n.revision.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, ch := range n.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
	return r
}

func (n *notifier) watch(ch chan<- struct{}) (stop func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watchers = append(n.watchers, ch)
	return sync.OnceFunc(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if i := slices.Index(n.watchers, ch); i >= 0 {
			n.watchers = slices.Delete(n.watchers, i, i+1)
		}
	})
}
