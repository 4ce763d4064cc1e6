package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/frameport/frameport/config"
)

// rationingProcessors is how many cameras may be late before others give way; 0 = none
// ever does. Go knows of a container's share of the processors.
func rationingProcessors(l config.Limits) int {
	if l.NoRationing {
		return 0
	}
	return runtime.GOMAXPROCS(0)
}

// heapPressure returns how much of GOMEMLIMIT Go's memory takes, from 0 to 1, and 0
// when there is no limit. What C libraries take is in neither.
func heapPressure() float64 {
	limit := debug.SetMemoryLimit(-1)
	if limit <= 0 || limit == math.MaxInt64 {
		return 0
	}
	// The sum that the limit is about (runtime/debug.SetMemoryLimit).
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64()-samples[1].Value.Uint64()) / float64(limit)
}
