package main

import (
	"context"
	"strconv"
)

// profile records with perf where a process spends its time during the next
// measurement, if that was asked for: FILE.SCENARIO, for "perf report -i". The
// function it returns waits for the end.
func (l *lab) profile(ctx context.Context, scenario string, pid int) func() {
	if l.perf == "" {
		return func() {}
	}
	p, err := startChild(ctx, "perf", nil, nil, "perf", "record", "-q", "-F", "499", "-g", "-o", l.perf+"."+scenario,
		"-p", strconv.Itoa(pid), "--", "sleep", strconv.FormatFloat(l.window.Seconds(), 'f', 1, 64))
	if err != nil {
		l.say("    no profile: %v", err)
		return func() {}
	}
	return func() { <-p.done }
}
