package server

import (
	"maps"
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
type guesses map[string]guess

type guess struct {
	n     int
	since time.Time // the first one
}

// over says whether no more of them are answered.
func (g guesses) over(id string, now time.Time) bool {
	return g[id].n >= maxGuesses && now.Sub(g[id].since) < guessTime
}

// wrong counts one.
func (g guesses) wrong(id string, now time.Time) {
	maps.DeleteFunc(g, func(_ string, old guess) bool { return now.Sub(old.since) >= guessTime })
	this := g[id]
	if this.n == 0 {
		this.since = now
	}
	this.n++
	g[id] = this
}
