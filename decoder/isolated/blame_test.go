package isolated_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/isolated"
)

// TestOwnEnds: however a child ends itself, with one of the signals that others end it
// with too, or as if all were well, its stream is to blame, and three times are enough.
func TestOwnEnds(t *testing.T) {
	for name, deeds := range map[string][3]string{
		"signals": {"end tgkill 9", "end kill 15", "end tgkill 1"},
		"exits":   {"end exit 0", "end exit 1", "end tgkill 6"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, nil)
			m := newCamera(t, h, "a", "h264_crop").steps(3)
			for n, deed := range deeds {
				err := m.do(deed)
				if last := n == len(deeds)-1; last && !errors.Is(err, decoder.ErrUnsupported) || !last && !errors.Is(err, decoder.ErrInterrupted) {
					t.Fatalf("%d: %s: %v", n, deed, err)
				}
				if n < len(deeds)-1 {
					m.steps(len(m.clip.Units) + 1)
				}
			}
			if s := h.Status(); s.Quarantined != 1 || s.Restarts != 3 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestEndBetweenUnits: a stream whose child ends while it has no unit there is to blame as
// soon as it is alone, and it is alone the second time.
func TestEndBetweenUnits(t *testing.T) {
	h := newHost(t, nil)
	good, bad := newCamera(t, h, "good", "h264_crop").steps(3), newCamera(t, h, "bad", "h264_crop").steps(3)
	shared := 0
	for n := 1; h.Status().Quarantined == 0; n++ {
		if n > 6 {
			t.Fatalf("child %d, and nobody is blamed: %+v", n, h.Status())
		}
		if pidOf(t, h, "good") == pidOf(t, h, "bad") {
			shared++
		}
		if err := bad.do("end exit 0 after 1ms"); !errors.Is(err, decoder.ErrCorrupt) && !errors.Is(err, decoder.ErrInterrupted) {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return h.Status().Restarts == uint64(n) })
		if h.Status().Quarantined == 0 {
			bad.waiting = true
			bad.steps(len(bad.clip.Units) + 1)
		}
		good.waiting = true
		good.steps(len(good.clip.Units) + 1)
	}
	if good.waiting || shared == 0 || shared > 2 {
		t.Errorf("the good camera shared %d children; %v", shared, good.errs)
	}
	if err := bad.decode(bad.clip.Units[0].Data, true); !errors.Is(err, decoder.ErrUnsupported) || !strings.Contains(err.Error(), "quarantined") {
		t.Error(err)
	}
}

// TestMemory: whether a decoder says that it has no memory, or dies of it, or the system
// takes its child because it had so much, the stream is to blame, and gets a child of its
// own.
func TestMemory(t *testing.T) {
	for _, deed := range []string{
		"exhausted", "broken",
		// Without a limit it would come back with 16 GiB, or the system would kill it. How it
		// ends is up to what misses memory first: Go's runtime says so, or C code crashes.
		"hoard",
	} {
		t.Run(deed, func(t *testing.T) {
			h := newHost(t, func(c *isolated.Config) { c.Cameras = 1 })
			m := newCamera(t, h, "a", "h264_crop").steps(3)
			if err := m.do(deed); !errors.Is(err, decoder.ErrInterrupted) || strings.Contains(err.Error(), "killed") {
				t.Fatal(err)
			}
			if m.steps(len(m.clip.Units) + 1); m.waiting {
				t.Error(m.errs)
			}
			if !isAlone(h, "a") {
				t.Errorf("%+v", h.Status())
			}
		})
	}
	t.Run("killed", func(t *testing.T) {
		h := newHost(t, nil)
		m := newCamera(t, h, "a", "h264_crop").steps(3)
		size := 400 + peak(t)>>20 // what a child had of our memory before it was one counts as its own
		if err := m.do(fmt.Sprintf("swell %d", size)); !strings.Contains(err.Error(), "<nil>") {
			t.Fatal(err)
		}
		go func() { _ = syscall.Kill(pidOf(t, h, "a"), syscall.SIGKILL) }() // while it is at work
		if err := m.do("hang"); !errors.Is(err, decoder.ErrInterrupted) || !strings.Contains(err.Error(), "it had taken") {
			t.Fatal(err)
		}
		if m.steps(len(m.clip.Units) + 1); m.waiting {
			t.Error(m.errs)
		}
		if !isAlone(h, "a") {
			t.Errorf("%+v", h.Status())
		}
	})
}

// isAlone says whether a camera has a child of its own.
func isAlone(h *isolated.Host, id string) bool {
	return slices.ContainsFunc(h.Status().Processes, func(p isolated.ProcessStatus) bool {
		return p.Alone && slices.Equal(p.Cameras, []string{id})
	})
}

// peak is the most memory that this process has had, in bytes.
func peak(t *testing.T) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Maxrss << 10
}

// TestDrip: a child that always says something and never finishes has no more time than
// one that says nothing, and the others in it don't wait for it.
func TestDrip(t *testing.T) {
	h := newHost(t, func(c *isolated.Config) { c.Patience = 4 * time.Second })
	m, other := newCamera(t, h, "a", "h264_crop").steps(3), newCamera(t, h, "b", "h264_crop").steps(3)
	over := make(chan error, 1)
	go func() { over <- m.do("drip") }()
	var err error
	for frames := len(other.numbers); err == nil; {
		select {
		case err = <-over:
			if len(other.numbers) == frames {
				t.Error("the other camera had to wait")
			}
		default:
			other.step()
		}
	}
	if !errors.Is(err, decoder.ErrInterrupted) || !strings.Contains(err.Error(), "did not answer for 4s") {
		t.Error(err)
	}
}

// TestOutsiders: signals to all processes of a unit or a terminal mean the worker, and
// its children go on.
func TestOutsiders(t *testing.T) {
	h := newHost(t, nil)
	m := newCamera(t, h, "a", "h264_crop").steps(3)
	pid := pidOf(t, h, "a")
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1} {
		if err := syscall.Kill(pid, s.(syscall.Signal)); err != nil {
			t.Fatal(err)
		}
	}
	if m.steps(2 * len(m.clip.Units)); len(m.errs) != 0 || pidOf(t, h, "a") != pid {
		t.Errorf("%v", m.errs)
	}
}
