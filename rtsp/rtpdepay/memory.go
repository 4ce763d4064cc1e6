package rtpdepay

import "sync/atomic"

// Note: [Memory of assembly]
//
// A stream may collect 16 MiB before a picture is whole, a thousand streams more than a
// machine has. So all that share a [Memory] are bounded together. One half of it is
// shared out evenly: what a stream needs within its share it gets, whatever others hold.
// The other half is for those that need more, until it is used up; then the picture is
// lost that would need still more, and its stream gives back what it has collected of it.
// So streams with pictures of usual size don't notice those that collect huge ones.
//
// A share becomes smaller when streams join, and who has taken more before may keep the
// others from theirs. When that happens, once, the next such stream that a packet comes for
// loses its picture.
//
// The buffers of streams are counted, not the bytes in them, and a buffer grows by half of
// its size at least: the counters that all share are touched a few times per stream, and
// not per packet.

// Memory bounds what streams assemble, all together. It may be used by many goroutines.
type Memory struct {
	limit   int64
	total   atomic.Int64
	beyond  atomic.Int64 // of that, what streams hold beyond their share
	streams atomic.Int64
	wanted  atomic.Bool // a stream was refused what is within its share
}

// NewMemory returns a bound of limit bytes.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

// Used returns the bytes that all streams hold now.
func (m *Memory) Used() int64 { return m.total.Load() }

func (m *Memory) share() int64 { return m.limit / 2 / max(1, m.streams.Load()) }

// room is what one stream holds of a Memory. It belongs to the stream's goroutine; nil
// is without bound.
type room struct {
	memory *Memory
	held   int64
	beyond int64 // of held, what was beyond the share when it was asked for
}

// join gives a stream its room; nil when there is no bound.
func (m *Memory) join() *room {
	if m == nil {
		return nil
	}
	m.streams.Add(1)
	return &room{memory: m}
}

// leave gives everything back.
func (r *room) leave() {
	if r == nil {
		return
	}
	r.resize(0)
	r.memory.streams.Add(-1)
}

// resize changes what the stream holds to n bytes, or reports that there is no room for
// that. Less is never refused.
func (r *room) resize(n int) bool {
	if r == nil {
		return true
	}
	m, want := r.memory, int64(n)
	share := m.share()
	beyond := max(0, want-share)
	if want <= r.held {
		beyond = min(beyond, r.beyond) // the share may have become smaller since
	}
	if !change(&m.beyond, beyond-r.beyond, m.limit/2) {
		return false
	}
	if !change(&m.total, want-r.held, m.limit) {
		m.beyond.Add(r.beyond - beyond)
		if want <= share {
			m.wanted.Store(true)
		}
		return false
	}
	r.held, r.beyond = want, beyond
	return true
}

// change adds n to a counter, unless that makes it grow beyond a limit.
func change(counter *atomic.Int64, n, limit int64) bool {
	for {
		have := counter.Load()
		if n > 0 && have+n > limit {
			return false
		}
		if counter.CompareAndSwap(have, have+n) {
			return true
		}
	}
}

// yields reports whether the stream has to give back what it holds: it is more than its
// share, and another one has less and was refused.
func (r *room) yields() bool {
	if r == nil || !r.memory.wanted.Load() {
		return false
	}
	m := r.memory
	return r.held > m.share() && m.total.Load() > m.limit/4*3 && m.wanted.CompareAndSwap(true, false)
}

// scarce reports whether the stream holds more than its share while others may need it.
func (r *room) scarce() bool {
	return r != nil && r.beyond > 0 && r.memory.beyond.Load() > r.memory.limit/4 || r.yields()
}
