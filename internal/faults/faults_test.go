//go:build cgo

package faults

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/internal/failpoint"
)

// What `make faults` sets.
const (
	envRows = "FRAMEPORT_FAULTS_ROWS" // "all" or numbers, separated by commas; empty = a few
	envSeed = "FRAMEPORT_FAULTS_SEED"
)

// smoke are the rows of an ordinary test run: quick ones of every kind.
func smoke() []int { return []int{1, 10, 16, 27, 34, 35, 54, 61} }

// chosen returns the rows to try and the seed.
func chosen(t *testing.T) (rows []int, seed uint64) {
	t.Helper()
	seed = 1
	if text := os.Getenv(envSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
	}
	switch text := os.Getenv(envRows); text {
	case "":
		return smoke(), seed
	case "all":
		for _, r := range Catalogue() {
			rows = append(rows, r.Number)
		}
		return rows, seed
	default:
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1 || n > len(Catalogue()) {
				t.Fatalf("%s: %q is no row of 1 to %d", envRows, part, len(Catalogue()))
			}
			rows = append(rows, n)
		}
		return rows, seed
	}
}

// Every row of the catalogue has exactly one of: a scenario, a gap, another place.
func TestCatalogue(t *testing.T) {
	scenes := scenarios()
	for i, r := range Catalogue() {
		if r.Number != i+1 || r.Symptom == "" || r.Wanted == "" {
			t.Errorf("row %d: %+v", i+1, r)
		}
		n := 0
		for _, has := range []bool{scenes[r.Number] != nil || r.Inside && !failpoint.Enabled, r.Gap != "", r.Elsewhere != ""} {
			if has {
				n++
			}
		}
		if n != 1 {
			t.Errorf("row %d has %d of scenario, gap and other place", r.Number, n)
		}
	}
	if len(Catalogue()) != firstOwn-1+6 || tried() != 72 {
		t.Errorf("%d rows, %d of them tried", len(Catalogue()), tried())
	}
}

// outcome is what became of a row.
type outcome struct {
	failed bool
	took   time.Duration
}

// TestFaults plays rows of the catalogue beside each other, on one worker with a fleet
// that nobody hurts.
func TestFaults(t *testing.T) {
	rows, seed := chosen(t)
	before, err := Measure()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	fleet := NewFleet(t, w, 5)
	defer func() { _ = fleet.Close() }()

	var mu sync.Mutex
	outcomes := map[int]outcome{}
	scenes := scenarios()
	t.Run("row", func(t *testing.T) {
		for _, n := range rows {
			if scenes[n] == nil {
				continue
			}
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				if !slices.Contains(alone(), n) {
					t.Parallel()
				}
				started := time.Now()
				t.Cleanup(func() { // after the scene's own
					mu.Lock()
					defer mu.Unlock()
					outcomes[n] = outcome{t.Failed(), time.Since(started)}
				})
				scenes[n](NewScene(t, w, n, seed))
			})
		}
	})
	if err := fleet.Judge(); err != nil {
		t.Errorf("cameras that nobody hurt: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := fleet.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Secrets(); err != nil {
		t.Error(err)
	}
	if err := before.Left(patience); err != nil {
		t.Error(err)
	}
	if os.Getenv(envRows) != "" {
		report(rows, outcomes, seed)
	}
}

// report prints what `make faults` is for.
func report(rows []int, outcomes map[int]outcome, seed uint64) {
	var survived, known [2]int // of the field, and of our own making
	for _, r := range Catalogue() {
		if !slices.Contains(rows, r.Number) || r.Elsewhere != "" {
			continue
		}
		of := 0
		if r.Number >= firstOwn {
			of = 1
		}
		known[of]++
		switch o, played := outcomes[r.Number]; {
		case r.Gap != "":
			fmt.Printf("not survived: row %d, %s: %s\n", r.Number, r.Symptom, r.Gap)
		case r.Inside && !failpoint.Enabled:
			fmt.Printf("not tried: row %d, %s: this build has no failpoints, see make faults\n", r.Number, r.Symptom)
		case !played || o.failed:
			fmt.Printf("FAILED: row %d, %s; wanted: %s. Repeat it: make faults ROW=%d SEED=%d\n", r.Number, r.Symptom, r.Wanted, r.Number, seed)
		default:
			survived[of]++
		}
	}
	if known[0] > 0 {
		fmt.Printf("survived %d/%d (seed %d)\n", survived[0], known[0], seed)
	}
	if known[1] > 0 {
		fmt.Printf("survived %d/%d of our own making, rows %d on (seed %d)\n", survived[1], known[1], firstOwn, seed)
	}
}
