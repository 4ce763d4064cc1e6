package server

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
)

// rota decides whose turn it is among the cameras of one stream. Cameras that have
// an unseen frame stand in a queue, each once, and go back to its end after their
// turn: with n cameras that always have something new, each gets every n-th frame,
// whatever their frame rates are. What is sent is the newest frame at the moment of
// the turn, not the one that brought the camera into the queue.
//
// It is used by one goroutine. Rings nudge it through published, one channel for
// all; that only means "look again", so a look is a pass over the idle cameras,
// made when the queue is empty and the client wants a frame, or when a batch is to
// grow, not per publication.
type rota struct {
	interval time.Duration // between frames of one camera; 0 = as they come
	// accept, when set, says whether a camera's newest frame is one for this stream; one
	// that isn't counts as not asked for.
	accept    func(*frame.Frame) bool
	published chan struct{}
	readers   map[string]*reader
	order     []*reader // in order of joining, for passes
	queue     []*reader
	resting   restingHeap
	look      bool // something was published since the last pass
	turns     uint64
}

func newRota(maxFPS float64) *rota {
	r := &rota{published: make(chan struct{}, 1), readers: map[string]*reader{}, look: true}
	if maxFPS > 0 {
		r.interval = time.Duration(float64(time.Second) / maxFPS)
	}
	return r
}

// set makes feeds the cameras of the stream. Those that stay keep their place and
// their counts; one that was removed and added again is new.
func (r *rota) set(feeds map[string]Feed) {
	kept := r.order[:0]
	for _, rd := range r.order {
		if f, ok := feeds[rd.id]; ok && f.Ring() == rd.ring {
			kept = append(kept, rd)
			continue
		}
		r.drop(rd)
	}
	clear(r.order[len(kept):])
	r.order = kept
	for _, id := range slices.Sorted(maps.Keys(feeds)) {
		if _, ok := r.readers[id]; ok {
			continue
		}
		rd := &reader{id: id, ring: feeds[id].Ring(), accept: r.accept}
		rd.stop = rd.ring.Watch(r.published)
		r.readers[id] = rd
		r.order = append(r.order, rd)
		r.look = true
	}
}

func (r *rota) drop(rd *reader) {
	rd.stop()
	if rd.state == readerResting {
		heap.Remove(&r.resting, rd.at)
	}
	rd.state = readerGone
	delete(r.readers, rd.id)
}

// close ends all notifications.
func (r *rota) close() { r.set(nil) }

// next returns the next frame of the stream, retained, and what was skipped before
// it; nil when no camera has one now.
func (r *rota) next(now time.Time) (*reader, *frame.Frame, *frameportv1.Skipped) {
	r.wake(now)
	for {
		if len(r.queue) == 0 {
			if !r.look {
				return nil, nil, nil
			}
			r.pass()
		}
		if rd, f, skipped := r.pop(now); f != nil {
			return rd, f, skipped
		}
	}
}

// pop is next without a look at idle cameras: no camera comes twice until pass or
// ready has been called.
func (r *rota) pop(now time.Time) (*reader, *frame.Frame, *frameportv1.Skipped) {
	for len(r.queue) > 0 {
		rd := r.queue[0]
		r.queue[0] = nil
		r.queue = r.queue[1:]
		if rd.state != readerReady {
			continue // left the stream while it waited
		}
		rd.state = readerIdle
		f := rd.unseen()
		if f == nil {
			continue // its ring was closed
		}
		r.turns++
		rd.turn = r.turns
		skipped := rd.take(f)
		r.rest(rd, now)
		return rd, f, skipped
	}
	return nil, nil, nil
}

// ready returns how many cameras have something unseen.
func (r *rota) ready(now time.Time) (n int) {
	r.wake(now)
	if r.look {
		r.pass()
	}
	for _, rd := range r.queue {
		if rd.state == readerReady {
			n++
		}
	}
	return n
}

// pass puts idle cameras with something unseen into the queue, those first whose last
// turn is longest ago.
func (r *rota) pass() {
	r.look = false
	before := len(r.queue)
	for _, rd := range r.order {
		if rd.state == readerIdle {
			r.enqueueIfUnseen(rd)
		}
	}
	slices.SortStableFunc(r.queue[before:], func(a, b *reader) int { return cmp.Compare(a.turn, b.turn) })
}

func (r *rota) enqueueIfUnseen(rd *reader) (newest uint64) {
	f := rd.unseen()
	if f == nil {
		return 0
	}
	newest = f.Published
	f.Release()
	rd.state = readerReady
	r.queue = append(r.queue, rd)
	return newest
}

// rest sends a camera to rest until its next frame is due. Dues keep their distance
// on average, so that 10 frames per second of a 25 fps camera are 10 and not 8;
// after a pause they begin anew, so that no burst makes up for it.
func (r *rota) rest(rd *reader, now time.Time) {
	if r.interval == 0 {
		return
	}
	rd.due = rd.due.Add(r.interval)
	if rd.due.Before(now) {
		rd.due = now.Add(r.interval)
	}
	rd.state = readerResting
	heap.Push(&r.resting, rd)
}

// wake ends the rest of all cameras that are due. It must be called at the time
// that due returns, also while no frame is wanted, for the counts to be right.
func (r *rota) wake(now time.Time) {
	for len(r.resting) > 0 && !r.resting[0].due.After(now) {
		rd := heap.Pop(&r.resting).(*reader)
		rd.state = readerIdle
		rd.atDue = r.enqueueIfUnseen(rd)
	}
}

// due returns when wake must be called next, and false when it need not be.
func (r *rota) due() (time.Time, bool) {
	if len(r.resting) == 0 {
		return time.Time{}, false
	}
	return r.resting[0].due, true
}

// restingHeap orders readers by due.
type restingHeap []*reader

func (h restingHeap) Len() int           { return len(h) }
func (h restingHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h restingHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *restingHeap) Push(x any) {
	rd := x.(*reader)
	rd.at = len(*h)
	*h = append(*h, rd)
}

// Pop implements heap.Interface.
func (h *restingHeap) Pop() any {
	old := *h
	rd := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return rd
}
