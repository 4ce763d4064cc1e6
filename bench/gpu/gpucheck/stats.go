package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// times are how long something took, over and over.
type times struct {
	N      int     `json:"n"`
	Median float64 `json:"median_ms"`
	P95    float64 `json:"p95_ms"`
	Max    float64 `json:"max_ms"`
}

func timesOf(list []time.Duration) times {
	if len(list) == 0 {
		return times{}
	}
	sorted := slices.Sorted(slices.Values(list))
	at := func(share float64) float64 { return milliseconds(sorted[int(share*float64(len(sorted)-1)+0.5)]) }
	return times{N: len(sorted), Median: at(0.5), P95: at(0.95), Max: at(1)}
}

func (t times) String() string {
	return fmt.Sprintf("%8.3f ms median %8.3f ms p95 %8.3f ms max (%d)", t.Median, t.P95, t.Max, t.N)
}

// processor is the processor time that this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
