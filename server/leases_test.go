package server

import (
	"testing"
	"time"

	"github.com/frameport/frameport/api/apierr"
)

func wantUnknown(t *testing.T, what string, err error) {
	t.Helper()
	if r, _ := apierr.ReasonOf(err); r != apierr.UnknownLease {
		t.Errorf("%s: %v, want UNKNOWN_LEASE", what, err)
	}
}

func TestLeases(t *testing.T) {
	l, now := newSlotLeases(2, time.Second), time.Now()
	lend := func(want int) uint64 {
		t.Helper()
		slot, ok := l.take()
		if !ok || slot != want {
			t.Fatalf("slot %d, %v, want %d", slot, ok, want)
		}
		id, end := l.lend(slot, now)
		if !end.Equal(now.Add(time.Second)) {
			t.Errorf("lease %d ends %v after now", id, end.Sub(now))
		}
		return id
	}
	one, two := lend(0), lend(1)
	if _, ok := l.take(); ok || l.any() || one != 1 || two != 2 {
		t.Fatalf("a third of two slots, leases %d and %d", one, two)
	}
	wantUnknown(t, "lease 0", l.ack(0))
	wantUnknown(t, "a lease to come", l.ack(3))
	if err := l.ack(two); err != nil || !l.any() {
		t.Fatalf("%v, free %v", err, l.any())
	}
	wantUnknown(t, "acked twice", l.ack(two))
	three := lend(1)
	if at, ok := l.next(); !ok || !at.Equal(now.Add(time.Second)) || l.expire(now.Add(time.Second-1)) != 0 {
		t.Errorf("next at %v", at)
	}
	now = now.Add(time.Second)
	if n := l.expire(now); n != 2 {
		t.Errorf("%d leases expired", n)
	}
	if _, ok := l.next(); ok || l.expire(now) != 0 {
		t.Error("a lease is left")
	}
	if err := l.ack(three); err != nil {
		t.Errorf("late: %v", err)
	}
	wantUnknown(t, "late and twice", l.ack(three))
	if err := l.ack(one); err != nil {
		t.Errorf("late and out of order: %v", err)
	}
	slot, _ := l.take()
	l.giveBack(slot)
	if lend(1); !l.any() { // what was given back is the last to be used
		t.Error("a slot is lost")
	}
}

// A client that never acks costs a bounded memory; acks that are too late to be told
// from others are let pass.
func TestLeasesThatAreNeverAcked(t *testing.T) {
	l, now := newSlotLeases(1, time.Second), time.Now()
	const n = 3 * lapsedKept
	for range n {
		slot, ok := l.take()
		if !ok {
			t.Fatal("no slot")
		}
		l.lend(slot, now)
		now = now.Add(time.Second)
		l.expire(now)
	}
	if len(l.lapsed) != lapsedKept || len(l.free) != 1 || len(l.held) != 0 {
		t.Errorf("%d are remembered, %d free, %d held", len(l.lapsed), len(l.free), len(l.held))
	}
	for _, id := range []uint64{1, 1, n - lapsedKept, n - lapsedKept + 1, n} {
		if err := l.ack(id); err != nil {
			t.Error(err)
		}
	}
	wantUnknown(t, "twice", l.ack(n))
	wantUnknown(t, "twice", l.ack(n-lapsedKept+1))
}

// Whatever ends a lease, what was lent goes back once, also when it is lent too late.
func TestLeasesGiveBackOnce(t *testing.T) {
	l, now := newLeases(time.Second), time.Now()
	var backs [5]int
	lend := func(i int, at time.Time) uint64 {
		id, _ := l.lend(func() { backs[i]++ }, at)
		return id
	}
	acked := lend(0, now)
	lend(1, now)
	lend(2, now.Add(time.Second))
	lend(3, now.Add(time.Second))
	if l.lent() != 4 {
		t.Errorf("%d are lent", l.lent())
	}
	if err := l.ack(acked); err != nil || backs != [5]int{1} {
		t.Errorf("after the ack: %v, %v", backs, err)
	}
	if l.expire(now.Add(time.Second)); backs != [5]int{1, 1} {
		t.Errorf("after the expiry: %v", backs)
	}
	l.end()
	l.end()
	lend(4, now)
	if l.expire(now.Add(time.Hour)); backs != [5]int{1, 1, 1, 1, 1} || l.lent() != 0 {
		t.Errorf("after the end: %v, %d are lent", backs, l.lent())
	}
	wantUnknown(t, "acked twice, after the end", l.ack(acked))
}
