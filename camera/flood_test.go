package camera

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// Of a flood, no more is decoded than a fast camera would cost, and what is decoded
// begins at key frames (world checks that). A fast camera itself loses nothing.
func TestFlood(t *testing.T) {
	intra := &media.Format{Codec: media.CodecMJPEG, Width: 64, Height: 48}
	for name, tt := range map[string]struct {
		every    time.Duration
		change   func(int, *media.AccessUnit)
		spec     func(*config.Camera)
		state    State
		min, max int64 // decoded in 60 s
	}{
		"flood":       {every: time.Millisecond, state: StateDegraded, min: 3600, max: 60*floodRate + floodBurst},
		"intra flood": {every: time.Millisecond, change: func(_ int, au *media.AccessUnit) { au.Format, au.RandomAccess = intra, true }, state: StateDegraded, min: 59 * floodRate, max: 60*floodRate + floodBurst},
		"long GOP":    {every: time.Millisecond, change: func(n int, au *media.AccessUnit) { au.RandomAccess = n%5000 == 0 }, state: StateDegraded, min: 11 * floodRate, max: 60 * floodRate},
		"120 fps":     {every: time.Second / floodRate, state: StateRunning, min: 60*floodRate - 1, max: 60*floodRate + 1},
		"key frames":  {every: time.Millisecond, spec: func(c *config.Camera) { c.Decode.Mode = config.DecodeKeyframes }, state: StateRunning, min: 5900, max: 6001},
		"max_fps":     {every: time.Millisecond, change: func(_ int, au *media.AccessUnit) { au.Format, au.RandomAccess = intra, true }, spec: func(c *config.Camera) { c.Decode.MaxFPS = 10 }, state: StateRunning, min: 599, max: 601},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil).run()
				defer w.stop()
				w.add("a", w.script("a", step{units: -1, every: tt.every, change: tt.change}), tt.spec)
				after(time.Minute)
				s := w.get("a")
				if n := w.decoded.Load(); s.State != tt.state || n < tt.min || n > tt.max {
					t.Errorf("%v, %d decoded; want %v, %d to %d", s.State, n, tt.state, tt.min, tt.max)
				}
				if n := w.drains.Load(); name == "long GOP" && n < 11 {
					t.Errorf("the decoder was told of %d holes", n)
				}
				if tt.state == StateDegraded {
					w.expect("a", StateDegraded, fault.Limit)
					if lost := s.Counters.AccessUnits - uint64(w.decoded.Load()); s.Counters.Dropped.Policy+s.Counters.DroppedQueue != lost {
						t.Errorf("%d were lost, %d by policy and %d in the queue", lost, s.Counters.Dropped.Policy, s.Counters.DroppedQueue)
					}
				}
			})
		})
	}
}

// What a network held up for seconds and delivers at once is no flood.
func TestBurstIsNoFlood(t *testing.T) {
	var f flood
	now := time.Now()
	for range 10 {
		for range floodBurst {
			if ok, _ := f.take(now, false, false); !ok {
				t.Fatal("left out")
			}
		}
		if ok, began := f.take(now, false, false); ok || !began {
			t.Fatalf("beyond the burst: %v, %v", ok, began)
		}
		now = now.Add(time.Second / 2)
		if ok, _ := f.take(now, false, true); ok {
			t.Fatal("a key frame after half a second")
		}
		now = now.Add(10 * time.Second)
		if ok, _ := f.take(now, false, true); !ok {
			t.Fatal("no key frame after ten seconds")
		}
		now = now.Add(10 * time.Second)
	}
}
