package main

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func TestSlope(t *testing.T) {
	if got := slope([]point{{0, 5}, {1, 7}, {2, 9}}); math.Abs(got-2) > 1e-9 {
		t.Errorf("%v", got)
	}
	if got := slope([]point{{1, 5}}); got != 0 {
		t.Errorf("of one point: %v", got)
	}
}

// What a client has an answer for must hold after a crash, and nothing else may change.
func TestChangesWrong(t *testing.T) {
	spec := func(url string) *frameportv1.CameraSpec { return &frameportv1.CameraSpec{Url: url} }
	type specs = map[string]*frameportv1.CameraSpec
	made := changes{there: map[string]bool{"new": true, "gone": false}, open: "open"}
	before := specs{"old": spec("a")}
	for _, tc := range []struct {
		name  string
		after specs
		want  int
	}{
		{"all well", specs{"old": spec("a"), "new": spec("n")}, 0},
		{"no answer, and there", specs{"old": spec("a"), "new": spec("n"), "open": spec("o")}, 0},
		{"lost", specs{"new": spec("n")}, 1},
		{"altered", specs{"old": spec("b"), "new": spec("n")}, 1},
		{"an answer that does not hold", specs{"old": spec("a")}, 1},
		{"back again", specs{"old": spec("a"), "new": spec("n"), "gone": spec("g")}, 1},
		{"out of nowhere", specs{"old": spec("a"), "new": spec("n"), "ghost": spec("g")}, 1},
	} {
		if got := made.wrong(before, tc.after); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestLineReader(t *testing.T) {
	lines := 0
	var rest bytes.Buffer
	_, err := io.Copy(&rest, &lineReader{from: strings.NewReader("a\nb\nc"), line: func() { lines++ }})
	if err != nil || lines != 2 {
		t.Errorf("%d lines, %v", lines, err)
	}
}

// A strict run fails for each target that is missed, also one of 0 and a value that is
// none, and for nothing else.
func TestMissed(t *testing.T) {
	good := []row{{Name: "no target", Value: 9}, {Name: "within", Value: 2, Limit: 2}, {Name: "nothing lost", Exact: true}}
	if err := (&results{rows: good}).missed(); err != nil {
		t.Error(err)
	}
	bad := []row{{Name: "too slow", Value: 3, Limit: 2}, {Name: "one lost", Value: 1, Exact: true}, {Name: "none measured", Value: math.NaN(), Limit: 2}}
	err := (&results{rows: append(good, bad...)}).missed()
	if err == nil {
		t.Fatal("nothing missed")
	}
	for _, r := range good {
		if strings.Contains(err.Error(), r.Name) {
			t.Errorf("%q is listed: %v", r.Name, err)
		}
	}
	for _, r := range bad {
		if !strings.Contains(err.Error(), r.Name) {
			t.Errorf("%q is not listed: %v", r.Name, err)
		}
	}
}
