package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

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

// Note: [What of the heap counts]
//
// Pressure is what Go's memory needs of GOMEMLIMIT: what the last collection left in use,
// stacks, and Go's own. Garbage must not count. Go collects when the heap has doubled or
// the limit is near, so the memory of a worker that needs half of its limit fills up to
// the limit between collections, and stays there. For the same reason free places between
// objects don't count: most are those of garbage that is swept.
//
// But what was in use then may be less than what is in use now, or, when cameras have just
// given way, more. So when it matters, and nothing was collected since the last look, this
// collects: when what is taken with all garbage reaches the first step, once in ten
// seconds, as it may be garbage every time; and at every look while what is in use
// reaches that step, before anybody gives way for memory that is free by now.
const (
	heapMatters = 0.85 // of the limit; package camera stops admitting there
	heapDoubt   = 10 * time.Second
)

// heapGauge measures the pressure on Go's heap. Its methods are for one goroutine.
type heapGauge struct {
	collections uint64    // when it was looked at last
	at          time.Time // and when one was asked for here
}

// pressure returns how much of GOMEMLIMIT is needed, from 0 to 1 and, as the limit is
// soft, beyond; 0 when there is no limit. What C libraries take is in neither.
func (g *heapGauge) pressure() float64 {
	limit := debug.SetMemoryLimit(-1)
	if limit <= 0 || limit == math.MaxInt64 {
		return 0
	}
	return g.of(float64(limit), time.Now(), readHeap, runtime.GC)
}

func (g *heapGauge) of(limit float64, now time.Time, read func() heap, collect func()) float64 {
	h := read()
	known := h.collections != g.collections
	matters := func(bytes float64) bool { return bytes >= heapMatters*limit }
	if !known && (matters(h.needed) || matters(h.taken) && now.Sub(g.at) >= heapDoubt) {
		g.at = now
		collect()
		h = read()
	}
	g.collections = h.collections
	return h.needed / limit
}

// heap is what is known of Go's memory.
type heap struct {
	needed, taken float64 // bytes; taken is what the limit is about
	collections   uint64  // so far
}

func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples)
	bytes := func(i int) float64 { return float64(samples[i].Value.Uint64()) }
	taken := bytes(1) - bytes(2)
	return heap{taken - bytes(3) - bytes(4) - bytes(5) + bytes(6), taken, samples[0].Value.Uint64()}
}
