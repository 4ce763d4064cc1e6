package camera

// Note: [Memory of access units]
//
// Each camera's queue is bounded, but a thousand slow ones at their bounds are more than
// a machine has. So all of them together are bounded as well. A unit that does not fit
// takes the place of the oldest GOPs of whichever camera holds most: the one that is in
// trouble pays, not the one that asks. A sixteenth of the limit is made free at a time,
// so that the search is rare.

// join makes q one of those that can be asked to shed.
func (b *buffers) join(q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queues == nil {
		b.queues = map[*queue]struct{}{}
	}
	b.queues[q] = struct{}{}
}

func (b *buffers) leave(q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.queues, q)
}

// makeRoom drops GOPs until n bytes fit, and some more. It returns false when they
// don't fit although no queue holds anything: what is being decoded fills the limit.
// The caller holds no queue's lock.
func (b *buffers) makeRoom(n int) bool {
	_, size := classOf(n)
	for target := b.limit - size - b.limit/16; b.lent.Load() > target; {
		q := b.largest()
		if q == nil {
			break
		}
		if dropped := q.dropGOP(); dropped > 0 {
			q.shed(dropped)
		}
	}
	return b.lent.Load()+size <= b.limit
}

// largest returns the queue that holds most, or nil when none holds anything.
func (b *buffers) largest() (most *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := int64(0)
	for q := range b.queues {
		if n := q.memory.Load(); n > held {
			most, held = q, n
		}
	}
	return most
}

// dropGOP drops the oldest GOP and returns how many pictures that were. When it is the
// one that still comes in, the rest of it is dropped as well.
func (q *queue) dropGOP() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.gopLocked()
	if n == q.n && n > 0 {
		q.waiting, q.overflow = true, true
	}
	return q.dropLocked(n)
}
