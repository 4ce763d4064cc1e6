package server

import (
	"maps"
	"sync"
	"time"
)

// Note: [Guessing stored passwords]
//
// Passwords can be set, not read. But AddCamera with an equal spec is no error, so that
// it can be sent again, and who knows all of a spec but the password learns so whether a
// guess is right, without the camera noticing. What a camera itself would bear is borne
// here: three wrong specs in half an hour, as many as failed logins. After them the
// camera is said to exist, whatever is sent. Who may do everything is not asked.

const (
	maxGuesses = 3
	guessTime  = 30 * time.Minute
)

// guesses counts per camera with a stored password how often it was added again with
// another spec.
type guesses struct {
	mu    sync.Mutex
	of    map[string]guess
	turns map[string]*turn
}

type guess struct {
	n     int
	since time.Time // the first one
}

// turn is for those who add the same camera.
type turn struct {
	mu    sync.Mutex
	users int // who have it or wait for it, under guesses.mu
}

// alone waits until nobody else who is here adds the camera. Call leave afterwards.
func (g *guesses) alone(id string) (leave func()) {
	g.mu.Lock()
	t := g.turns[id]
	if t == nil {
		t = &turn{}
		if g.turns == nil {
			g.turns = map[string]*turn{}
		}
		g.turns[id] = t
	}
	t.users++
	g.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		g.mu.Lock()
		defer g.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(g.turns, id)
		}
	}
}

// over says whether no more of them are answered.
func (g *guesses) over(id string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.of[id].n >= maxGuesses && now.Sub(g.of[id].since) < guessTime
}

// wrong counts one.
func (g *guesses) wrong(id string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.of, func(_ string, old guess) bool { return now.Sub(old.since) >= guessTime })
	this := g.of[id]
	if this.n == 0 {
		this.since = now
	}
	this.n++
	if g.of == nil {
		g.of = map[string]guess{}
	}
	g.of[id] = this
}
