package avcodec

import (
	"time"

	"github.com/frameport/frameport/media"
)

// window is how many access units back a picture may come from. H.264 and H.265
// hold back 16 pictures at most.
const window = 64

// timeline gives every access unit a token that travels through libavcodec as
// its pts, and finds the unit's times again when its picture comes out, in
// whatever order.
type timeline struct {
	next    int64
	units   [window]unit
	last    time.Duration // PTS of the last picture
	started bool
	tainted bool // later pictures refer to a damaged one
}

type unit struct {
	token        int64
	times        media.Times
	randomAccess bool
	corrupt      bool
}

// add notes an access unit that is about to be decoded.
func (t *timeline) add(au *media.AccessUnit) (token int64) {
	if au.RandomAccess {
		t.tainted = false
	}
	t.next++
	t.units[t.next%window] = unit{token: t.next, times: au.Times, randomAccess: au.RandomAccess, corrupt: t.tainted}
	return t.next
}

// damaged marks the newest unit, and all that depend on it: everything up to
// the next random-access unit, unless no picture refers to it.
func (t *timeline) damaged(nonReference bool) {
	t.units[t.next%window].corrupt = true
	if !nonReference {
		t.tainted = true
	}
}

// take returns the unit a picture came from, with a PTS that is larger than the
// last picture's. A picture whose token is lost gets the newest unit's times.
func (t *timeline) take(token int64) unit {
	if token <= t.next-window || token > t.next || token <= 0 {
		token = t.next
	}
	u := t.units[token%window]
	if t.started && u.times.PTS <= t.last {
		u.times.PTS = t.last + 1
	}
	t.last, t.started = u.times.PTS, true
	return u
}

// reset starts a new time line; tokens go on.
func (t *timeline) reset() { t.started, t.tainted = false, false }
