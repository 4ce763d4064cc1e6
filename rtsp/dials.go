package rtsp

import (
	"context"
	"slices"
	"strings"
	"sync"
)

const (
	defaultDials        = 50
	defaultDialsPerHost = 2
)

// DialLimiter bounds how many cameras are being connected to at the same time,
// over all and per host, so that neither a start of a thousand cameras nor a
// recorder that reboots is met by a herd. A slot covers the whole handshake, from
// the dial to the answer to PLAY. Waiters are served in order of arrival, except
// that one whose host is full lets others pass. Safe for concurrent use.
type DialLimiter struct {
	total, perHost int

	mu      sync.Mutex
	used    int
	hosts   map[string]int
	waiters []*dialWaiter
}

type dialWaiter struct {
	host  string
	ready chan struct{}
}

// NewDialLimiter returns a limiter for total connections at once and perHost to
// one host; 0 takes the defaults, 50 and 2.
func NewDialLimiter(total, perHost int) *DialLimiter {
	if total <= 0 {
		total = defaultDials
	}
	if perHost <= 0 {
		perHost = defaultDialsPerHost
	}
	return &DialLimiter{total: total, perHost: perHost, hosts: make(map[string]int)}
}

// Acquire waits for a slot. The returned function gives it back; calling it
// again does nothing. The only error is that of ctx.
func (l *DialLimiter) Acquire(ctx context.Context, host string) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	host = strings.ToLower(host)
	l.mu.Lock()
	w := &dialWaiter{host, make(chan struct{})}
	l.waiters = append(l.waiters, w)
	l.serve()
	l.mu.Unlock()

	select {
	case <-w.ready:
		return sync.OnceFunc(func() { l.release(host) }), nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(l.waiters, w)
	if i >= 0 {
		l.waiters = slices.Delete(l.waiters, i, i+1)
	}
	l.mu.Unlock()
	if i < 0 { // served in the same moment
		l.release(host)
	}
	return nil, ctx.Err()
}

func (l *DialLimiter) release(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used--
	if l.hosts[host]--; l.hosts[host] <= 0 {
		delete(l.hosts, host)
	}
	l.serve()
}

// serve hands free slots to waiters in order. l.mu is held.
func (l *DialLimiter) serve() {
	for i := 0; i < len(l.waiters) && l.used < l.total; {
		w := l.waiters[i]
		if l.hosts[w.host] >= l.perHost {
			i++
			continue
		}
		l.used++
		l.hosts[w.host]++
		l.waiters = slices.Delete(l.waiters, i, i+1)
		close(w.ready)
	}
}
