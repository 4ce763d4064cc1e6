package camera

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/fault"
)

// A camera that loses pictures because there is no memory to receive them says so: when
// others of it come, when none does, and no longer than it lasts.
func TestAssemblyFault(t *testing.T) {
	for name, tt := range map[string]struct {
		units  int
		within time.Duration
	}{"some": {-1, time.Second}, "none": {1, starveAfter + time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil).run()
				defer w.stop()
				url := w.script("a", step{units: tt.units, keepalive: true})
				w.add("a", url, nil)
				after(time.Minute)
				w.expect("a", StateRunning, fault.None)
				source := w.source(url)
				source.dropped.Add(1)
				source.unfit.Add(1)
				after(tt.within)
				s := w.expect("a", StateDegraded, fault.Limit)
				if !strings.Contains(s.Fault.Message, "--access-unit-memory") || s.Fault.Count != 1 {
					t.Errorf("%d times %s", s.Fault.Count, s.Fault.Message)
				}
				if tt.units < 0 {
					after(degradedHold)
					w.expect("a", StateRunning, fault.None)
				}
			})
		})
	}
}
