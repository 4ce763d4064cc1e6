//go:build failpoint

package clock

import (
	"testing"
	"time"

	"github.com/frameport/frameport/internal/failpoint"
)

// The time of day of this machine is set. What the camera's clock says is not touched by
// that, and how far the two are apart is known again with the next report.
func TestFailpointHostClockSteps(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		c := New(90000)
		start := failpoint.Now()
		report := func(second int, arrived time.Time) {
			camera := start.Add(time.Duration(second) * time.Second)
			c.Report(uint64(camera.Unix()+ntpToUnix)<<32, uint32(second*90000), arrived)
		}
		for i := range 8 {
			report(5*i, start.Add(time.Duration(5*i)*time.Second))
		}
		before, _ := c.Times(40*90000, start.Add(40*time.Second))
		undo := failpoint.StepClock(step)
		stepped := failpoint.Now()
		undo()
		at := func(second int) time.Time {
			return stepped.Add(start.Add(time.Duration(second) * time.Second).Sub(stepped))
		}
		after, discontinuity := c.Times(41*90000, at(41))
		if discontinuity || after.PTS-before.PTS != time.Second {
			t.Errorf("a step of %v: PTS %v after %v", step, after.PTS, before.PTS)
		}
		if d := after.Capture.Sub(before.Capture); d != time.Second {
			t.Errorf("a step of %v: the camera's time goes on by %v in a second", step, d)
		}
		report(40, at(40))
		report(45, at(45))
		s := c.Status()
		if (s.Offset+step).Abs() > 2*time.Second || s.Error > time.Second {
			t.Errorf("a step of %v: the camera's clock is said to be %v off, within %v", step, s.Offset, s.Error)
		}
		if s.Steps != 0 {
			t.Errorf("a step of %v: the camera is said to have stepped", step)
		}
	}
}
