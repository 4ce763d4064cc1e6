package camera

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/frameport/frameport/config"
)

// Note: [Changes saved together]
//
// A change is answered when it survives a crash, and what is saved is the whole set. One
// save for each change would make a thousand cameras that are added at once a thousand
// files of up to a thousand cameras, one after another. So changes that come while
// another is saved wait, and whoever has the turn next takes all of them along: each is
// checked against the set as the ones before it leave it, and one save holds them all. They
// are in force together or, when that save fails, not at all. Two changes of one camera are
// never saved together, since the second is made of what the first leaves.

// change is a change of the set on its way.
type change struct {
	id string
	// stage checks the change, when it has the turn, against the set and the number of
	// cameras that come with the changes before it (or, below 0, go). Nothing is left to do
	// when it returns nil.
	stage func(more int) (*staged, error)

	// These are of who holds Manager.turn.
	err   error // the outcome
	panic error // it did: that is for the call that asked for it
	done  bool
}

// staged is a change that can be saved: one of commit and abandon is called next.
type staged struct {
	more    int                            // cameras that come, or below 0 go
	edit    func(map[string]config.Record) // of what is saved; nil = that stays as it is
	commit  func()                         // it is saved
	abandon func()                         // it could not be saved; may be nil
}

// together carries a change out with others that wait, and returns its outcome. A call
// that has ended before the change had its turn changes nothing; that is the only case in
// which its context counts: a turn lasts as long as saving does.
func (m *Manager) together(ctx context.Context, id string, stage func(more int) (*staged, error)) error {
	c := &change{id: id, stage: func(more int) (*staged, error) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("the call ended while others were saved, and the change is not in force: %w", err)
		}
		return stage(more)
	}}
	m.mu.Lock()
	m.waiting = append(m.waiting, c)
	m.mu.Unlock()
	m.turn.Lock()
	defer m.turn.Unlock()
	for !c.done {
		// What others wait for must not end with the call that happens to carry it out.
		m.carryOut(context.WithoutCancel(ctx), m.nextChanges())
	}
	if c.panic != nil {
		panic(c.panic)
	}
	return c.err
}

// nextChanges takes the changes that wait, up to the second one of the same camera.
func (m *Manager) nextChanges() []*change {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := make(map[string]bool, len(m.waiting))
	n := 0
	for n < len(m.waiting) && !ids[m.waiting[n].id] {
		ids[m.waiting[n].id] = true
		n++
	}
	next := m.waiting[:n:n]
	m.waiting = slices.Clone(m.waiting[n:])
	return next
}

// carryOut checks, saves and puts in force. m.turn is held.
func (m *Manager) carryOut(ctx context.Context, changes []*change) {
	ready := make([]*staged, len(changes))
	var edits []func(map[string]config.Record)
	more := 0
	for i, c := range changes {
		c.guarded(func() { ready[i], c.err = c.stage(more) })
		if s := ready[i]; s != nil {
			more += s.more
			if s.edit != nil {
				edits = append(edits, s.edit)
			}
		}
	}
	var failed error
	if len(edits) > 0 {
		var saving change
		saving.guarded(func() { failed = m.save(ctx, edits) })
		if saving.panic != nil { // else everybody would wait for ever
			failed = fmt.Errorf("%w and is not in force: %w", ErrNotSaved, saving.panic)
		}
	}
	for i, c := range changes {
		switch s := ready[i]; {
		case s == nil:
		case failed != nil && s.edit != nil:
			c.err = failed
			if s.abandon != nil {
				c.guarded(s.abandon)
			}
		default:
			c.guarded(s.commit)
		}
		c.done = true
	}
}

// guarded does a part of the change, and keeps a panic from those of others.
func (c *change) guarded(do func()) {
	defer func() {
		if p := recover(); p != nil {
			c.panic = fmt.Errorf("%v, at\n%s", p, debug.Stack())
		}
	}()
	do()
}
