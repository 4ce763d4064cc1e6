package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// findings are the invariants that a run broke, see package invariant, and how often each
// was there to be judged. Its methods may be called from any goroutine.
type findings struct {
	mu   sync.Mutex
	list map[string][]string // the first of each kind
	n    map[string]int      // all of it
	seen map[string]int
}

// keptFindings is how many of a kind are kept.
const keptFindings = 5

// add notes what was broken, and by whom. What comes before a colon is the kind.
func (f *findings) add(who string, broken ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == nil {
		f.n, f.list = map[string]int{}, map[string][]string{}
	}
	for _, text := range broken {
		kind, _, _ := strings.Cut(text, ":")
		f.n[kind]++
		if len(f.list[kind]) < keptFindings {
			f.list[kind] = append(f.list[kind], who+": "+text)
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

// all returns what is kept, for people.
func (f *findings) all() (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(f.list)) {
		list = append(list, f.list[kind]...)
	}
	return list
}

// result returns how often invariants were broken and what to say about it. A check that
// saw nothing has proven nothing and counts as broken.
func (f *findings) result() (broken int, detail string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var seen, wrong []string
	for _, kind := range slices.Sorted(maps.Keys(f.n)) {
		broken += f.n[kind]
		wrong = append(wrong, fmt.Sprintf("%d like %s", f.n[kind], f.list[kind][0]))
	}
	for _, what := range sightings() {
		if f.seen[what] == 0 {
			broken++
			wrong = append(wrong, "not checked, for there were none: "+what)
		}
		seen = append(seen, fmt.Sprintf("%d %s", f.seen[what], what))
	}
	detail = "judged: " + strings.Join(seen, ", ")
	if len(wrong) > 0 {
		detail += "; broken: " + strings.Join(wrong, ", ")
	}
	return broken, detail
}
