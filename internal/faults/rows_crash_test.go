//go:build cgo && failpoint

package faults

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/failpoint"
)

// alone69 is how many cameras share a decoder process in row 69.
const alone69 = 4

// Decoders in processes, four cameras each. One is killed by SIGSEGV from outside, one
// dies of a stream; cameras of other processes notice nothing. The stream that goes on
// killing is quarantined, and hurts nobody after its first victim.
func row69(s *Scene) {
	s = s.within(Options{Isolation: alone69}, fleetSize)
	v := s.Victim(small, camsim.Camera{FPS: 25})
	before := v.Runs()

	// Of the fleet, those who never shared a process with what was killed.
	hurt := map[string]bool{}
	kill := func(how func(p camsimProcess)) {
		p := s.process(v.ID)
		for _, id := range p.cameras {
			hurt[id] = true
		}
		began := time.Now()
		from := v.Clean()
		how(p)
		s.Wait("another decoder process", func() bool { return s.process(v.ID).pid != p.pid && s.process(v.ID).pid != 0 })
		v.Until("frames again", func(camera.Snapshot) bool { return v.Clean() > from })
		s.Logf("row 69: process %d with %d cameras died; the next frame after %v", p.pid, len(p.cameras), time.Since(began).Round(time.Millisecond))
		v.Runs()
		v.unmoved(before)
	}
	kill(func(p camsimProcess) {
		if err := syscall.Kill(p.pid, syscall.SIGSEGV); err != nil {
			s.Fatal(err)
		}
	})
	kill(func(camsimProcess) { s.hit(s.arm(failpoint.DecodeCrash, v.ID, 1), 1) })

	poison := s.Victim(small, camsim.Camera{FPS: 10})
	poison.Runs()
	for _, id := range s.process(poison.ID).cameras {
		hurt[id] = true
	}
	crash := s.arm(failpoint.DecodeCrash, poison.ID, 0)
	end := poison.Until("quarantine", func(c camera.Snapshot) bool {
		return c.Fault.Class == fault.Unsupported && c.State == camera.StateFailed
	})
	if n := crash.Hits(); n != 3 {
		s.Errorf("a stream was quarantined after it killed %d processes: %s", n, end.Fault.Message)
	}
	if now, _ := s.Worker.backend.Isolation(); now.Quarantined != 1 || now.Restarts < 5 {
		s.Errorf("%d streams are quarantined, %d processes died", now.Quarantined, now.Restarts)
	}
	crash.Disarm()
	if err := s.Worker.Manager.Remove(context.Background(), poison.ID); err != nil { // as its operator does
		s.Fatal(err)
	}
	poison.gone = true
	again, err := s.Worker.Add(context.Background(), poison.ID, config.Camera{URL: poison.Sim.URL(), Transport: config.TransportTCP}, s.Clip(small).Camera)
	if err != nil {
		s.Fatal(err)
	}
	s.Wait("frames of the camera that was quarantined", func() bool { return again.Clean() > 3 })

	v.Shows(10)
	v.unmoved(before)
	if len(hurt) > 3*alone69 {
		s.Errorf("%d cameras were hurt: %v", len(hurt), hurt)
	}
	for _, n := range s.fleet.cameras {
		if !hurt[n.ID] {
			s.intact(n)
			continue
		}
		from := n.Clean()
		s.Wait(n.ID+" to go on", func() bool { return n.Clean() > from+3 })
		if now, err := s.Worker.Manager.Get(n.ID); err != nil || now.Epoch != 1 || now.Counters.Reconnects != 0 {
			s.Errorf("%s, which was interrupted, lost its connection: %+v, %v", n.ID, now, err)
		}
	}
}

// camsimProcess is a decoder process and who is in it.
type camsimProcess struct {
	pid     int
	cameras []string
}

// process returns the one in which a camera is decoded; none = it has no pid.
func (s *Scene) process(id string) camsimProcess {
	status, _ := s.Worker.backend.Isolation()
	for _, p := range status.Processes {
		if slices.Contains(p.Cameras, id) {
			return camsimProcess{p.PID, p.Cameras}
		}
	}
	return camsimProcess{}
}

// intact checks that a neighbour lost nothing.
func (s *Scene) intact(n *Neighbour) {
	s.Helper()
	var lost error
	wait(func() bool {
		now, err := s.Worker.Manager.Get(n.ID)
		if err == nil {
			err = n.Intact(now)
		}
		lost = err
		return !errors.Is(err, errBehind)
	})
	if lost != nil {
		s.Error(lost)
	}
}
