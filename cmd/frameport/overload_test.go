package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/frameport/frameport/config"
)

func TestRationingProcessors(t *testing.T) {
	if n := rationingProcessors(config.Limits{}); n != runtime.GOMAXPROCS(0) {
		t.Errorf("%d by default", n)
	}
	if n := rationingProcessors(config.Limits{NoRationing: true}); n != 0 {
		t.Errorf("%d when off", n)
	}
}

func TestHeapPressure(t *testing.T) {
	old := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(old)
	if p := new(heapGauge).pressure(); p != 0 {
		t.Errorf("%v without a limit", p)
	}
	debug.SetMemoryLimit(1 << 20)
	if p := new(heapGauge).pressure(); p < 1 {
		t.Errorf("%v of a megabyte", p)
	}
	debug.SetMemoryLimit(1 << 50)
	if p := new(heapGauge).pressure(); p <= 0 || p > 0.01 {
		t.Errorf("%v of a petabyte", p)
	}
}

// The gauge collects when garbage may hide that the heap is full, or that it is not any
// more, and not for nothing.
func TestHeapGaugeInDoubt(t *testing.T) {
	begin := time.Now()
	for name, tc := range map[string]struct {
		g         heapGauge
		h         heap
		after     float64 // what a collection leaves
		want      float64
		collected bool
	}{
		"little is taken":            {heapGauge{7, time.Time{}}, heap{60, 84, 7}, 60, 0.60, false},
		"growth behind garbage":      {heapGauge{7, time.Time{}}, heap{60, 86, 7}, 86, 0.86, true},
		"garbage":                    {heapGauge{7, time.Time{}}, heap{60, 95, 7}, 61, 0.61, true},
		"garbage, just looked":       {heapGauge{7, begin.Add(-heapDoubt + 1)}, heap{60, 95, 7}, 61, 0.60, false},
		"garbage, looked before":     {heapGauge{7, begin.Add(-heapDoubt)}, heap{60, 95, 7}, 61, 0.61, true},
		"collected since":            {heapGauge{7, time.Time{}}, heap{60, 95, 8}, 61, 0.60, false},
		"full, collected since":      {heapGauge{7, time.Time{}}, heap{90, 95, 8}, 61, 0.90, false},
		"full before, and now?":      {heapGauge{7, time.Time{}}, heap{93, 95, 7}, 50, 0.50, true},
		"full before, looked, again": {heapGauge{7, begin}, heap{93, 95, 7}, 93, 0.93, true},
	} {
		h, collected := tc.h, false
		got := tc.g.of(100, begin, func() heap { return h }, func() {
			collected = true
			h.needed, h.collections = tc.after, h.collections+1
		})
		if got != tc.want || collected != tc.collected || tc.g.collections != h.collections {
			t.Errorf("%s: pressure %v, want %v; collected: %v; of %d collections %d are known", name, got, tc.want, collected, h.collections, tc.g.collections)
		}
		if collected && !tc.g.at.Equal(begin) {
			t.Errorf("%s: the next doubt is counted from %v", name, tc.g.at)
		}
	}
}
