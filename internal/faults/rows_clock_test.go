//go:build cgo && failpoint

package faults

import (
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/failpoint"
)

// Somebody sets the clock of the machine: an hour on, an hour back, to 1970, and right
// again. Cameras play over TCP and UDP, one is silent, one waits for its next attempt, one
// hangs up after keepalives; a client asks for fresh frames. Timers go by the monotonic
// clock, so nothing happens but that times are others.
func row75(s *Scene) {
	const camera25 = "h264_change_a"
	undo := func() {}
	s.Cleanup(func() { undo() })
	tcp := s.Victim(camera25, camsim.Camera{FPS: 25})
	udp := s.Add(s.Sim(nil, small, camsim.Camera{}), Over(config.TransportUDP), small)
	reports := s.Victim("h265_bframes", camsim.Camera{ReportInterval: 500 * time.Millisecond})
	sets := respond(func(q camsim.Request, r *camsim.Reply) {
		if q.Method == "GET_PARAMETER" { // and the clock is set between it and the end
			failpoint.StepClock(time.Hour)
			r.Hangup = true
		}
	})
	sets.Timeout = 4 * time.Second
	all := []*Victim{tcp, udp, reports}
	before := map[*Victim]camera.Snapshot{}
	for _, v := range all {
		before[v] = v.Runs()
	}
	host := s.Host(camsim.Config{})
	absent := s.Add(s.Sim(host, small, camsim.Camera{}), nil)
	if err := host.SetListening(false); err != nil {
		s.Fatal(err)
	}
	absent.Sim.Drop(camsim.DropFIN)
	absent.Fails(camera.StateFailed, fault.Unreachable)

	for _, set := range []func() func(){
		func() func() { return failpoint.StepClock(time.Hour) },
		func() func() { return failpoint.StepClock(-2 * time.Hour) },
		func() func() { return failpoint.SetClock(time.Unix(1, 0)) },
		func() func() { return failpoint.SetClock(time.Now()) },
	} {
		tries := absent.Now().Counters.ConnectAttempts
		undo = set()
		day := failpoint.Now()
		for _, v := range all {
			v.Shows(10)
			v.Steady(before[v])
			v.unmoved(before[v])
			if n := v.Entered(camera.StateStalled) + v.Entered(camera.StateDegraded) + v.Entered(camera.StateFailed); n != 0 {
				s.Errorf("%s: a watchdog fired as the clock was set to %v: %+v", v.ID, day, v.Now().LastFault)
			}
			last := v.Recent()[len(v.Recent())-1]
			if off := last.Received.Round(0).Sub(day.Round(0)); off < 0 || off > patience {
				s.Errorf("%s: after the clock was set to %v, a frame is said to have come at %v", v.ID, day, last.Received)
			}
		}
		// That it is not tried early is invariant I7; here: not an hour late either.
		s.Wait("the next attempt at a camera that is not there", func() bool { return absent.Now().Counters.ConnectAttempts > tries })
		if now := absent.Now(); !now.Fault.NextAttempt.IsZero() && time.Until(now.Fault.NextAttempt) > time.Minute {
			s.Errorf("the next attempt is said to be in %v", time.Until(now.Fault.NextAttempt))
		}
		s.fresh(tcp.ID)
	}
	// The end of a connection is blamed on the keepalive that it followed by moments,
	// whatever the clock says about them, and another method is used from now on.
	hangup := s.Add(s.Sim(nil, small, sets), nil, small)
	first := hangup.Runs()
	now := hangup.Back(first)
	from := hangup.Sim.Stats().Keepalives
	s.Wait("keepalives", func() bool { return hangup.Sim.Stats().Keepalives >= from+3 })
	hangup.Steady(now)
	failpoint.SetClock(time.Now())
	for _, v := range all {
		v.Steady(before[v])
	}
}
