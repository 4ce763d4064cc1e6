package camera

import (
	"sync"
	"time"
)

// starveAfter is how long pictures may arrive of which none can be used, before
// that is said. It is longer than the key-frame interval of most cameras.
const starveAfter = 10 * time.Second

// starvation looks at a running attempt now and then. Pictures that are incomplete,
// or that come after a loss and before a key frame, never reach the intake: without
// a look from outside such a camera would seem to run for ever. The attempt goes on
// (the next key frame may be near), but the camera is DEGRADED.
type starvation struct {
	camera *camera
	source Source

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	units   uint64
	dropped uint64
	unfit   uint64
}

// watchStarvation begins the looks; stop ends them, and none is going on when it
// returns.
func (c *camera) watchStarvation(source Source) (stop func()) {
	s := &starvation{camera: c, source: source}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.units, s.dropped, s.unfit = s.counts()
	s.timer = time.AfterFunc(starveAfter, s.look)
	return s.stop
}

func (s *starvation) counts() (units, dropped, unfit uint64) {
	depay := s.source.Stats().Depay
	return s.camera.totals.units.Load(), depay.DroppedUnits, depay.NoMemory
}

func (s *starvation) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	units, dropped, unfit := s.counts()
	switch {
	case units != s.units || dropped == s.dropped:
	case unfit != s.unfit:
		s.camera.health.starving(errAssembly)
	default:
		s.camera.health.starving(errStarving)
	}
	s.units, s.dropped, s.unfit = units, dropped, unfit
	s.timer.Reset(starveAfter)
}

func (s *starvation) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.timer.Stop()
}
