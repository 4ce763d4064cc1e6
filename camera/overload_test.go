package camera

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
)

// Under pressure no camera is admitted, then those that were added last are not decoded,
// one after another and without losing their connections, then the worker is not ready.
// When there is room again they come back in the order they were added.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pressure atomic.Uint64
		set := func(p float64) { pressure.Store(math.Float64bits(p)) }
		w := newWorld(t, func(c *ManagerConfig) {
			c.Pressure = func() float64 { return math.Float64frombits(pressure.Load()) }
		}).run()
		defer w.stop()
		const cameras = 4
		for n := range cameras {
			w.add(fmt.Sprint(n), w.script(fmt.Sprint("h", n), step{units: -1}), nil)
			after(time.Second / 2)
		}
		add := func() error {
			_, err := w.m.Add(t.Context(), "more", config.Camera{URL: "rtsp://h/more", Decode: config.DecodePolicy{Mode: config.DecodeNone}})
			if err == nil {
				err = errors.Join(w.m.Remove(t.Context(), "more"))
			}
			return err
		}
		decoding := func(when string, want int64) {
			t.Helper()
			if n := w.decoders.Load(); n != want {
				t.Errorf("%s: %d cameras are decoded, want %d", when, n, want)
			}
			for n := range cameras {
				if int64(n) < want {
					w.expect(fmt.Sprint(n), StateRunning, fault.None)
				} else {
					w.expect(fmt.Sprint(n), StateDegraded, fault.Limit)
				}
			}
		}
		after(time.Second)
		decoding("at first", cameras)

		set(0.86)
		after(30 * time.Second)
		if err := add(); !errors.Is(err, ErrOverloaded) {
			t.Errorf("a camera at 86 %%: %v", err)
		}
		decoding("at 86 %", cameras)
		set(0.93)
		after(overloadTick + overloadTick/2)
		set(0.5)
		after(overloadRest / 2)
		decoding("soon after a moment at 93 %", cameras-1)
		set(0.98)
		after(2 * overloadTick)
		decoding("at 98 %", cameras-3)
		if err := w.m.Ready(); !errors.Is(err, ErrOverloaded) {
			t.Errorf("ready at 98 %%: %v", err)
		}
		if s := w.get("3"); s.Counters.ConnectAttempts != 1 || s.Counters.Dropped.Policy == 0 {
			t.Errorf("%+v", s.Counters)
		}

		set(0.9)
		after(2 * overloadRest)
		decoding("back at 90 %", cameras-3)
		if err := w.m.Ready(); err != nil {
			t.Error(err)
		}
		set(0.5)
		after(overloadTick + overloadTick/2)
		if first, last := w.get("1").Backend, w.get("3").Backend; first == "" || last != "" {
			t.Errorf("a second later camera 1 is decoded by %q, camera 3 by %q", first, last)
		}
		after(5*overloadTick + degradedHold)
		decoding("at last", cameras)
		if err := add(); err != nil {
			t.Error(err)
		}
	})
}
