package camera

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
)

const (
	queueUnits = 64
	queueBytes = 16 << 20
	// intraUnits is for streams whose units stand alone: older ones are worthless,
	// so the queue is no longer than what a busy moment of the machine delays.
	intraUnits = 8
)

// unit is an access unit on its way to the decoder.
type unit struct {
	media.AccessUnit // Data lies in buf
	buf              *buffer
	epoch            uint64
	intra            bool // stands alone: any one may be dropped
	paced            bool // max_fps has been applied already
	gap              bool // units before this one are missing
	flush            bool // no unit: the connection ended
}

// queue holds units between the source's goroutine and the decode goroutine. It is
// bounded in units and bytes. It never blocks the one who pushes: when it is full,
// whole GOPs go.
type queue struct {
	camera  string // for failpoints
	buffers *buffers
	shed    func(n int)   // told of units that went in favour of another camera's
	wake    chan struct{} // has room for one
	memory  atomic.Int64  // bytes of the buffers, which are larger than the units in them

	mu       sync.Mutex
	units    [queueUnits]unit // a ring
	head, n  int
	bytes    int
	waiting  bool // dropping until the next random-access unit
	overflow bool // and that is because the queue was full
	stopped  bool
}

// newQueue returns a queue that starts with the next random-access unit. shed is
// called on the goroutines of other cameras.
func newQueue(b *buffers, shed func(n int)) *queue {
	q := &queue{buffers: b, shed: shed, wake: make(chan struct{}, 1), waiting: true}
	b.join(q)
	return q
}

// offer is what became of a unit, and of others in its favour.
type offer struct {
	full    int // dropped because the queue was full
	waiting int // dropped because decoding can't begin here
}

// push copies u, or drops it. One goroutine pushes.
func (q *queue) push(u *unit) (o offer) {
	for range 3 { // what was made free, others may have taken
		more, noRoom := q.try(u)
		o.full, o.waiting = o.full+more.full, o.waiting+more.waiting
		if !noRoom {
			return o
		}
		if !q.buffers.makeRoom(len(u.Data)) {
			break
		}
	}
	q.giveUp()
	o.full++
	return o
}

// giveUp drops what comes in until the next random-access unit, because of a unit that
// there was no memory for.
func (q *queue) giveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.overflow = true, true
}

// try copies u, or drops it. noRoom means neither: there is no memory for it.
func (q *queue) try(u *unit) (o offer, noRoom bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return offer{waiting: 1}, false
	}
	if failpoint.QueueFull.Hit(q.camera) {
		q.waiting, q.overflow = true, true
		return offer{full: 1}, false
	}
	if q.waiting {
		if !u.RandomAccess {
			if q.overflow {
				return offer{full: 1}, false
			}
			return offer{waiting: 1}, false
		}
		if q.overflow {
			// What is left was late already; the picture that comes in is newer.
			o.full += q.dropLocked(q.n)
		}
		q.waiting, q.overflow, u.gap = false, false, true
	}
	for q.fullLocked(u) {
		if !u.RandomAccess {
			q.waiting, q.overflow = true, true
			o.full++
			return o, false
		}
		o.full += q.dropLocked(q.gopLocked())
		u.gap = true
	}
	buf := q.buffers.copyOf(u.Data)
	if buf == nil {
		return o, true
	}
	u.buf, u.Data = buf, buf.data
	q.appendLocked(u)
	return o, false
}

// flush tells the decode goroutine that the connection ended. When the queue is
// full the next epoch does that.
func (q *queue) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.stopped && q.n < queueUnits {
		q.appendLocked(&unit{flush: true})
	}
}

// restart drops what comes in until the next random-access unit.
func (q *queue) restart() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = true
}

func (q *queue) appendLocked(u *unit) {
	q.units[(q.head+q.n)%queueUnits] = *u
	q.n++
	q.bytes += len(u.Data)
	if u.buf != nil {
		q.memory.Add(int64(cap(u.buf.data)))
	}
	q.wakeLocked()
}

func (q *queue) wakeLocked() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) fullLocked(u *unit) bool {
	limit := queueUnits
	if u.intra {
		limit = intraUnits
	}
	return q.n >= limit || q.n > 0 && q.bytes+len(u.Data) > queueBytes
}

// gopLocked returns how many units stand before the second random-access unit.
func (q *queue) gopLocked() int {
	for i := 1; i < q.n; i++ {
		if q.units[(q.head+i)%queueUnits].RandomAccess {
			return i
		}
	}
	return q.n
}

// dropLocked drops the oldest n units and returns how many of them were pictures.
func (q *queue) dropLocked(n int) (dropped int) {
	for range n {
		u := q.takeLocked()
		if !u.flush {
			dropped++
		}
		q.buffers.put(u.buf)
	}
	if q.n > 0 {
		q.units[q.head].gap = true
	}
	return dropped
}

func (q *queue) takeLocked() unit {
	u := q.units[q.head]
	q.units[q.head] = unit{}
	q.head = (q.head + 1) % queueUnits
	q.n--
	q.bytes -= len(u.Data)
	if u.buf != nil {
		q.memory.Add(-int64(cap(u.buf.data)))
	}
	return u
}

// pop waits for a unit. It returns false when the queue was stopped or ctx ended.
// The caller gives u.buf back to the buffers.
func (q *queue) pop(ctx context.Context, u *unit) bool {
	for {
		q.mu.Lock()
		if q.stopped {
			q.mu.Unlock()
			return false
		}
		if q.n > 0 {
			*u = q.takeLocked()
			q.mu.Unlock()
			return true
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-ctx.Done():
			return false
		}
	}
}

// stop drops everything and ends pop. It is idempotent.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.dropLocked(q.n)
	q.wakeLocked()
	q.buffers.leave(q)
}

// held returns the bytes of memory that the queued units occupy.
func (q *queue) held() int { return int(q.memory.Load()) }
