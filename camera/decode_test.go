package camera

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// collect takes every frame of a camera as it is published.
func (w *world) collect(id string) (frames func() []frame.Info) {
	feed, err := w.m.Feed(id)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []frame.Info
	done := make(chan struct{})
	go func() {
		defer close(done)
		var last frame.ID
		for {
			f, err := feed.Ring().Wait(w.t.Context(), last)
			if err != nil {
				return
			}
			last = f.ID
			all = append(all, f.Info)
			f.Release()
		}
	}()
	return func() []frame.Info {
		if err := w.m.Remove(w.t.Context(), id); err != nil {
			w.t.Error(err)
		}
		<-done
		return all
	}
}

// A decoder that is too slow loses whole GOPs, is never fed a picture without its
// references, and does not hold the source up.
func TestSlowDecoderDropsWholeGOPs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.cost.Store(int64(100 * time.Millisecond)) // 10 of 25 per second
		w.add("a", w.script("h", step{units: -1}), nil)
		frames := w.collect("a")
		after(time.Minute)
		s := w.expect("a", StateDegraded, fault.Decode)
		if !strings.Contains(s.Fault.Message, "slower than the camera") {
			t.Errorf("fault %q", s.Fault.Message)
		}
		c := s.Counters
		if s.ReceivedFPS < 24 || c.DroppedQueue == 0 || c.FramesPublished+c.DroppedQueue+queueUnits+1 < c.AccessUnits || c.Dropped.Decode != 0 {
			t.Errorf("%v fps in, %+v", s.ReceivedFPS, c)
		}
		if age := time.Since(s.LastFrame); age > queueUnits*unitEvery*3 {
			t.Errorf("the newest frame is %v old", age)
		}
		var oldest time.Duration
		list := frames()
		for i, f := range list {
			oldest = max(oldest, f.Decoded.Sub(f.Received))
			if i > 0 && f.PTS-list[i-1].PTS > unitEvery && !f.KeyFrame {
				t.Errorf("after a gap frame %v is no key frame", f.ID)
			}
			if i > 0 && (f.Sequence != list[i-1].Sequence+1 || f.PTS <= list[i-1].PTS) {
				t.Errorf("frame %v at %v follows %v at %v", f.ID, f.PTS, list[i-1].ID, list[i-1].PTS)
			}
		}
		if last := list[len(list)-1]; last.Dropped.Decode == 0 || last.Published != uint64(len(list)) {
			t.Errorf("the last frame counts %+v, published %d of %d", last.Dropped, last.Published, len(list))
		}
		// It recovers when the decoder does, and not before a while has passed.
		w.cost.Store(0)
		w.add("a", w.script("h", step{units: -1}), nil)
		after(time.Second)
		w.expect("a", StateRunning, fault.None)
	})
}

func TestDegradedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.cost.Store(int64(100 * time.Millisecond))
		w.add("a", w.script("h", step{units: -1}), nil)
		after(20 * time.Second)
		w.expect("a", StateDegraded, fault.Decode)
		w.cost.Store(0)
		after(5 * time.Second)
		w.expect("a", StateDegraded, fault.Decode)
		after(10 * time.Second)
		w.expect("a", StateRunning, fault.None)
	})
}

// A change of size makes a new epoch and a new decoder, and no frame of the old
// size comes under the new epoch; a new pointer to the same format makes neither.
func TestFormatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		same := &media.Format{Codec: media.CodecH264, Width: 64, Height: 48, Parameters: []byte{1}}
		large := &media.Format{Codec: media.CodecH264, Width: 128, Height: 96, Parameters: []byte{2}}
		w.add("a", w.script("h", step{units: 60, keepalive: true, change: func(n int, au *media.AccessUnit) {
			au.Data[0] = doHold // each frame comes one unit late
			switch {
			case n >= 40:
				au.Format = large
			case n >= 20:
				au.Format = same
			}
		}}), nil)
		frames := w.collect("a")
		after(10 * time.Second)
		if s := w.get("a"); s.Width != 128 || s.Epoch != 2 || w.made.Load() != 2 || w.decoders.Load() != 1 {
			t.Errorf("width %d, epoch %d, %d decoders made", s.Width, s.Epoch, w.made.Load())
		}
		list := frames()
		if len(list) < 59 {
			t.Errorf("%d frames of 60 units", len(list))
		}
		for _, f := range list {
			if wide := f.Width == 128; wide != (f.Epoch == 2) {
				t.Errorf("frame %v is %d wide", f.ID, f.Width)
			}
			if f.Sequence == 1 && !f.KeyFrame {
				t.Errorf("epoch %d begins with %+v", f.Epoch, f)
			}
		}
	})
}

// What reordering holds back comes out when the connection ends.
func TestDisconnectDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: 3, fail: failure(fault.Unreachable, "gone"), change: func(_ int, au *media.AccessUnit) {
			au.Data[0] = doHold
		}}, step{after: time.Hour}), nil)
		after(time.Minute)
		if s := w.expect("a", StateFailed, fault.Unreachable); s.LastFrameID != (frame.ID{Epoch: 1, Sequence: 3}) {
			t.Errorf("last frame %v", s.LastFrameID)
		}
	})
}

func TestDiscontinuityMakesAnEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: 40, keepalive: true, change: func(n int, au *media.AccessUnit) {
			if n >= 23 { // in the middle of a GOP
				au.Discontinuity = n == 23
				au.PTS -= 23 * unitEvery
			}
		}}), nil)
		after(5 * time.Second)
		s := w.get("a")
		// Units 23 to 29 can't be decoded from; 30 to 39 can.
		if s.Epoch != 2 || s.LastFrameID != (frame.ID{Epoch: 2, Sequence: 10}) || s.Counters.Dropped.Decode != 7 || w.made.Load() != 1 {
			t.Errorf("epoch %d, last %v, %+v", s.Epoch, s.LastFrameID, s.Counters)
		}
	})
}

// The first published frame of an epoch is whole; later damage is flagged.
func TestFirstFrameIsClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: 10, keepalive: true, change: func(n int, au *media.AccessUnit) {
			if n < 3 || n == 7 {
				au.Data[0] = doCorruptPicture
			}
		}}), func(c *config.Camera) { c.Decode.MaxFPS = 12.5 })
		frames := w.collect("a")
		after(5 * time.Second)
		s := w.expect("a", StateDegraded, fault.Decode)
		list := frames()
		if len(list) == 0 || list[0].Sequence != 4 || list[0].Corrupt {
			t.Fatalf("frames %+v", list)
		}
		if s.Counters.FramesDecoded != 10 || s.Counters.Dropped.Decode != 3 || s.Counters.FramesPublished+s.Counters.Dropped.Policy != 7 {
			t.Errorf("%+v", s.Counters)
		}
		if list[2].Sequence != 8 || !list[2].Corrupt || s.Counters.FramesCorrupt != 1 {
			t.Errorf("third %+v, %d corrupt", list[2].ID, s.Counters.FramesCorrupt)
		}
	})
}

func TestCorruptUnitWaitsForTheNextKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: 30, keepalive: true, change: func(n int, au *media.AccessUnit) {
			if n == 13 {
				au.Data[0] = doCorruptUnit
			}
		}}), nil)
		after(5 * time.Second)
		s := w.expect("a", StateDegraded, fault.Decode)
		if s.Counters.FramesPublished != 23 || s.Counters.Dropped.Decode != 7 || w.made.Load() != 1 {
			t.Errorf("%+v", s.Counters)
		}
	})
}

// A decoder that was interrupted stays, and goes on at the next key frame.
func TestInterruptionWaitsForTheNextKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: 30, keepalive: true, change: func(n int, au *media.AccessUnit) {
			if n == 13 {
				au.Data[0] = doInterrupt
			}
		}}), nil)
		after(5 * time.Second)
		s := w.expect("a", StateDegraded, fault.Decode)
		if s.Counters.FramesPublished != 23 || s.Counters.Dropped.Decode != 7 || w.made.Load() != 1 || !strings.Contains(s.Fault.Message, "its process has ended") {
			t.Errorf("%+v, %q", s.Counters, s.Fault.Message)
		}
	})
}

// The watchdog on decoded frames: units go in, nothing comes out.
func TestDecoderWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: -1, change: func(n int, au *media.AccessUnit) {
			if n > 100 && n < 500 {
				au.Data[0] = doSwallow
			}
		}}), nil)
		after(4 * time.Second)
		w.expect("a", StateRunning, fault.None)
		after(8 * time.Second)
		s := w.expect("a", StateDegraded, fault.Decode)
		if !strings.Contains(s.Fault.Message, "no frame comes out") || w.made.Load() < 2 || s.Counters.ConnectAttempts != 1 {
			t.Errorf("%q, %d decoders", s.Fault.Message, w.made.Load())
		}
		after(30 * time.Second)
		w.expect("a", StateRunning, fault.None)
	})
}

// A slow camera is no dead decoder.
func TestSlowCameraIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: -1, every: 10 * time.Second, change: func(_ int, au *media.AccessUnit) { au.Data[0] = doHold }}), nil)
		w.add("k", w.script("k", step{units: -1, every: 3 * time.Second}), func(c *config.Camera) { c.Decode.Mode = config.DecodeKeyframes })
		after(10 * time.Minute)
		w.expect("a", StateRunning, fault.None)
		w.expect("k", StateRunning, fault.None)
		if n := w.made.Load(); n != 2 {
			t.Errorf("%d decoders made", n)
		}
	})
}

// In mode KEYFRAMES nothing waits for the next key frame to be shown.
func TestKeyframesComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: 11, keepalive: true, change: func(_ int, au *media.AccessUnit) { au.Data[0] = doHold }}),
			func(c *config.Camera) { c.Decode.Mode = config.DecodeKeyframes })
		after(5 * time.Second)
		if s := w.get("a"); s.Counters.FramesPublished != 2 {
			t.Errorf("%+v", s.Counters)
		}
	})
}

// What can't be decoded here is refused with the reason, and tried again rarely.
func TestRefusedStreams(t *testing.T) {
	huge := &media.Format{Codec: media.CodecH264, Width: 16384, Height: 16384}
	for name, tt := range map[string]struct {
		change func(int, *media.AccessUnit)
		create error
		class  fault.Class
		text   string
		made   int64
	}{
		"size in the SPS": {func(_ int, au *media.AccessUnit) { au.Format = huge }, nil, fault.Limit, "16384 x 16384", 0},
		"by the decoder":  {func(_ int, au *media.AccessUnit) { au.Data[0] = doUnsupported }, nil, fault.Unsupported, "unsupported", 1},
		"at creation":     {nil, decoder.ErrTooLarge, fault.Limit, "too large", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil).run()
				defer w.stop()
				if tt.create != nil {
					w.createErr.Store(&tt.create)
				}
				url := w.script("h", step{units: -1, change: tt.change})
				w.add("a", url, nil)
				after(20 * time.Second)
				s := w.expect("a", StateFailed, tt.class)
				if !strings.Contains(s.Fault.Message, tt.text) || w.made.Load() != tt.made || w.source(url).attempts.Load() != 1 {
					t.Errorf("%q, %d decoders, %d attempts", s.Fault.Message, w.made.Load(), w.source(url).attempts.Load())
				}
				// Without decoding there is nothing to refuse, and no need to wait.
				w.update("a", func(c *config.Camera) { c.Decode.Mode = config.DecodeNone })
				after(time.Second)
				w.expect("a", StateRunning, fault.None)
			})
		})
	}
}

// A decoder that can't be made now is tried again.
func TestDecoderThatComesLater(t *testing.T) {
	for class, err := range map[fault.Class]error{
		fault.Decode: errors.New("the device is busy"),
		fault.Limit:  fmt.Errorf("%w: 3 MiB are free", decoder.ErrExhausted),
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil).run()
			defer w.stop()
			w.createErr.Store(&err)
			// Key frames are far apart: between two tries the camera waits for one.
			rare := func(n int, au *media.AccessUnit) { au.RandomAccess = n%400 == 0 }
			w.add("a", w.script("h", step{units: -1, change: rare}), nil)
			for range 24 { // it does not turn into something else while it is tried again
				after(5 * time.Second)
				w.expect("a", StateDegraded, class)
			}
			w.createErr.Store(nil)
			after(40 * time.Second)
			w.expect("a", StateRunning, fault.None)
		})
	}
}

func TestNetworkDropsReachTheFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		url := w.script("h", step{after: time.Second, units: -1})
		w.add("a", url, nil)
		synctest.Wait()
		w.source(url).dropped.Store(17)
		after(3 * time.Second)
		feed, _ := w.m.Feed("a")
		f := feed.Ring().Latest()
		if f == nil || f.Dropped.Network != 17 || feed.Snapshot().Counters.Dropped.Network != 17 {
			t.Errorf("frame %+v, counters %+v", f, feed.Snapshot().Counters)
		}
		if f != nil {
			f.Release()
		}
	})
}
