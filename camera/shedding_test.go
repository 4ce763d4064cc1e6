package camera

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// Many queues share a memory that is too small for them: it is never exceeded, GOPs go
// from the one that holds most, every unit is accounted for, and what comes out of each
// queue begins at a random-access unit after every hole.
func TestUnitMemory(t *testing.T) {
	const limit = 1 << 20
	rnd := rand.New(rand.NewPCG(7, 8))
	b := &buffers{limit: limit}
	type lane struct {
		q              *queue
		size           int
		next, expected int
		out, dropped   int
	}
	var lanes []*lane
	for i := range 8 {
		l := &lane{size: 1 << (10 + i), expected: -1}
		l.q = newQueue(b, func(n int) { l.dropped += n })
		lanes = append(lanes, l)
	}
	pop := func(l *lane) {
		var u unit
		if !l.q.pop(t.Context(), &u) {
			t.Fatal("stopped")
		}
		if n := int(u.PTS); n != l.expected && !(u.RandomAccess && u.gap) {
			t.Fatalf("unit %d follows %d: random access %v, gap %v", n, l.expected-1, u.RandomAccess, u.gap)
		}
		l.expected = int(u.PTS) + 1
		l.out++
		b.put(u.buf)
	}
	for range 20_000 {
		l := lanes[rnd.IntN(len(lanes))]
		if rnd.IntN(100) < 30 && l.q.n > 0 {
			pop(l)
			continue
		}
		u := unit{AccessUnit: media.AccessUnit{
			Data: make([]byte, 1+rnd.IntN(l.size)), Times: media.Times{PTS: time.Duration(l.next)}, RandomAccess: l.next%10 == 0,
		}}
		o := l.q.push(&u)
		l.next++
		l.dropped += o.full + o.waiting
		if n := b.lent.Load(); n > limit {
			t.Fatalf("%d bytes of %d", n, limit)
		}
	}
	for i, l := range lanes {
		for l.q.n > 0 {
			pop(l)
		}
		if l.out+l.dropped != l.next {
			t.Errorf("queue %d: %d in, %d out, %d dropped", i, l.next, l.out, l.dropped)
		}
		l.q.stop()
	}
	if b.lent.Load() != 0 || len(b.queues) != 0 {
		t.Errorf("%d bytes and %d queues left", b.lent.Load(), len(b.queues))
	}
}

// The camera that fills the memory pays for it, and says so; its neighbour loses nothing.
func TestUnitMemoryOfOneCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *ManagerConfig) { c.UnitMemory = 4 << 20 }).run()
		defer w.stop()
		w.cost.Store(int64(500 * time.Millisecond))
		hog := w.script("hog", step{units: -1, change: func(_ int, au *media.AccessUnit) { au.Data = make([]byte, 256<<10) }})
		quiet := w.script("quiet", step{units: -1, every: time.Second})
		w.add("hog", hog, nil)
		w.add("quiet", quiet, nil)
		after(time.Minute)
		if n := w.m.UnitMemory(); n < 2<<20 || n > 4<<20 {
			t.Errorf("%d bytes", n)
		}
		s := w.get("hog")
		if s.State != StateDegraded || s.Counters.DroppedQueue < 1000 {
			t.Errorf("%v, %d dropped: %s", s.State, s.Counters.DroppedQueue, s.Fault.Message)
		}
		if s := w.expect("quiet", StateRunning, fault.None); s.Counters.DroppedQueue != 0 || s.Counters.FramesPublished < 55 {
			t.Errorf("the neighbour lost %d and has %d", s.Counters.DroppedQueue, s.Counters.FramesPublished)
		}
	})
}

// A unit that can never fit is dropped, and so is what depends on it.
func TestUnitMemoryIsTooSmall(t *testing.T) {
	b := &buffers{limit: 64 << 10}
	q := newQueue(b, func(int) { t.Error("shed") })
	defer q.stop()
	for n, want := range []offer{{full: 1}, {full: 1}, {}} {
		u := unit{AccessUnit: media.AccessUnit{Data: make([]byte, []int{100 << 10, 10, 10}[n]), RandomAccess: n != 1}}
		if o := q.push(&u); o != want {
			t.Errorf("unit %d: %+v", n, o)
		}
	}
	if b.lent.Load() != 4<<10 || q.n != 1 {
		t.Errorf("%d bytes in %d units", b.lent.Load(), q.n)
	}
}

// Room is made by the queue that holds most, whoever asks.
func TestUnitMemoryTakesFromTheLargest(t *testing.T) {
	b := &buffers{limit: 1 << 20}
	shed := [2]int{}
	few, many := newQueue(b, func(n int) { shed[0] += n }), newQueue(b, func(n int) { shed[1] += n })
	defer few.stop()
	defer many.stop()
	push := func(q *queue, n, size int) {
		for range n {
			u := unit{AccessUnit: media.AccessUnit{Data: make([]byte, size), RandomAccess: true}}
			if o := q.push(&u); o != (offer{}) {
				t.Fatalf("%+v", o)
			}
		}
	}
	push(few, 4, 4<<10)
	push(many, 7, 128<<10)
	push(few, 30, 4<<10)
	if shed != [2]int{0, 1} || few.n != 34 || many.n != 6 {
		t.Errorf("shed %v of %d and %d", shed, few.n, many.n)
	}
}
