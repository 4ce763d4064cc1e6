package invariant

import (
	"fmt"
	"time"

	"github.com/frameport/frameport/camera"
)

// Status is what is known of a camera at a moment.
type Status struct {
	State    camera.State
	Epoch    uint64
	Counters camera.Counters
	Fault    camera.FaultStatus
	// Respecified is true when address or login are others than before.
	Respecified bool
}

// States judges what is said of one camera, later always after earlier: I6, I7 and, of
// I1, that nothing that counts falls. Changes in between may be missing. The zero value
// is ready.
type States struct {
	last Status
	any  bool
	// respecified lasts from a change of the specification to the attempt that uses it:
	// the change shows before the state does.
	respecified bool
}

// Next takes what was said by a moment, which is not before the camera was so, and returns
// what that breaks.
func (j *States) Next(s Status, by time.Time) (broken []string) {
	before, had := j.last, j.any
	j.last, j.any = s, true
	if !had {
		return nil
	}
	violate := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	j.respecified = j.respecified || s.Respecified
	if !follows(before.State, s.State, j.respecified) {
		violate("I6: %v follows %v", s.State, before.State)
	}
	if s.Counters.ConnectAttempts > before.Counters.ConnectAttempts {
		if due := before.Fault.NextAttempt; !due.IsZero() && by.Before(due) && !j.respecified {
			violate("I7: an attempt began %v early (%v)", due.Sub(by), before.Fault.Class)
		}
		j.respecified = false // what follows is about the new specification
	}
	if s.Epoch < before.Epoch {
		violate("I1: epoch %d follows %d", s.Epoch, before.Epoch)
	}
	old := counts(before.Counters)
	for i, now := range counts(s.Counters) {
		if now.n < old[i].n {
			violate("I1: %s falls from %d to %d", now.name, old[i].n, now.n)
		}
	}
	return broken
}

// follows is the graph of states as package camera documents it, with changes that nobody
// saw: the end is final, and only another address or login leads back to CONNECTING.
func follows(from, to camera.State, respecified bool) bool {
	switch {
	case from == to:
		return true // its cause or its fault has changed
	case from == camera.StateStopped:
		return false
	default:
		return to != camera.StateConnecting || respecified
	}
}

type count struct {
	name string
	n    uint64
}

// counts are all that only rise.
func counts(c camera.Counters) []count {
	return []count{
		{"access units", c.AccessUnits},
		{"key frames", c.KeyFrames},
		{"frames decoded", c.FramesDecoded},
		{"frames published", c.FramesPublished},
		{"frames corrupt", c.FramesCorrupt},
		{"dropped by policy", c.Dropped.Policy},
		{"dropped by network", c.Dropped.Network},
		{"dropped by decode", c.Dropped.Decode},
		{"dropped by queue", c.DroppedQueue},
		{"packets received", c.PacketsReceived},
		{"packets lost", c.PacketsLost},
		{"bytes received", c.BytesReceived},
		{"connect attempts", c.ConnectAttempts},
		{"reconnects", c.Reconnects},
	}
}
