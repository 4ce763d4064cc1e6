package stream

import (
	"time"

	"github.com/frameport/frameport/media"
)

// window is how many access units back a picture may come from. H.264 and H.265
// hold back 16 pictures at most.
const window = 64

// Timeline gives every access unit a token that travels through the decoder as
// its timestamp, and finds the unit's times again when its picture comes out, in
// whatever order.
type Timeline struct {
	next    int64
	units   [window]Unit
	last    time.Duration // PTS of the last picture
	started bool
	tainted bool // later pictures refer to a damaged one
}

// Unit is what a picture inherits from its access unit.
type Unit struct {
	Times        media.Times
	RandomAccess bool
	Corrupt      bool

	token        int64
	nonReference bool
}

// Add notes an access unit that is about to be decoded.
func (t *Timeline) Add(au *media.AccessUnit) (token int64) {
	if au.RandomAccess {
		t.tainted = false
	}
	t.next++
	t.units[t.next%window] = Unit{
		Times: au.Times, RandomAccess: au.RandomAccess, Corrupt: t.tainted,
		token: t.next, nonReference: au.NonReference,
	}
	return t.next
}

// Damaged marks the unit with that token and all that depend on it: everything
// up to the next random-access unit, unless no picture refers to it.
func (t *Timeline) Damaged(token int64) {
	token = t.known(token)
	u := &t.units[token%window]
	u.Corrupt = true
	if u.nonReference {
		return
	}
	for token++; token <= t.next; token++ {
		if u = &t.units[token%window]; u.RandomAccess {
			return
		}
		u.Corrupt = true
	}
	t.tainted = true
}

// Lost marks all units until now, and all that depend on them: the decoder's pictures
// are gone.
func (t *Timeline) Lost() {
	for i := range t.units {
		t.units[i].Corrupt = true
	}
	t.tainted = true
}

// Corrupt says whether damage is known of the unit with that token by now.
func (t *Timeline) Corrupt(token int64) bool { return t.units[t.known(token)%window].Corrupt }

// Take returns the unit a picture came from, with a PTS that is larger than the
// last picture's. A picture whose token is lost gets the newest unit's times.
func (t *Timeline) Take(token int64) Unit {
	u := t.units[t.known(token)%window]
	if t.started && u.Times.PTS <= t.last {
		u.Times.PTS = t.last + 1
	}
	t.last, t.started = u.Times.PTS, true
	return u
}

// known returns the newest token in place of one that is lost.
func (t *Timeline) known(token int64) int64 {
	if token <= t.next-window || token > t.next || token <= 0 {
		return t.next
	}
	return token
}

// Reset starts a new time line; tokens go on.
func (t *Timeline) Reset() { t.started, t.tainted = false, false }
