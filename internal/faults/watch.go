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
	"github.com/frameport/frameport/internal/invariant"
	"github.com/frameport/frameport/internal/testvideo"
)

// Note: [Watching]
//
// What must hold is in Note: [Invariants] of package invariant. I1 to I7 are checked here,
// as things happen; I8 to I10 at the end of a scenario. After Remove the ring is closed,
// and no frame comes from it (I3).
//
// I4 is about a reader of the ring: when it is given a frame, at most as many frames have
// been published after it as the ring keeps. How many there are is what the camera counts,
// asked before the frame is: later it would have gone on. That no frame of an epoch is
// older than those of the epoch before it is another rule, and has no number.

// maxViolations is how many are kept per camera; one is enough to fail.
const maxViolations = 5

// Seen is one frame as it was read from the ring.
type Seen struct {
	frame.Info
	Camera, Picture int   // of the bar code
	Unread          error // why the bar code could not be read; nil = it was

	Count uint64 // frames that had been published when the reader asked for one
	Ring  int    // how many of them the ring kept
}

// Watch is what is known about one camera: its last frames, its states, and every
// invariant that was broken. Its methods may be called from any goroutine.
type Watch struct {
	ID    string
	shows []int
	done  sync.WaitGroup

	mu         sync.Mutex
	frames     invariant.Frames
	published  uint64 // that of the last frame
	clean      uint64 // frames that were undamaged
	damaged    uint64
	violations []string
	recent     []Seen

	judge    invariant.States
	snapshot camera.Snapshot // the last one
	looked   bool
	states   map[camera.State]int // how often each was entered
}

// keepRecent is how many frames a watch remembers.
const keepRecent = 256

func newWatch(id string, shows []int) *Watch {
	return &Watch{ID: id, shows: shows, states: map[camera.State]int{}}
}

// follow reads the camera's ring until it is closed.
func (w *Watch) follow(feed *camera.Feed) {
	w.done.Go(func() {
		var last frame.ID
		for {
			now := feed.Snapshot()
			f, err := feed.Ring().Wait(context.Background(), last)
			if err != nil {
				return
			}
			last = f.ID
			s := read(f)
			s.Count, s.Ring = now.Counters.FramesPublished, now.Spec.Frame.RingSize
			w.frame(s)
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
	for _, broken := range w.frames.Next(s.Info, s.Published == w.published+1) {
		w.violate("%s", broken)
	}
	w.published = s.Published
	if s.Count > s.Published+uint64(s.Ring) {
		w.violate("I4: frame %v is %d frames old, and the ring keeps %d", s.ID, s.Count-s.Published, s.Ring)
	}
	if s.Corrupt {
		w.damaged++
	} else {
		w.clean++
		if w.shows != nil && (s.Unread != nil || !slices.Contains(w.shows, s.Camera)) {
			w.violate("I2: undamaged frame %v shows camera %d, want one of %v: %v", s.ID, s.Camera, w.shows, s.Unread)
		}
	}
	if len(w.recent) == keepRecent {
		w.recent = slices.Delete(w.recent, 0, keepRecent/2)
	}
	w.recent = append(w.recent, s)
}

// state checks a snapshot against the one before.
func (w *Watch) state(s camera.Snapshot, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.snapshot
	if w.looked && s.Changes < before.Changes {
		return // looked at by two goroutines
	}
	if !w.looked || s.Changes > before.Changes {
		status := invariant.Status{State: s.State, Epoch: s.Epoch, Counters: s.Counters, Fault: s.Fault, Respecified: w.looked && !s.Spec.Equal(before.Spec)}
		for _, broken := range w.judge.Next(status, now) {
			w.violate("%s", broken)
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
