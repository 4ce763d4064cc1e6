package faults

import "github.com/frameport/frameport/internal/figures"

// holding is what the process and a worker in it hold.
type holding struct {
	Usage
	decoders, frames int64
}

func (w *Worker) holding() (holding, error) {
	u, err := Measure()
	return holding{u, w.decoders.Load(), w.Account.Frames()}, err
}

// Memory is given back late and in pieces, see heapSlack: this much may remain, and so
// much for each time that something was done. A handle that is lost each time is more.
const (
	nativeBase, nativeEach = 32 << 20, 32 << 10
	heapBase, heapEach     = 8 << 20, 8 << 10
)

// more are the figures of what is held now and was not held before something was done
// so many times.
func (h holding) more(what string, times int, now holding) []figures.Figure {
	descriptors := 0
	for kind, n := range now.Descriptors {
		descriptors += n - h.Descriptors[kind]
	}
	for kind, n := range h.Descriptors {
		if _, still := now.Descriptors[kind]; !still {
			descriptors -= n
		}
	}
	native, heap := float64(now.Native)-float64(h.Native), float64(now.Heap)-float64(h.Heap)
	return []figures.Figure{
		figures.Value(what+", goroutines more", float64(now.Goroutines-h.Goroutines), "goroutines").AtMost(0),
		figures.Value(what+", descriptors more", float64(descriptors), "descriptors").AtMost(0),
		figures.Value(what+", decoders more", float64(now.decoders-h.decoders), "decoders").AtMost(0),
		figures.Value(what+", frames more", float64(now.frames-h.frames), "frames").AtMost(0),
		figures.Value(what+", memory of C more", native/1e6, "MB").AtMost(float64(nativeBase+times*nativeEach) / 1e6),
		figures.Value(what+", heap of Go more", heap/1e6, "MB").AtMost(float64(heapBase+times*heapEach) / 1e6),
	}
}
