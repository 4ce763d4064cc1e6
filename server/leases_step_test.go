//go:build failpoint

package server

import (
	"testing"
	"time"

	"github.com/frameport/frameport/internal/failpoint"
)

// A lease lasts as long as it was given for, whatever becomes of the time of day.
func TestFailpointLeasesLast(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, -40 * 365 * 24 * time.Hour} {
		back, l, start := 0, newLeases(time.Second), failpoint.Now()
		l.lend(func() { back++ }, start)
		undo := failpoint.StepClock(step)
		stepped := failpoint.Now()
		undo()
		at := func(after time.Duration) time.Time { return stepped.Add(start.Add(after).Sub(stepped)) }
		if n := l.expire(at(time.Second - 1)); n != 0 || back != 0 {
			t.Errorf("a step of %v: a lease ended early", step)
		}
		if next, ok := l.next(); !ok || next.Sub(at(0)) != time.Second {
			t.Errorf("a step of %v: the next end is in %v", step, next.Sub(at(0)))
		}
		if n := l.expire(at(time.Second)); n != 1 || back != 1 {
			t.Errorf("a step of %v: a lease goes on", step)
		}
	}
}
