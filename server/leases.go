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

// leases are what one stream has lent to its client: each under a number that is never
// used again, until the client acks it, its time is over, or the stream ends. Then, and
// once only, what was lent goes back.
type leases struct {
	duration time.Duration

	mu      sync.Mutex
	held    []lease
	last    uint64   // number of the newest lease
	lapsed  []uint64 // expired and not acked, rising
	horizon uint64   // up to here expired ones are forgotten
	ended   bool
}

type lease struct {
	id   uint64
	end  time.Time
	back func() // gives back what was lent
}

func newLeases(duration time.Duration) *leases { return &leases{duration: duration} }

// lend lends what back gives back. back may be called before lend returns, when the
// stream has ended.
func (l *leases) lend(back func(), now time.Time) (id uint64, end time.Time) {
	l.mu.Lock()
	l.last++
	id, end = l.last, now.Add(l.duration)
	ended := l.ended
	if !ended {
		l.held = append(l.held, lease{id, end, back})
	}
	l.mu.Unlock()
	if ended {
		back()
	}
	return id, end
}

// lent is how many leases there are now.
func (l *leases) lent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// ack ends a lease. One that has expired is acked in vain, but once only.
func (l *leases) ack(id uint64) error {
	back, err := l.acked(id)
	if back != nil {
		back()
	}
	return err
}

func (l *leases) acked(id uint64) (back func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.held, func(h lease) bool { return h.id == id }); i >= 0 {
		back = l.held[i].back
		l.held = slices.Delete(l.held, i, i+1)
		return back, nil
	}
	if i, found := slices.BinarySearch(l.lapsed, id); found {
		l.lapsed = slices.Delete(l.lapsed, i, i+1)
		return nil, nil
	}
	switch {
	case id == 0 || id > l.last:
		return nil, unknownLease(id, "this stream has not given it")
	case id > l.horizon:
		return nil, unknownLease(id, "it was acked before; ack each lease once")
	default:
		return nil, nil
	}
}

func unknownLease(id uint64, why string) error {
	return invalid(apierr.UnknownLease, "ack.lease_id", "is %d: %s", id, why)
}

// expire ends the leases whose time is over, and returns how many those were.
func (l *leases) expire(now time.Time) int {
	l.mu.Lock()
	n := 0
	for n < len(l.held) && !l.held[n].end.After(now) {
		l.lapsed = append(l.lapsed, l.held[n].id)
		n++
	}
	over := slices.Clone(l.held[:n])
	l.held = slices.Delete(l.held, 0, n)
	if over := len(l.lapsed) - lapsedKept; over > 0 {
		l.horizon = l.lapsed[over-1]
		l.lapsed = slices.Delete(l.lapsed, 0, over)
	}
	l.mu.Unlock()
	giveBack(over)
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

// end ends all leases, and those that are yet to come.
func (l *leases) end() {
	l.mu.Lock()
	held := l.held
	l.held, l.ended = nil, true
	l.mu.Unlock()
	giveBack(held)
}

// giveBack is called without the lock: what back calls may have locks of its own.
func giveBack(leases []lease) {
	for _, l := range leases {
		l.back()
	}
}

// slotLeases are leases of a fixed number of slots: each is free, being filled, or lent.
// A slot that is lent is not written to.
type slotLeases struct {
	*leases

	mu   sync.Mutex
	free []int // the slot that was given back first comes first
}

func newSlotLeases(slots int, duration time.Duration) *slotLeases {
	l := &slotLeases{leases: newLeases(duration), free: make([]int, slots)}
	for i := range l.free {
		l.free[i] = i
	}
	return l
}

// take returns a free slot to fill: it is given to lend or giveBack afterwards.
func (l *slotLeases) take() (slot int, ok bool) {
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
func (l *slotLeases) giveBack(slot int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, slot)
}

// any says whether take will return a slot.
func (l *slotLeases) any() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.free) > 0
}

// lend lends a slot that take returned.
func (l *slotLeases) lend(slot int, now time.Time) (id uint64, end time.Time) {
	return l.leases.lend(func() { l.giveBack(slot) }, now)
}
