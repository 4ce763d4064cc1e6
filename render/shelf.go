package render

import (
	"container/list"

	"github.com/frameport/frameport/frame"
)

// shelf holds the pictures of one life of one frame: those being made and those
// made. It hangs on the frame, so it is found without a search and ends with it.
// Everything in it is under its renderer's mutex.
type shelf struct {
	r       *Renderer
	entries map[Output]*entry
}

// entry is one picture. It is being made until done is closed.
type entry struct {
	shelf   *shelf
	out     Output
	done    chan struct{}
	picture *Picture // set, as err is, before done is closed
	err     error
	waiting int           // callers
	cancel  func()        // ends the making
	kept    *list.Element // in the renderer's order of kept pictures; nil = not kept
}

var _ frame.Derived = (*shelf)(nil)

// shelfOf returns the shelf of the frame, which the caller holds.
func (r *Renderer) shelfOf(f *frame.Frame) *shelf {
	return f.Derived(func() frame.Derived { return &shelf{r: r, entries: map[Output]*entry{}} }).(*shelf)
}

// Drop implements [frame.Derived]: the frame is gone, and what was made of it goes
// with it.
func (s *shelf) Drop() {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	for _, e := range s.entries {
		s.r.forgetLocked(e)
	}
}

// keepLocked keeps a finished picture for later callers as long as there is room,
// for which those that were made first must make way.
func (r *Renderer) keepLocked(e *entry) {
	size := int64(len(e.picture.Data))
	if size > r.limit || r.closed {
		r.forgetLocked(e)
		return
	}
	e.kept = r.order.PushBack(e)
	r.bytes += size
	for r.bytes > r.limit {
		r.forgetLocked(r.order.Front().Value.(*entry))
	}
}

// forgetLocked takes an entry off its shelf. Whoever waits for it still gets it.
func (r *Renderer) forgetLocked(e *entry) {
	if e.shelf.entries[e.out] == e {
		delete(e.shelf.entries, e.out)
	}
	if e.kept != nil {
		r.order.Remove(e.kept)
		r.bytes -= int64(len(e.picture.Data))
		e.kept = nil
	}
}
