//go:build cgo

package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

// Each invariant is broken once, and noticed.
func TestInvariants(t *testing.T) {
	now := time.Now()
	at := func(epoch, sequence uint64, pts time.Duration, change func(*Seen)) Seen {
		s := Seen{Camera: 7}
		s.Epoch, s.Sequence, s.PTS = epoch, sequence, pts
		s.Published, s.Received = epoch*100+sequence, now.Add(time.Duration(epoch)*time.Minute+pts)
		if change != nil {
			change(&s)
		}
		return s
	}
	first := at(1, 1, 0, nil)
	for name, tc := range map[string]struct {
		frames []Seen
		broken string
	}{
		"good":             {[]Seen{first, at(1, 2, 1, nil), at(2, 1, 0, nil)}, ""},
		"PTS stand still":  {[]Seen{first, at(1, 2, 0, nil)}, "I1"},
		"a number twice":   {[]Seen{first, at(1, 1, 5, nil)}, "I1"},
		"an older epoch":   {[]Seen{at(2, 1, 0, nil), at(1, 2, 5, nil)}, "I1"},
		"a count falls":    {[]Seen{first, at(1, 2, 1, func(s *Seen) { s.Published = 1 })}, "I1"},
		"drops fall":       {[]Seen{at(1, 1, 0, func(s *Seen) { s.Dropped.Network = 3 }), at(1, 2, 1, nil)}, "I1"},
		"another camera":   {[]Seen{at(1, 1, 0, func(s *Seen) { s.Camera = 8 })}, "I2"},
		"no bar code":      {[]Seen{at(1, 1, 0, func(s *Seen) { s.Unread = testvideo.ErrNoBarcode })}, "I2"},
		"damaged, unread":  {[]Seen{first, at(1, 2, 1, func(s *Seen) { s.Corrupt, s.Unread = true, testvideo.ErrNoBarcode })}, ""},
		"from before":      {[]Seen{first, at(2, 1, 0, func(s *Seen) { s.Received = now })}, "epochs"},
		"out of the ring":  {[]Seen{at(1, 1, 0, func(s *Seen) { s.Count, s.Ring = s.Published+5, 4 })}, "I4"},
		"oldest in ring":   {[]Seen{at(1, 1, 0, func(s *Seen) { s.Count, s.Ring = s.Published+4, 4 })}, ""},
		"a later start":    {[]Seen{first, at(2, 4, 0, func(s *Seen) { s.Corrupt, s.Published = true, first.Published+1 })}, "I5"},
		"a damaged start":  {[]Seen{at(1, 1, 0, func(s *Seen) { s.Corrupt = true })}, "I5"},
		"damage later, ok": {[]Seen{at(1, 4, 0, func(s *Seen) { s.Corrupt = true })}, ""},
	} {
		w := newWatch("cam", []int{7})
		for _, f := range tc.frames {
			w.frame(f)
		}
		judge(t, name, w, tc.broken)
	}
	waiting := func(c *camera.Snapshot) {
		c.State, c.Fault = camera.StateFailed, camera.FaultStatus{Class: fault.Auth, NextAttempt: now.Add(time.Minute)}
	}
	for name, tc := range map[string]struct {
		from, to func(*camera.Snapshot)
		broken   string
	}{
		"on to running":  {nil, func(c *camera.Snapshot) { c.State = camera.StateRunning }, ""},
		"back to life":   {func(c *camera.Snapshot) { c.State = camera.StateStopped }, func(c *camera.Snapshot) { c.State = camera.StateRunning }, "I6"},
		"back to start":  {func(c *camera.Snapshot) { c.State = camera.StateRunning }, nil, "I6"},
		"another login":  {func(c *camera.Snapshot) { c.State = camera.StateRunning }, func(c *camera.Snapshot) { c.Spec = config.Camera{Username: "x"} }, ""},
		"too soon":       {waiting, func(c *camera.Snapshot) { waiting(c); c.Counters.ConnectAttempts = 1 }, "I7"},
		"still waiting":  {waiting, waiting, ""},
		"lost counts":    {func(c *camera.Snapshot) { c.Counters.FramesPublished = 2 }, nil, "I1"},
		"a secret shown": {nil, func(c *camera.Snapshot) { c.Cause = "with " + canaryPassword }, "I10"},
	} {
		w := newWatch("cam", nil)
		for i, change := range []func(*camera.Snapshot){tc.from, tc.to} {
			c := camera.Snapshot{ID: "cam", Changes: uint64(i)}
			if change != nil {
				change(&c)
			}
			w.state(c, now)
		}
		judge(t, name, w, tc.broken)
	}
}

func judge(t *testing.T, name string, w *Watch, broken string) {
	t.Helper()
	got := strings.Join(w.Violations(), "; ")
	if (broken == "") != (got == "") || !strings.Contains(got, broken) {
		t.Errorf("%s: %q, want %q", name, got, broken)
	}
}

// A good camera loses something, and that is noticed (I9).
func TestNeighbour(t *testing.T) {
	clip, err := testvideo.Load(small)
	if err != nil {
		t.Fatal(err)
	}
	server, err := camsim.Start(camsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	h, err := server.Add("cam", camsim.Camera{Clip: clip})
	if err != nil {
		t.Fatal(err)
	}
	seen := func(sequence uint64, picture int) Seen {
		s := Seen{Picture: picture}
		s.ID, s.PTS = frame.ID{Epoch: 1, Sequence: sequence}, time.Duration(sequence)
		s.Published = sequence
		return s
	}
	for name, tc := range map[string]struct {
		frames []Seen
		broken bool
	}{
		"in a row":       {[]Seen{seen(1, 3), seen(2, 4), seen(3, 0)}, false},
		"reader is slow": {[]Seen{seen(1, 3), seen(4, 1)}, false},
		"one is missing": {[]Seen{seen(1, 3), seen(2, 0)}, true},
		"one is twice":   {[]Seen{seen(1, 3), seen(2, 3)}, true},
	} {
		n := Neighbour{Watch: newWatch("cam", nil), Sim: h, pictures: clip.Frames}
		for _, f := range tc.frames {
			n.frame(f)
		}
		if err := n.rows(); (err != nil) != tc.broken {
			t.Errorf("%s: %v", name, err)
		}
	}
	n := Neighbour{Watch: newWatch("cam", nil), Sim: h, pictures: clip.Frames}
	for name, now := range map[string]camera.Snapshot{
		"more than was sent": {Counters: camera.Counters{FramesPublished: 50}},
		"another connection": {State: camera.StateRunning, Epoch: 2},
	} {
		if n.Intact(now) == nil {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

// What is left is noticed.
func TestLeft(t *testing.T) {
	before, err := Measure()
	if err != nil {
		t.Fatal(err)
	}
	if err := before.Left(patience); err != nil {
		t.Errorf("nothing was done: %v", err)
	}
	for text, change := range map[string]func(*Usage){
		"goroutines":     func(u *Usage) { u.Goroutines++ },
		"kind socket":    func(u *Usage) { u.Descriptors = map[string]int{"socket": u.Descriptors["socket"] + 1} },
		"Go's heap":      func(u *Usage) { u.Heap += heapSlack + 1<<20 },
		"MiB of C's mem": func(u *Usage) { u.Native += nativeSlack + 1<<20 },
	} {
		now := before
		change(&now)
		if err := before.left(now); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The log and the search for secrets in it.
func TestSecrets(t *testing.T) {
	w := &Worker{Log: &Log{}}
	if err := w.Secrets(); err != nil {
		t.Error(err)
	}
	for _, form := range canaries() {
		w := &Worker{Log: &Log{}}
		if _, err := w.Log.Write([]byte("level=WARN msg=" + form + "\n")); err != nil {
			t.Fatal(err)
		}
		if err := w.Secrets(); err == nil {
			t.Errorf("%q in the log is not found", form)
		}
	}
}
