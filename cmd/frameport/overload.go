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

// heapPressure returns how much of GOMEMLIMIT Go's memory takes without its garbage, from
// 0 to 1, and 0 when there is no limit. What C libraries take is in neither.
//
// Garbage must not count: Go collects when the heap has doubled or the limit is near, so
// the memory of a worker that needs half of its limit fills up to the limit between
// collections, and stays there. What is needed is known from the last collection, which is
// never long ago when it matters: as less is left for garbage they follow each other.
func heapPressure() float64 {
	limit := debug.SetMemoryLimit(-1)
	if limit <= 0 || limit == math.MaxInt64 {
		return 0
	}
	// Total without released is the sum that the limit is about (runtime/debug.SetMemoryLimit).
	// Of it the heap's objects are replaced by those that were in use, and what is free
	// within the heap is left out.
	signs := map[string]float64{
		"/memory/classes/total:bytes": 1, "/memory/classes/heap/released:bytes": -1,
		"/memory/classes/heap/objects:bytes": -1, "/memory/classes/heap/free:bytes": -1, "/gc/heap/live:bytes": 1,
	}
	samples := make([]metrics.Sample, 0, len(signs))
	for name := range signs {
		samples = append(samples, metrics.Sample{Name: name})
	}
	metrics.Read(samples)
	var used float64
	for _, s := range samples {
		used += signs[s.Name] * float64(s.Value.Uint64())
	}
	return used / float64(limit)
}
