package camera

import (
	"sync"
	"testing"
)

// What is dropped at the queue meanwhile makes no other counter rise and fall.
func TestCountersOfOneMoment(t *testing.T) {
	var totals totals
	totals.decode.Store(5)
	var busy sync.WaitGroup
	busy.Go(func() {
		for range 100_000 {
			totals.overrun.Add(1)
		}
	})
	for totals.overrun.Load() < 100_000 {
		if c := totals.counters(sourceTotals{}); c.Dropped.Decode != 5 {
			t.Fatalf("%d pictures that the decoder dropped, of 5", c.Dropped.Decode)
		}
	}
	busy.Wait()
}
