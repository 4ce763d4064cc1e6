package camera

import (
	"runtime"
	"sync"
	"testing"
)

// What is dropped at the queue meanwhile makes no other counter rise and fall.
func TestCountersOfOneMoment(t *testing.T) {
	var totals totals
	totals.decode.Store(5)
	var busy sync.WaitGroup
	stop := make(chan struct{})
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				totals.overrun.Add(1)
			}
		}
	})
	for totals.overrun.Load() == 0 {
		runtime.Gosched()
	}
	for range 200_000 {
		if c := totals.counters(sourceTotals{}); c.Dropped.Decode != 5 {
			t.Errorf("%d pictures that the decoder dropped, of 5", c.Dropped.Decode)
			break
		}
	}
	close(stop)
	busy.Wait()
}
