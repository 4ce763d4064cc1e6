package main

import (
	"context"
	"fmt"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

const (
	// arriving is how long pictures may be on their way, and hurried the same for further
	// cameras once as many have lost something as patience says.
	arriving = 10 * time.Second
	hurried  = time.Second
	patience = 3
)

// unhurt is a camera that nobody hurts.
type unhurt struct {
	id      string
	sim     *camsim.Handle
	decoded bool
	from    traffic // when the run began
}

// traffic is what a camera had sent by some moment and what the worker made of it.
type traffic struct {
	sent, overflows uint64 // by the camera
	got             *frameportv1.CameraCounters
}

func (s *soak) traffic(ctx context.Context, u *unhurt) (t traffic, err error) {
	st, err := s.status(ctx, u.id)
	if err != nil {
		return t, err
	}
	sim := u.sim.Stats() // later, so that nothing that came can be missing in it
	return traffic{sim.Units, sim.Overflows, st.GetCounters()}, nil
}

// missing is how many pictures have been sent and not received. What is on its way counts.
func (t traffic) missing() uint64 { return t.sent - min(t.got.GetAccessUnits(), t.sent) }

// lost judges I9: what was lost between two moments. Pictures that this machine was too
// slow to decode are counted by the camera as such and are not lost.
func (t traffic) lost(from traffic, decoded bool) (broken []string) {
	if n := t.missing(); n > from.missing() {
		broken = append(broken, fmt.Sprintf("I9: %d of %d pictures were not received", n-from.missing(), t.sent-from.sent))
	}
	if t.got.GetReconnects() != 0 || t.got.GetPacketsLost() != 0 || t.overflows != from.overflows {
		broken = append(broken, fmt.Sprintf("I9: %d reconnects, %d packets lost, %d pictures not taken", t.got.GetReconnects(), t.got.GetPacketsLost(), t.overflows-from.overflows))
	}
	if !decoded {
		return broken
	}
	sent, frames := float64(t.sent-from.sent), float64(t.got.GetFramesPublished()-from.got.GetFramesPublished())
	slow := float64(t.got.GetDropped().GetQueue() - from.got.GetDropped().GetQueue())
	if diff := sent - frames - slow; max(diff, -diff) > 4+0.02*sent {
		broken = append(broken, fmt.Sprintf("I9: %.0f pictures were sent, %.0f published, %.0f dropped for want of time", sent, frames, slow))
	}
	return broken
}

// beginUnhurt notes where the cameras that nobody will hurt begin.
func (s *soak) beginUnhurt(ctx context.Context) (err error) {
	for i, h := range s.cams {
		s.unhurt = append(s.unhurt, &unhurt{id: fmt.Sprintf("cam-%d", i+1), sim: h, decoded: true})
	}
	for i, h := range s.quiet {
		s.unhurt = append(s.unhurt, &unhurt{id: fmt.Sprintf("quiet-%d", i+1), sim: h})
	}
	behind := 0
	for _, u := range s.unhurt {
		if u.from, err = s.arrived(ctx, u, 0, &behind); err != nil {
			return err
		}
	}
	return nil
}

// judgeUnhurt says what they have lost. It returns how many pictures they dropped because
// this machine was too slow.
func (s *soak) judgeUnhurt(ctx context.Context) (slow uint64, err error) {
	behind := 0
	for _, u := range s.unhurt {
		now, err := s.arrived(ctx, u, u.from.missing(), &behind)
		if err != nil {
			return slow, err
		}
		slow += now.got.GetDropped().GetQueue() - u.from.got.GetDropped().GetQueue()
		s.found.saw(sawUnhurt, 1)
		s.found.add(u.id, now.lost(u.from, u.decoded)...)
	}
	return slow, nil
}

// arrived looks until no more of what a camera sent is missing than was before, or for a
// while, and counts those that stay behind: there are moments at which nothing is on its
// way, and what is lost is missing in all.
func (s *soak) arrived(ctx context.Context, u *unhurt, missing uint64, behind *int) (best traffic, err error) {
	limit := arriving
	if *behind >= patience {
		limit = hurried
	}
	for begin := time.Now(); ; {
		t, err := s.traffic(ctx, u)
		if err != nil {
			return t, err
		}
		if best.got == nil || t.missing() < best.missing() {
			best = t
		}
		if best.missing() <= missing {
			return best, nil
		}
		if time.Since(begin) > limit {
			*behind++
			return best, nil
		}
		if err := pause(ctx, 7*time.Millisecond); err != nil {
			return best, err
		}
	}
}
