package clock

import (
	"sync"
	"time"

	"github.com/frameport/frameport/media"
)

const (
	// outlier is how far RTP time may run ahead of arrival time from one unit to
	// the next. Behind there is no limit: data held up in the network looks so.
	outlier = 5 * time.Second
	// persistent is how many outliers in a row that agree with each other make a
	// new time line.
	persistent = 3
	// minBackwards and maxBackwards bound how far RTP time may step back in a
	// stream with B pictures; in between it is eight picture intervals.
	minBackwards = time.Second
	maxBackwards = 5 * time.Second
)

// Clock gives access units their times. Make one with [New].
type Clock struct {
	mu      sync.Mutex
	line    timeline
	reports reports
}

// New returns the clock of a stream whose RTP timestamps run at rate ticks a
// second; 90000 if rate is not positive.
func New(rate int) *Clock {
	if rate <= 0 {
		rate = 90000
	}
	return &Clock{line: timeline{rate: int64(rate)}, reports: reports{rate: int64(rate)}}
}

// SetMonotone says whether units come in display order (no B pictures). Then
// PTS rises strictly, whatever the timestamps do; otherwise it may step back
// from one unit to the next as far as picture reordering takes it.
func (c *Clock) SetMonotone(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line.monotone = on
}

// Times returns the times of the access unit with this RTP timestamp, whose
// first packet arrived at the given time. Units are passed in order of arrival.
// discontinuity is true when the unit begins a new time line; its PTS is 0 then.
func (c *Clock) Times(rtp uint32, arrived time.Time) (t media.Times, discontinuity bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pts, how := c.line.next(rtp, arrived)
	if how == jumped {
		// The reports speak of the time line before the jump.
		c.reports.forget()
	}
	t = media.Times{PTS: pts, Capture: arrived.Round(0), Source: media.ClockArrival, Received: arrived}
	if how != restamped {
		if at, bound, ok := c.reports.capture(c.line.ext, arrived); ok {
			t.Capture, t.CaptureError, t.Source = at, bound, media.ClockRTCP
		}
	}
	return t, how == jumped
}

// Report takes an RTCP sender report: the camera's wall clock as a 64-bit NTP
// timestamp, the RTP timestamp of the same instant, and when it arrived.
// Reports that make no sense are counted and otherwise ignored.
func (c *Clock) Report(ntp uint64, rtp uint32, arrived time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports.add(ntp, c.line.unwrap(rtp), arrived)
}

// Reset forgets the time line and the reports, as after a change of the stream's
// source. The next unit begins at PTS 0.
func (c *Clock) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line = timeline{rate: c.line.rate, monotone: c.line.monotone}
	c.reports.forget()
}

// Status returns what is known about the camera's wall clock.
func (c *Clock) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reports.status()
}

// ticks converts a number of clock ticks without overflow.
func ticks(n, rate int64) time.Duration {
	const limit = int64(100 * 365 * 24 * time.Hour / time.Second)
	s, rest := n/rate, n%rate
	s = max(-limit, min(limit, s))
	return time.Duration(s)*time.Second + time.Duration(rest*int64(time.Second)/rate)
}
