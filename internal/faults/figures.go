package faults

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// figure is one line of what `make reliability` prints.
type figure struct {
	Name   string  `json:"name"`
	Runs   int     `json:"runs"`
	Median float64 `json:"median_s"`
	P95    float64 `json:"p95_s"`
	Max    float64 `json:"max_s"`
	CPUs   int     `json:"cpus"`
	Go     string  `json:"go"`
}

// newFigure summarizes durations.
func newFigure(name string, all []time.Duration) figure {
	slices.Sort(all)
	at := func(share float64) float64 {
		i := max(0, int(math.Ceil(share*float64(len(all))))-1)
		return math.Round(all[i].Seconds()*100) / 100
	}
	return figure{Name: name, Runs: len(all), Median: at(0.5), P95: at(0.95), Max: at(1), CPUs: runtime.GOMAXPROCS(0), Go: runtime.Version()}
}

func (f figure) print() { printLine(f) }

// growth is what a process holds more after something was done many times.
type growth struct {
	Name        string `json:"name"`
	Runs        int    `json:"runs"`
	Goroutines  int    `json:"goroutines"`
	Descriptors int    `json:"descriptors"`
	Decoders    int64  `json:"decoders"`
	Frames      int64  `json:"frames"`
	HeapBytes   int64  `json:"heap_bytes"`
	NativeBytes int64  `json:"native_bytes"`
}

func newGrowth(name string, runs int, before, after Usage) growth {
	g := growth{
		Name: name, Runs: runs, Goroutines: after.Goroutines - before.Goroutines,
		HeapBytes: int64(after.Heap) - int64(before.Heap), NativeBytes: int64(after.Native) - int64(before.Native),
	}
	for _, n := range after.Descriptors {
		g.Descriptors += n
	}
	for _, n := range before.Descriptors {
		g.Descriptors -= n
	}
	return g
}

func printLine(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		line = []byte(err.Error())
	}
	fmt.Println(string(line))
}
