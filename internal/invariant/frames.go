package invariant

import (
	"fmt"
	"time"

	"github.com/frameport/frameport/frame"
)

// Frames judges the frames of one camera as one reader gets them: I1, I5 and the order of
// epochs. The zero value is ready.
type Frames struct {
	last   frame.Info
	any    bool
	newest time.Time // Received of the newest frame of all epochs
	bound  time.Time // frames of this epoch were received after it
}

// Next takes one frame and returns what it breaks. Whole means that the reader has been
// given every frame that was published since the one before. Counts that the reader does
// not know are 0.
func (j *Frames) Next(f frame.Info, whole bool) (broken []string) {
	violate := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	before, had := j.last, j.any
	switch {
	case !had || f.Epoch > before.Epoch:
		if f.Corrupt && (f.Sequence == 1 || had && whole) {
			violate("I5: epoch %d begins with a damaged frame", f.Epoch)
		}
		j.bound = j.newest
	case f.Epoch < before.Epoch || f.Sequence <= before.Sequence:
		violate("I1: frame %v follows %v", f.ID, before.ID)
	case f.PTS <= before.PTS:
		violate("I1: frame %v at %v follows %v at %v", f.ID, f.PTS, before.ID, before.PTS)
	}
	if had && f.Published != 0 && f.Published <= before.Published {
		violate("I1: frame %v counts %d after %d", f.ID, f.Published, before.Published)
	}
	if f.Dropped.Policy < before.Dropped.Policy || f.Dropped.Network < before.Dropped.Network || f.Dropped.Decode < before.Dropped.Decode {
		violate("I1: frame %v has fewer drops than the one before: %+v, %+v", f.ID, f.Dropped, before.Dropped)
	}
	if f.Received.Before(j.bound) {
		violate("epochs: frame %v of a new epoch was received %v before the last of the old one", f.ID, j.bound.Sub(f.Received))
	}
	if f.Received.After(j.newest) {
		j.newest = f.Received
	}
	j.last, j.any = f, true
	return broken
}
