package gpu

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Gate bounds how many goroutines are inside the driver at a time, so that a
// thousand cameras need tens of threads, and is fair between cameras: a free
// place goes to the waiting cameras in turn, each getting one place per round
// however many of its goroutines wait. Safe for concurrent use.
type Gate struct {
	capacity int

	mu    sync.Mutex
	inUse int
	// Who is inside: when each went in, by a number of its own.
	inside map[uint64]time.Time
	number uint64
	// Who waits: the cameras in turn, the next one first, and the same by name.
	// Nobody waits while a place is free.
	turns *list.List // of *line
	lines map[string]*list.Element
	stats GateStats
}

// GateStats are a gate's counters since its start.
type GateStats struct {
	Capacity int
	InUse    int
	Waiting  int           // goroutines
	Cameras  int           // that wait
	Passed   uint64        // all that got through
	Waited   uint64        // those of them that had to wait
	WaitSum  time.Duration // how long, together
	WaitMax  time.Duration // the longest
}

// line is one camera's waiting goroutines, first come first served.
type line struct {
	camera  string
	waiters []chan struct{} // each is closed when its turn comes
}

// NewGate returns a gate with room for capacity goroutines, at least one.
func NewGate(capacity int) *Gate {
	return &Gate{
		capacity: max(1, capacity), turns: list.New(), lines: make(map[string]*list.Element),
		inside: make(map[uint64]time.Time),
	}
}

// Acquire waits for a place. release gives it back, and does nothing the second
// time. The error is that of ctx.
func (g *Gate) Acquire(ctx context.Context, camera string) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("gpu: wait for the device: %w", err)
	}
	g.mu.Lock()
	if g.inUse < g.capacity {
		g.inUse++
		g.stats.Passed++
		release = g.enterLocked()
		g.mu.Unlock()
		return release, nil
	}
	turn := g.enqueue(camera)
	g.mu.Unlock()

	start := time.Now()
	select {
	case <-turn:
		return g.passed(time.Since(start)), nil
	case <-ctx.Done():
		if !g.abandon(camera, turn) {
			g.release() // the place came at the same moment
		}
		return nil, fmt.Errorf("gpu: wait for the device: %w", context.Cause(ctx))
	}
}

func (g *Gate) enqueue(camera string) chan struct{} {
	e := g.lines[camera]
	if e == nil {
		e = g.turns.PushBack(&line{camera: camera})
		g.lines[camera] = e
	}
	turn := make(chan struct{})
	l := e.Value.(*line)
	l.waiters = append(l.waiters, turn)
	g.stats.Waiting++
	return turn
}

// abandon takes a waiter out of its line, unless it has been called already.
func (g *Gate) abandon(camera string, turn chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.lines[camera]
	if e == nil {
		return false
	}
	l := e.Value.(*line)
	i := slices.Index(l.waiters, turn)
	if i < 0 {
		return false
	}
	l.waiters = slices.Delete(l.waiters, i, i+1)
	g.stats.Waiting--
	g.settle(e)
	return true
}

// enterLocked notes that a goroutine goes in, and returns how it comes out.
func (g *Gate) enterLocked() (leave func()) {
	g.number++
	n := g.number
	g.inside[n] = time.Now()
	return func() { g.leave(n) }
}

func (g *Gate) leave(n uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, in := g.inside[n]; in {
		delete(g.inside, n)
		g.releaseLocked()
	}
}

func (g *Gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.releaseLocked()
}

// releaseLocked hands a place to the next camera in turn, or frees it.
func (g *Gate) releaseLocked() {
	e := g.turns.Front()
	if e == nil {
		g.inUse--
		return
	}
	l := e.Value.(*line)
	turn := l.waiters[0]
	l.waiters = slices.Delete(l.waiters, 0, 1)
	g.stats.Waiting--
	g.turns.MoveToBack(e)
	g.settle(e)
	close(turn)
}

// settle removes a line that nobody waits in.
func (g *Gate) settle(e *list.Element) {
	if l := e.Value.(*line); len(l.waiters) == 0 {
		g.turns.Remove(e)
		delete(g.lines, l.camera)
	}
}

func (g *Gate) passed(wait time.Duration) (leave func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stats.Passed++
	g.stats.Waited++
	g.stats.WaitSum += wait
	g.stats.WaitMax = max(g.stats.WaitMax, wait)
	return g.enterLocked()
}

// Observe counts a goroutine as inside that takes no place, because something else
// bounds how many of its kind there are. It is for Longest.
func (g *Gate) Observe() (leave func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.number++
	n := g.number
	g.inside[n] = time.Now()
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.inside, n)
	}
}

// Longest is how long the one who is inside longest has been there; 0 = nobody is.
func (g *Gate) Longest() (d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, since := range g.inside {
		d = max(d, time.Since(since))
	}
	return d
}

// Stats returns the counters.
func (g *Gate) Stats() GateStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Capacity, s.InUse, s.Cameras = g.capacity, g.inUse, g.turns.Len()
	return s
}
