package gpu_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/gpu"
)

// A thousand cameras that never stop asking get the same number of places, give
// or take one, and never more are inside than there is room for.
func TestGateIsFairToAThousandCameras(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cameras, capacity, hold = 1000, 8, time.Millisecond
		g := gpu.NewGate(capacity)
		ctx, cancel := context.WithCancel(t.Context())
		var inside, most atomic.Int64
		passed := make([]int, cameras)
		var wg sync.WaitGroup
		for i := range cameras {
			wg.Go(func() {
				for {
					release, err := g.Acquire(ctx, fmt.Sprintf("camera-%d", i))
					if err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						return
					}
					n := inside.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					time.Sleep(hold)
					passed[i]++
					inside.Add(-1)
					release()
				}
			})
		}
		// Five full rounds.
		time.Sleep(5 * cameras / capacity * hold)
		cancel()
		wg.Wait()

		if most.Load() != capacity {
			t.Errorf("%d were inside at once, want %d", most.Load(), capacity)
		}
		least, mostPassed := passed[0], passed[0]
		for _, n := range passed {
			least, mostPassed = min(least, n), max(mostPassed, n)
		}
		if least < 4 || mostPassed-least > 1 {
			t.Errorf("between %d and %d places per camera", least, mostPassed)
		}
		s := g.Stats()
		if s.InUse != 0 || s.Waiting != 0 || s.Cameras != 0 {
			t.Errorf("left behind: %+v", s)
		}
		if s.WaitMax > cameras/capacity*hold {
			t.Errorf("one waited %v, longer than a round", s.WaitMax)
		}
	})
}

// A camera with many goroutines gets one place per round, like every other.
func TestGateCountsCamerasNotGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gpu.NewGate(1)
		hold, err := g.Acquire(t.Context(), "holder")
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 100)
		ask := func(camera string) {
			go func() {
				release, err := g.Acquire(t.Context(), camera)
				if err != nil {
					t.Error(err)
					return
				}
				order <- camera
				release()
			}()
			synctest.Wait()
		}
		for range 5 {
			ask("greedy")
		}
		ask("a")
		ask("b")
		if s := g.Stats(); s.Waiting != 7 || s.Cameras != 3 || s.InUse != 1 {
			t.Errorf("while all wait: %+v", s)
		}
		hold()
		synctest.Wait()
		close(order)
		var got []string
		for camera := range order {
			got = append(got, camera)
		}
		if want := "[greedy a b greedy greedy greedy greedy]"; fmt.Sprint(got) != want {
			t.Errorf("got %v, want %s", got, want)
		}
	})
}

func TestGateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gpu.NewGate(1)
		release, err := g.Acquire(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := g.Acquire(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("gave up after %v", d)
		}
		if s := g.Stats(); s.Waiting != 0 || s.Cameras != 0 || s.InUse != 1 {
			t.Errorf("left behind: %+v", s)
		}
		if _, err := g.Acquire(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an ended context: %v", err)
		}
		release()
		release()
		if s := g.Stats(); s.InUse != 0 || s.Passed != 1 {
			t.Errorf("released twice: %+v", s)
		}
	})
}

// Whoever gives up at the moment its turn comes passes the place on: none is lost.
func TestGateLosesNoPlace(t *testing.T) {
	g := gpu.NewGate(2)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				wg.Go(cancel)
				if release, err := g.Acquire(ctx, fmt.Sprint(i%7, j%3)); err == nil {
					release()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if s := g.Stats(); s.InUse != 0 || s.Waiting != 0 || s.Cameras != 0 {
		t.Errorf("left behind: %+v", s)
	}
	for range 2 {
		if _, err := g.Acquire(t.Context(), "after"); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkGate(b *testing.B) {
	g := gpu.NewGate(1 << 20)
	for b.Loop() {
		release, err := g.Acquire(b.Context(), "camera")
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

func TestGateKnowsWhoDoesNotComeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gpu.NewGate(1)
		if d := g.Longest(); d != 0 {
			t.Errorf("%v with nobody inside", d)
		}
		first, err := g.Acquire(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if d := g.Longest(); d != time.Minute {
			t.Errorf("%v, want a minute", d)
		}
		go func() {
			second, err := g.Acquire(t.Context(), "b")
			if err == nil {
				time.Sleep(time.Second)
				second()
			}
		}()
		synctest.Wait()
		first()
		first()
		synctest.Wait()
		if d := g.Longest(); d != 0 {
			t.Errorf("%v, the next one has only just gone in", d)
		}
		time.Sleep(2 * time.Second)
		if s := g.Stats(); s.InUse != 0 || g.Longest() != 0 {
			t.Errorf("%+v", s)
		}
		leave := g.Observe()
		time.Sleep(time.Minute)
		if s := g.Stats(); s.InUse != 0 || g.Longest() != time.Minute {
			t.Errorf("observed for %v, %+v", g.Longest(), s)
		}
		leave()
		leave()
		if d := g.Longest(); d != 0 {
			t.Errorf("%v after the observed one has left", d)
		}
	})
}
