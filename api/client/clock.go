package client

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// clockProbes is how many calls [Client.Clock] makes. The first one may have to
// connect; a few more find a moment without a queue on the way.
const clockProbes = 8

// ErrClock means that the worker's answers about its clock make no sense: it was set
// back during each of them.
var ErrClock = errors.New("the worker's clock did not run evenly")

// ClockEstimate compares the worker's clock with this machine's, at the time of the
// measurement. Clocks drift: measure again from time to time.
type ClockEstimate struct {
	// Offset is the worker's clock minus this machine's.
	Offset time.Duration
	// ErrorBound is how far Offset may be wrong, either way.
	ErrorBound time.Duration
}

// Local turns a time of the worker's clock into one of this machine's.
func (e ClockEstimate) Local(worker time.Time) time.Time { return worker.Add(-e.Offset) }

// Clock estimates the offset between this machine's clock and the worker's, as NTP
// does. Of a probe sent at t0 and answered at t3 by this clock, and received at t1 and
// answered at t2 by the worker's:
//
//	offset     = ((t1 - t0) + (t2 - t3)) / 2
//	round trip = (t3 - t0) - (t2 - t1)
//	|error|   <= round trip / 2
//
// The bound holds however the round trip divides into way there and way back. Of 8
// probes the one with the shortest round trip counts.
func (c *Client) Clock(ctx context.Context) (ClockEstimate, error) {
	best := ClockEstimate{ErrorBound: -1}
	for range clockProbes {
		t0 := time.Now()
		r, err := c.Worker.GetClock(ctx, &frameportv1.GetClockRequest{ClientSendTime: timestamppb.New(t0)})
		if err != nil {
			return ClockEstimate{}, err
		}
		// By the monotonic clock: this machine's may be set during the call as well.
		t3 := t0.Add(time.Since(t0))
		t1, t2 := r.GetWorkerReceiveTime().AsTime(), r.GetWorkerSendTime().AsTime()
		trip := t3.Sub(t0) - t2.Sub(t1)
		if t2.Before(t1) || trip < 0 {
			continue
		}
		e := ClockEstimate{Offset: (t1.Sub(t0) + t2.Sub(t3)) / 2, ErrorBound: (trip + 1) / 2}
		if best.ErrorBound < 0 || e.ErrorBound < best.ErrorBound {
			best = e
		}
	}
	if best.ErrorBound < 0 {
		return ClockEstimate{}, ErrClock
	}
	return best, nil
}
