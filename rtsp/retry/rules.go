package retry

import (
	"time"

	"github.com/frameport/frameport/fault"
)

const (
	// quickMin and quickMax bound the waits of a fault that may pass any moment.
	quickMin = 500 * time.Millisecond
	quickMax = 5 * time.Second
	// booting is how long after a stream was lost, or a camera that had played was out
	// of reach, "no such path" and "busy" count as a camera that is starting up.
	booting = time.Minute
	// steady is how long a stream must have run to make earlier failures forgotten.
	steady = 10 * time.Second
	// maxAnnounced bounds what a camera may ask for with Retry-After.
	maxAnnounced = 5 * time.Minute

	authSecond = 5 * time.Minute
	authLater  = 30 * time.Minute

	// Immediate attempts are granted this often within immediateWindow.
	maxImmediate    = 5
	immediateWindow = 10 * time.Second
)

// rule is a back-off: the n-th failure in a row waits between min and
// first*2^(n-1), at most max.
type rule struct{ min, first, max time.Duration }

// quick is for what may pass any moment, slow for what only a person can change.
func quick() rule { return rule{quickMin, time.Second, quickMax} }
func slow() rule  { return rule{50 * time.Second, 60 * time.Second, 60 * time.Second} }

// ruleOf returns the back-off for a class. Auth has its own, in policy.go.
func ruleOf(c fault.Class, starting bool) rule {
	switch c {
	case fault.NotFound:
		if starting {
			return quick()
		}
		return rule{8 * time.Second, 10 * time.Second, 60 * time.Second}
	case fault.Busy:
		if starting {
			return quick()
		}
		return rule{5 * time.Second, 10 * time.Second, 60 * time.Second}
	case fault.Protocol:
		return rule{time.Second, 2 * time.Second, 30 * time.Second}
	case fault.Decode:
		return rule{quickMin, time.Second, 30 * time.Second}
	case fault.Limit:
		return rule{20 * time.Second, 30 * time.Second, 60 * time.Second}
	case fault.Unsupported, fault.Policy:
		return slow()
	default: // Unreachable, Stalled, and errors without a class
		return quick()
	}
}

// upper is the longest wait after the n-th failure in a row.
func (r rule) upper(n int) time.Duration {
	d := r.first
	for i := 1; i < n && d < r.max; i++ {
		d *= 2
	}
	return max(r.min, min(d, r.max))
}
