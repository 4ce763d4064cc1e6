package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
)

// Note: [Invariants]
//
// These hold for every camera at any time, whatever is done to it:
//
//	I1  PTS, numbers and counts rise within an epoch; epochs rise.
//	I2  An undamaged frame shows a picture of its own camera.
//	I3  After Remove there is no frame and the camera has no session.
//	I4  No frame is older than what came before the connection was made.
//	I5  The first frame of an epoch is undamaged.
//	I6  States change along the graph that package camera documents.
//	I7  No attempt begins before the time that the fault announced.
//	I8  A host sees at most three wrong logins.
//	I9  Cameras that nobody hurts lose nothing, see [Watch.Intact].
//	I10 No secret is in logs, states or messages.
//
// I1 to I7 are checked here, as things happen; I8 to I10 at the end of a scenario.

// maxViolations is how many are kept per camera; one is enough to fail.
const maxViolations = 5

// Seen is one frame as it was read from the ring.
type Seen struct {
	frame.Info
	Camera, Picture int   // of the bar code
	Unread          error // why the bar code could not be read; nil = it was
}

// Watch is what is known about one camera: its last frames, its states, and every
// invariant that was broken. Its methods may be called from any goroutine.
type Watch struct {
	ID    string
	shows []int
	done  sync.WaitGroup

	mu         sync.Mutex
	frames     uint64 // read
	last       Seen
	clean      uint64 // frames that were undamaged
	damaged    uint64
	newest     time.Time // Received of the newest frame of all epochs
	bound      time.Time // frames of this epoch were received after it
	violations []string
	recent     []Seen

	snapshot camera.Snapshot // the last one
	looked   bool
	// respecified is true from a change of the specification to the attempt that uses it:
	// the change shows before the state does.
	respecified bool
	states      map[camera.State]int // how often each was entered
}

// keepRecent is how many frames a watch remembers.
const keepRecent = 256

func newWatch(id string, shows []int) *Watch {
	return &Watch{ID: id, shows: shows, states: map[camera.State]int{}}
}

// follow reads the ring until it is closed.
func (w *Watch) follow(ring *frame.Ring) {
	w.done.Go(func() {
		var last frame.ID
		for {
			f, err := ring.Wait(context.Background(), last)
			if err != nil {
				return
			}
			last = f.ID
			w.frame(read(f))
			f.Release()
		}
	})
}

func (w *Watch) wait() { w.done.Wait() }

func read(f *frame.Frame) Seen {
	s := Seen{Info: f.Info}
	s.Camera, s.Picture, s.Unread = testvideo.ReadBarcodeLuma(f.Planes[0].Data, f.Width, f.Height, f.Planes[0].Pitch)
	return s
}

func (w *Watch) violate(format string, args ...any) {
	if len(w.violations) < maxViolations {
		w.violations = append(w.violations, w.ID+": "+fmt.Sprintf(format, args...))
	}
}

// frame checks a frame against the one before.
func (w *Watch) frame(s Seen) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.last
	switch {
	case w.frames == 0 || s.Epoch > before.Epoch:
		if s.Sequence == 1 && s.Corrupt {
			w.violate("I5: epoch %d begins with a damaged frame", s.Epoch)
		}
		w.bound = w.newest
	case s.Epoch < before.Epoch || s.Sequence <= before.Sequence:
		w.violate("I1: frame %v follows %v", s.ID, before.ID)
	case s.PTS <= before.PTS:
		w.violate("I1: frame %v at %v follows %v at %v", s.ID, s.PTS, before.ID, before.PTS)
	}
	if w.frames > 0 && s.Published <= before.Published {
		w.violate("I1: frame %v counts %d after %d", s.ID, s.Published, before.Published)
	}
	if s.Dropped.Policy < before.Dropped.Policy || s.Dropped.Network < before.Dropped.Network || s.Dropped.Decode < before.Dropped.Decode {
		w.violate("I1: frame %v has fewer drops than the one before: %+v, %+v", s.ID, s.Dropped, before.Dropped)
	}
	if s.Received.Before(w.bound) {
		w.violate("I4: frame %v of a new epoch was received %v before the last of the old one", s.ID, w.bound.Sub(s.Received))
	}
	if s.Received.After(w.newest) {
		w.newest = s.Received
	}
	if s.Corrupt {
		w.damaged++
	} else {
		w.clean++
		if w.shows != nil && (s.Unread != nil || !slices.Contains(w.shows, s.Camera)) {
			w.violate("I2: undamaged frame %v shows camera %d, want one of %v: %v", s.ID, s.Camera, w.shows, s.Unread)
		}
	}
	w.frames++
	w.last = s
	if len(w.recent) == keepRecent {
		w.recent = slices.Delete(w.recent, 0, keepRecent/2)
	}
	w.recent = append(w.recent, s)
}

// follows is the graph of states as package camera documents it: the end is final, and
// only another address or login leads back to CONNECTING.
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

// state checks a snapshot against the one before.
func (w *Watch) state(s camera.Snapshot, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.snapshot
	if w.looked && s.Changes < before.Changes {
		return // looked at by two goroutines
	}
	if w.looked && s.Changes > before.Changes {
		if !s.Spec.Equal(before.Spec) {
			w.respecified = true
		}
		if !follows(before.State, s.State, w.respecified) {
			w.violate("I6: %v follows %v", s.State, before.State)
		}
		due := before.Fault.NextAttempt
		if s.Counters.ConnectAttempts > before.Counters.ConnectAttempts {
			if !due.IsZero() && now.Before(due) && !w.respecified {
				w.violate("I7: an attempt began %v early (%v)", due.Sub(now), before.Fault.Class)
			}
			w.respecified = false // what follows is about the new specification
		}
		if s.Counters.FramesPublished < before.Counters.FramesPublished || s.Epoch < before.Epoch {
			w.violate("I1: counters fall: %+v, %+v", before.Counters, s.Counters)
		}
	}
	for _, form := range canaries() {
		if text := s.Cause + s.Fault.Message + s.LastFault.Message + s.Spec.URL; strings.Contains(text, form) {
			w.violate("I10: a secret shows: %s", text)
		}
	}
	if !w.looked || s.State != before.State {
		w.states[s.State]++
	}
	w.snapshot, w.looked = s, true
}

// Violations returns the broken invariants, for people.
func (w *Watch) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

// Clean returns how many undamaged frames have been read, and Damaged the others.
func (w *Watch) Clean() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clean
}

// Damaged returns how many frames said that they are damaged.
func (w *Watch) Damaged() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.damaged
}

// Recent returns the last frames, the newest last.
func (w *Watch) Recent() []Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.recent)
}

// Entered returns how often a state was seen to begin.
func (w *Watch) Entered(s camera.State) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[s]
}
