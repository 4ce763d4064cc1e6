package server

import (
	"slices"
	"sync"
	"time"

	"github.com/frameport/frameport/api/apierr"
)

// lapsedKept is how many leases that expired without an ack a stream remembers one by
// one, to tell a late ack from a second one. An ack of an older one is taken for late.
const lapsedKept = 1024

// leases are the slots of one stream's memory: each is free, being filled, or lent to
// the client under a number that is never used again, until it acks the lease or the
// lease's time is over. A slot that is lent is not written to.
type leases struct {
	duration time.Duration

	mu      sync.Mutex
	free    []int // the slot that was given back first comes first
	held    []lease
	last    uint64   // number of the newest lease
	lapsed  []uint64 // expired and not acked, rising
	horizon uint64   // up to here expired ones are forgotten
}

type lease struct {
	id   uint64
	slot int
	end  time.Time
}

func newLeases(slots int, duration time.Duration) *leases {
	l := &leases{duration: duration, free: make([]int, slots)}
	for i := range l.free {
		l.free[i] = i
	}
	return l
}

// take returns a free slot to fill: it is given to lend or giveBack afterwards.
func (l *leases) take() (slot int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) == 0 {
		return 0, false
	}
	slot = l.free[0]
	l.free = l.free[1:]
	return slot, true
}

// giveBack gives back a slot that take returned and that nothing came of.
func (l *leases) giveBack(slot int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, slot)
}

// any says whether take will return a slot.
func (l *leases) any() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.free) > 0
}

// lend lends a slot that take returned.
func (l *leases) lend(slot int, now time.Time) (id uint64, end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	end = now.Add(l.duration)
	l.held = append(l.held, lease{l.last, slot, end})
	return l.last, end
}

// ack ends a lease. One that has expired is acked in vain, but once only.
func (l *leases) ack(id uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.held, func(h lease) bool { return h.id == id }); i >= 0 {
		l.free = append(l.free, l.held[i].slot)
		l.held = slices.Delete(l.held, i, i+1)
		return nil
	}
	if i, found := slices.BinarySearch(l.lapsed, id); found {
		l.lapsed = slices.Delete(l.lapsed, i, i+1)
		return nil
	}
	switch {
	case id == 0 || id > l.last:
		return unknownLease(id, "this stream has not given it")
	case id > l.horizon:
		return unknownLease(id, "it was acked before; ack each lease once")
	default:
		return nil
	}
}

func unknownLease(id uint64, why string) error {
	return invalid(apierr.UnknownLease, "ack.lease_id", "is %d: %s", id, why)
}

// expire ends the leases whose time is over, and returns how many those were.
func (l *leases) expire(now time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n < len(l.held) && !l.held[n].end.After(now) {
		l.free = append(l.free, l.held[n].slot)
		l.lapsed = append(l.lapsed, l.held[n].id)
		n++
	}
	l.held = slices.Delete(l.held, 0, n)
	if over := len(l.lapsed) - lapsedKept; over > 0 {
		l.horizon = l.lapsed[over-1]
		l.lapsed = slices.Delete(l.lapsed, 0, over)
	}
	return n
}

// next is when the next lease expires.
func (l *leases) next() (at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.held) == 0 {
		return at, false
	}
	return l.held[0].end, true // in the order of their numbers, and of their ends
}
