package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// findings are the invariants that a run broke, see package invariant, and how often each
// was there to be judged. Its methods may be called from any goroutine.
type findings struct {
	mu     sync.Mutex
	broken int
	list   []string // the first of them
	seen   map[string]int
}

const keptFindings = 1000

// add notes what was broken, and by whom.
func (f *findings) add(who string, broken ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range broken {
		f.broken++
		if len(f.list) < keptFindings {
			f.list = append(f.list, who+": "+text)
		}
	}
}

// saw counts what was there to be judged.
func (f *findings) saw(what string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[string]int{}
	}
	f.seen[what] += n
}

// What must have been there for the checks to mean something.
const (
	sawFrames   = "frames of hurt cameras"
	sawCodes    = "bar codes in them"
	sawEpochs   = "epochs of these"
	sawRemovals = "streams whose camera was removed"
	sawNewest   = "frames compared with the newest"
	sawStates   = "changes of state or fault"
	sawStatuses = "statuses"
	sawDials    = "connections to hurt cameras"
	sawWaits    = "announced waits"
	sawLogins   = "failed logins"
	sawUnhurt   = "cameras that nobody hurt"
	sawLog      = "bytes of the worker's log"
	sawAnswers  = "answers searched for passwords"
)

func sightings() []string {
	return []string{
		sawFrames, sawCodes, sawEpochs, sawRemovals, sawNewest, sawStates, sawStatuses, sawDials, sawWaits, sawLogins, sawUnhurt, sawLog, sawAnswers,
	}
}

// first returns the first so many findings, for people.
func (f *findings) first(n int) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list[:min(n, len(f.list))])
}

// result returns how often invariants were broken and what to say about it. A check that
// saw nothing has proven nothing and counts as broken.
func (f *findings) result() (broken int, detail string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	broken = f.broken
	list := slices.Sorted(slices.Values(f.list))
	var seen []string
	for _, what := range sightings() {
		if f.seen[what] == 0 {
			broken++
			list = append(list, "not checked, for there were none: "+what)
		}
		seen = append(seen, fmt.Sprintf("%d %s", f.seen[what], what))
	}
	detail = "judged: " + strings.Join(seen, ", ")
	if len(list) > 0 {
		detail += "; the first: " + list[0]
	}
	return broken, detail
}
