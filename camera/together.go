package camera

import (
	"context"
	"errors"
	"fmt"
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

// errInterrupted is the answer to changes whose turn ended with a panic.
var errInterrupted = errors.New("a change that was to be saved together with this one broke off; try again")

// change is a change of the set on its way.
type change struct {
	id string
	// stage checks the change, when it has the turn, against the set and the number of
	// cameras that are added together with it. Nothing is left to do when it returns nil.
	stage func(adding int) (*staged, error)

	err  error // the outcome; it and done are of who holds Manager.turn
	done bool
}

// staged is a change that can be saved: one of commit and abandon is called next.
type staged struct {
	adds    bool                           // another camera
	edit    func(map[string]config.Record) // of what is saved; nil = that stays as it is
	commit  func()                         // it is saved
	abandon func()                         // it could not be saved; may be nil
}

// together carries a change out with others that wait, and returns its outcome.
func (m *Manager) together(ctx context.Context, id string, stage func(adding int) (*staged, error)) error {
	c := &change{id: id, stage: func(adding int) (*staged, error) {
		if err := ctx.Err(); err != nil { // nobody waits for it any more
			return nil, fmt.Errorf("%w and is not in force: %w", ErrNotSaved, err)
		}
		return stage(adding)
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
	defer func() {
		for _, c := range changes {
			if !c.done {
				c.err, c.done = errInterrupted, true
			}
		}
	}()
	ready := make([]*staged, len(changes))
	var edits []func(map[string]config.Record)
	adding := 0
	for i, c := range changes {
		s, err := c.stage(adding)
		if err != nil || s == nil {
			c.err, c.done = err, true
			continue
		}
		ready[i] = s
		if s.edit != nil {
			edits = append(edits, s.edit)
		}
		if s.adds {
			adding++
		}
	}
	var failed error
	if len(edits) > 0 {
		failed = m.save(ctx, edits)
	}
	for i, s := range ready {
		switch c := changes[i]; {
		case s == nil:
			continue
		case failed != nil && s.edit != nil:
			c.err = failed
			if s.abandon != nil {
				s.abandon()
			}
		default:
			s.commit()
		}
		changes[i].done = true
	}
}
