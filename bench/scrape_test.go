package main

import (
	"maps"
	"testing"
)

func TestTotals(t *testing.T) {
	got := totals{}
	for _, line := range []string{
		`# HELP a text 1`,
		`a{camera="x 1",reason="queue"} 5`,
		`a{camera="y",reason="queue"} 2`,
		`a{camera="y",reason="network"} 1e+02`,
		`go_goroutines 12`,
		`broken`,
	} {
		got.add(line)
	}
	want := totals{"a": 107, "a/queue": 7, "a/network": 100, "go_goroutines": 12}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
