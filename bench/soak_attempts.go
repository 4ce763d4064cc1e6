package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

const (
	// lookAtCameras is how often what cameras count is looked at.
	lookAtCameras = 50 * time.Millisecond
	loginWindow   = 30 * time.Minute
	mostLogins    = 3
	// leastWait is half of the shortest wait of the rules, for all faults but refused
	// logins, for which the time since the first of them counts.
	leastWait = 250 * time.Millisecond
)

// wait is a pause before the next attempt as the worker announced it.
type wait struct {
	failed, due time.Time
	class       frameportv1.FaultClass
}

// moment is when something happened: after one look and before the next.
type moment struct{ after, before time.Time }

// counted is when a camera saw what.
type counted struct {
	id     string // of the worker's camera; empty = there are several
	host   string
	handle *camsim.Handle

	dials, logins         []moment
	seenDials, seenLogins uint64
}

// countAttempts looks at what cameras count until ctx is done.
func countAttempts(ctx context.Context, cameras []*counted) {
	for _, c := range cameras {
		now := c.handle.Stats()
		c.seenDials, c.seenLogins = now.Dials, now.FailedLogins
	}
	for last := time.Now(); pause(ctx, lookAtCameras) == nil; {
		begin := time.Now()
		for _, c := range cameras {
			now := c.handle.Stats()
			m := moment{last, time.Now()}
			for ; c.seenDials < now.Dials; c.seenDials++ {
				c.dials = append(c.dials, m)
			}
			for ; c.seenLogins < now.FailedLogins; c.seenLogins++ {
				c.logins = append(c.logins, m)
			}
		}
		last = begin
	}
}

// tooSoon judges I7: what the worker announced after a failure is a wait, and no connection
// is made before it is over. Both ends are the worker's words, the connections are what the
// camera saw.
func tooSoon(waits []wait, dials []moment) (broken []string) {
	for _, w := range waits {
		if w.class != frameportv1.FaultClass_FAULT_CLASS_AUTH && w.due.Sub(w.failed) < leastWait {
			broken = append(broken, fmt.Sprintf("I7: after %v the next attempt is due %v later", w.class, w.due.Sub(w.failed)))
		}
		for _, d := range dials {
			if !d.after.Before(w.failed) && d.before.Before(w.due) {
				broken = append(broken, fmt.Sprintf("I7: %v before it was due, after %v", w.due.Sub(d.before), w.class))
			}
		}
	}
	return broken
}

// tooManyLogins judges I8: what hosts saw of wrong logins, all cameras of a host together.
func tooManyLogins(cameras []*counted) map[string][]string {
	logins := map[string][]moment{}
	for _, c := range cameras {
		logins[c.host] = append(logins[c.host], c.logins...)
	}
	broken := map[string][]string{}
	for host, list := range logins {
		slices.SortFunc(list, func(a, b moment) int { return a.before.Compare(b.before) })
		for i := mostLogins; i < len(list); i++ {
			if took := list[i].before.Sub(list[i-mostLogins].after); took < loginWindow {
				broken[host] = append(broken[host], fmt.Sprintf("I8: %d failed logins within %v", mostLogins+1, took))
			}
		}
	}
	return broken
}

// judgeAttempts compares what cameras saw with what was announced.
func (s *soak) judgeAttempts() {
	for _, c := range s.counted {
		s.found.saw(sawLogins, len(c.logins))
		if c.id == "" {
			continue
		}
		waits := s.told.announced(c.id)
		s.found.saw(sawWaits, len(waits))
		s.found.saw(sawDials, len(c.dials))
		s.found.add(c.id, tooSoon(waits, c.dials)...)
	}
	for host, broken := range tooManyLogins(s.counted) {
		s.found.add(host, broken...)
	}
}
