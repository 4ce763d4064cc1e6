//go:build cgo

package faults

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/figures"
	"github.com/frameport/frameport/rtsp"
)

// compare writes down what is held more than before, once it has had time to go.
func compare(t *testing.T, j *figures.Journal, w *Worker, what string, times int, before holding) {
	t.Helper()
	if err := before.Left(patience); err != nil {
		t.Error(err)
	}
	var now holding
	var err error
	wait(func() bool { // cameras that run have a picture more or less
		now, err = w.holding()
		return err != nil || now.frames <= before.frames
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, j, before.more(what, times, now)...)
}

// TestMore counts what is held more.
func TestMore(t *testing.T) {
	before := holding{Usage{Goroutines: 5, Descriptors: map[string]int{"socket": 2, "pipe": 1}, Heap: 10e6, Native: 50e6}, 1, 2}
	now := holding{Usage{Goroutines: 6, Descriptors: map[string]int{"socket": 3, "file": 1}, Heap: 9e6, Native: 150e6}, 1, 0}
	want := []float64{1, 1, 0, -2, 100, -1}
	for i, f := range before.more("x", 1000, now) {
		if f.Value != want[i] || *f.Pass != (i != 0 && i != 1 && i != 4) {
			t.Errorf("%+v, want %v", f, want[i])
		}
	}
}

// TestGrowth adds and removes cameras, and changes the size of others' pictures, ten
// times as often as runs were asked for, and counts what is left.
func TestGrowth(t *testing.T) {
	n, j := 10*measured(t), figures.Open()
	for _, tc := range []struct {
		name  string
		begin func(s *Scene) (cycles func(n int))
	}{
		{"cameras added and removed", func(s *Scene) func(int) { return newChurn(s).cycles }},
		{"changes of the picture size", sizes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := startWith(t, Options{})
			cycles := tc.begin(NewScene(t, w, 3, 1))
			cycles(64) // what is kept for good is there after these
			before, err := w.holding()
			if err != nil {
				t.Fatal(err)
			}
			cycles(n)
			compare(t, j, w, fmt.Sprintf("%d %s", n, tc.name), n, before)
		})
	}
}

// sizes changes the sizes of eight cameras.
func sizes(s *Scene) func(int) {
	a, b := s.Clip("h264_change_a"), s.Clip("h264_change_b")
	var victims []*Victim
	for range 8 {
		v := s.Add(s.Sim(nil, "h264_change_a", camsim.Camera{FPS: 10}), nil, "h264_change_a", "h264_change_b")
		v.Runs()
		victims = append(victims, v)
	}
	return func(n int) {
		var wg sync.WaitGroup
		for _, v := range victims {
			wg.Go(func() {
				for i := range n / len(victims) {
					clip := a
					if i%2 == 0 {
						clip = b
					}
					v.Sim.Set(func(bh *camsim.Behaviour) { bh.Clip = clip })
					if !wait(func() bool { return v.Now().Width == clip.Width }) {
						s.Errorf("%s does not change its size", v.ID)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// reconnected is how many cameras lose their connections at the same time.
const reconnected = 20

// TestReconnects ends connections in five ways, each as often as runs were asked for,
// with short timeouts. Then the cameras are removed, and nothing may be left. A camera
// must have one session whenever its frames have come back.
func TestReconnects(t *testing.T) {
	n, j := measured(t), figures.Open()
	drop := func(mode camsim.DropMode) func(*Victim) { return func(v *Victim) { v.Sim.Drop(mode) } }
	for _, tc := range []struct {
		name string
		end  func(*Victim)
	}{
		{"ended with FIN", drop(camsim.DropFIN)},
		{"ended with RST", drop(camsim.DropRST)},
		{"left half-open", drop(camsim.DropSilent)},
		{"ended within a picture", drop(camsim.DropWithinPacket)},
		{"ended, and the next within its SDP", endWithinSDP},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := startWith(t, Options{Timeouts: rtsp.Timeouts{
				Bytes: 500 * time.Millisecond, Units: time.Second, Teardown: 200 * time.Millisecond,
			}})
			var stale atomic.Int64
			var took figures.Seconds
			round := func(name string, times int) {
				t.Run(name, func(t *testing.T) { took = reconnects(NewScene(t, w, 4, 1), times, tc.end, &stale) })
			}
			round("before", 1) // what is kept for good is there after these
			before, err := w.holding()
			if err != nil {
				t.Fatal(err)
			}
			round("counted", (n+reconnected-1)/reconnected)
			what := fmt.Sprintf("%d connections %s", len(took), tc.name)
			compare(t, j, w, what, len(took), before)
			write(t, j, figures.Value(what+", sessions beside the one", float64(stale.Load()), "sessions").AtMost(0),
				took.Median(what+", until frames are back").With("%d cameras at a time, which a second back-off keeps apart; timeouts shortened", reconnected))
		})
	}
}

// reconnects ends the connections of cameras so many times each, and returns how long
// their frames were away.
func reconnects(s *Scene, times int, end func(*Victim), stale *atomic.Int64) figures.Seconds {
	took := make(figures.Seconds, reconnected*times)
	var wg sync.WaitGroup
	for i := range reconnected {
		v := s.Add(s.Sim(nil, small, camsim.Camera{FPS: 10}), nil, small)
		wg.Go(func() {
			before := v.Runs()
			for k := range times {
				began := time.Now()
				end(v)
				v.Until("a new epoch", func(c camera.Snapshot) bool { return c.LastFrameID.Epoch > before.Epoch })
				took[i*times+k] = time.Since(began)
				before = v.Runs()
				if !wait(func() bool { return v.Sim.Stats().OpenSessions == 1 }) {
					stale.Add(int64(v.Sim.Stats().OpenSessions - 1))
				}
			}
		})
	}
	wg.Wait()
	return took
}

// endWithinSDP ends a connection and the next attempt in the middle of its description.
func endWithinSDP(v *Victim) {
	var cut atomic.Bool
	v.Sim.Set(func(b *camsim.Behaviour) {
		b.Respond = func(q camsim.Request, r *camsim.Reply) {
			if q.Method == "DESCRIBE" && cut.CompareAndSwap(false, true) {
				r.CutBody = len(r.Body) / 2
			}
		}
	})
	v.Sim.Drop(camsim.DropRST)
}
