package camera

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

func TestRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{after: time.Second, units: -1}), nil)
		after(500 * time.Millisecond)
		w.expect("a", StateConnecting, fault.None)
		after(10 * time.Second)
		s := w.expect("a", StateRunning, fault.None)
		if s.ReceivedFPS < 24 || s.ReceivedFPS > 26 || s.DecodedFPS < 24 || s.DecodedFPS > 26 || s.Bitrate < 190_000 || s.Bitrate > 210_000 {
			t.Errorf("rates %v %v %v", s.ReceivedFPS, s.DecodedFPS, s.Bitrate)
		}
		if s.GOP.Frames != gopUnits || s.GOP.Duration != gopUnits*unitEvery {
			t.Errorf("GOP %+v", s.GOP)
		}
		if s.Epoch != 1 || s.LastFrameID.Epoch != 1 || s.LastFrameID.Sequence != s.Counters.FramesPublished || s.LastFrame.IsZero() {
			t.Errorf("position %+v, epoch %d, published %d", s.LastFrameID, s.Epoch, s.Counters.FramesPublished)
		}
		if s.Codec != media.CodecH264 || s.Width != 64 || s.StreamHeight != 48 || s.Transport != "TCP" || s.Backend != "CPU" {
			t.Errorf("%+v", s)
		}
		c := s.Counters
		if c.AccessUnits != c.FramesDecoded || c.ConnectAttempts != 1 || c.Reconnects != 0 || c.PacketsReceived != 7 || c.Dropped != (frame.Drops{}) {
			t.Errorf("counters %+v", c)
		}
		if want := int64(5 * (64*48 + 64*24*2)); s.Memory.Host < want || s.Memory.Host > 3*want {
			t.Errorf("host memory %d", s.Memory.Host)
		}
	})
}

// A camera reboots: refused, 404, 503, then it works. One line for each change.
func TestReboot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		url := w.script("h",
			step{units: 50, fail: failure(fault.Unreachable, "connection lost")},
			step{fail: failure(fault.Unreachable, "refused")},
			step{fail: failure(fault.NotFound, "404")},
			step{fail: failure(fault.Busy, "503")},
			step{units: -1})
		w.add("a", url, nil)
		after(time.Second)
		w.expect("a", StateRunning, fault.None)
		after(1010 * time.Millisecond)
		s := w.expect("a", StateFailed, fault.Unreachable)
		if s.Fault.Count != 1 || !s.Fault.NextAttempt.After(time.Now()) || s.Fault.Message != "test: connection lost" {
			t.Errorf("fault %+v", s.Fault)
		}
		after(60 * time.Second)
		s = w.expect("a", StateRunning, fault.None)
		if s.Epoch != 2 || s.LastFrameID.Epoch != 2 || s.Counters.Reconnects != 1 || s.Counters.ConnectAttempts != 5 {
			t.Errorf("epoch %d, %+v, attempts %d", s.Epoch, s.Counters, w.source(url).attempts.Load())
		}
		if s.LastFault.Class != fault.Busy || !s.LastFault.NextAttempt.IsZero() {
			t.Errorf("last fault %+v", s.LastFault)
		}
		if n := w.made.Load(); n != 1 {
			t.Errorf("%d decoders for one format", n)
		}
		if n := strings.Count(w.logs.String(), "camera state changed"); n < 4 || n > 6 {
			t.Errorf("%d lines:\n%s", n, w.logs)
		}
	})
}

// A camera that comes and goes for an hour writes few lines.
func TestFlappingLogsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: 5, fail: failure(fault.Unreachable, "gone")}), nil)
		after(10 * time.Minute)
		s := w.get("a")
		if s.Counters.Reconnects < 50 {
			t.Errorf("only %d reconnects", s.Counters.Reconnects)
		}
		// Two classes (none and unreachable), one line each per 10 s.
		if n := strings.Count(w.logs.String(), "\n"); n > 2*61 {
			t.Errorf("%d lines", n)
		}
		if !strings.Contains(w.logs.String(), "suppressed=") {
			t.Error("suppressed lines are not counted")
		}
	})
}

func TestAuthStopsTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		url := w.script("h", step{fail: failure(fault.Auth, "401")})
		w.add("a", url, func(c *config.Camera) { c.Username, c.Password = "u", secret.New("c4n4ry") })
		after(4 * time.Minute)
		s := w.expect("a", StateFailed, fault.Auth)
		if n := w.source(url).attempts.Load(); n != 2 {
			t.Errorf("%d attempts in 4 minutes", n)
		}
		if wait := time.Until(s.Fault.NextAttempt); wait < time.Minute {
			t.Errorf("next attempt in %v", wait)
		}
		w.update("a", func(c *config.Camera) { c.Decode.MaxFPS, c.Labels = 5, map[string]string{"x": "y"} })
		after(time.Second)
		if n := w.source(url).attempts.Load(); n != 2 {
			t.Errorf("a change of policy made attempt %d", n)
		}
		// Corrected credentials are tried at once, by a new source.
		w.mu.Lock()
		w.scripts[url] = []step{{units: -1}}
		w.mu.Unlock()
		w.update("a", func(c *config.Camera) { c.Password = secret.New("right") })
		after(time.Second)
		w.expect("a", StateRunning, fault.None)
		if s := w.get("a"); s.Counters.PacketsReceived != 14 {
			t.Errorf("counters do not survive the change: %+v", s.Counters)
		}
		if text := w.logs.String() + fmt.Sprintf("%+v %#v", s, s); strings.Contains(text, "c4n4ry") {
			t.Errorf("password in %s", text)
		}
	})
}

func TestStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		url := w.script("h", step{units: 30, fail: failure(fault.Stalled, "no data for 5 s")}, step{after: time.Hour, units: -1})
		w.add("a", url, nil)
		after(20 * time.Second)
		s := w.expect("a", StateStalled, fault.Stalled)
		if !s.Fault.NextAttempt.IsZero() || s.ReceivedFPS != 0 {
			t.Errorf("an attempt is going on: %+v, %v fps", s.Fault, s.ReceivedFPS)
		}
	})
}

// Changes of policy apply while the camera runs; a new address reconnects.
// Pictures that arrive and are dropped on the way, all of them, are no silence: the
// connection stays, and the state says what is wrong, before and after a first frame.
func TestStarvation(t *testing.T) {
	for name, units := range map[string]int{"from the start": 0, "later": 50} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil).run()
				defer w.stop()
				url := w.script("h", step{units: units, keepalive: true})
				w.add("a", url, nil)
				after(3 * time.Second)
				for range 60 {
					w.source(url).dropped.Add(25)
					after(time.Second)
				}
				s := w.expect("a", StateDegraded, fault.Stalled)
				if s.Counters.ConnectAttempts != 1 || !strings.Contains(s.Fault.Message, "none can be used") {
					t.Errorf("%d attempts, %+v", s.Counters.ConnectAttempts, s.Fault)
				}
				if n := strings.Count(w.logs.String(), "DEGRADED"); n > 3 {
					t.Errorf("%d lines:\n%s", n, w.logs)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // silence is the source's to judge, and some loss is no starvation
		w := newWorld(t, nil).run()
		defer w.stop()
		quiet, lossy := w.script("q", step{units: 50, keepalive: true}), w.script("l", step{units: -1})
		w.add("quiet", quiet, nil)
		w.add("lossy", lossy, nil)
		for range 60 {
			after(time.Second)
			w.source(lossy).dropped.Add(20)
		}
		w.expect("quiet", StateRunning, fault.None)
		w.expect("lossy", StateRunning, fault.None)
	})
}

func TestLiveChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		url := w.script("h", step{units: -1})
		w.add("a", url, nil)
		fps := func(want float64, what string) {
			t.Helper()
			after(20 * time.Second)
			if s := w.expect("a", StateRunning, fault.None); s.DecodedFPS < want*0.93 || s.DecodedFPS > want*1.07 {
				t.Errorf("%s: %v frames/s, want %v", what, s.DecodedFPS, want)
			}
		}
		mode := func(m config.DecodeMode, max float64) {
			w.update("a", func(c *config.Camera) { c.Decode.Mode, c.Decode.MaxFPS = m, max })
		}
		fps(25, "all")
		mode(config.DecodeAll, 10)
		fps(10, "10 of 25")
		mode(config.DecodeSkipNonReference, 0)
		fps(12.5, "references")
		if !w.skipping.Load() {
			t.Error("the decoder was not told to skip")
		}
		mode(config.DecodeKeyframes, 0)
		fps(2.5, "key frames")
		mode(config.DecodeKeyframes, 1)
		fps(1, "1 key frame/s")
		before := w.decoded.Load()
		after(10 * time.Second)
		if n := w.decoded.Load() - before; n > 12 {
			t.Errorf("%d key frames decoded for 10 wanted", n)
		}
		mode(config.DecodeNone, 0)
		fps(0, "none")
		if w.decoders.Load() != 0 {
			t.Error("a decoder without work")
		}
		s := w.get("a")
		if s.Backend != "" || s.ReceivedFPS < 24 || w.account.Frames() > 1 {
			t.Errorf("with mode NONE: %+v, %d frames", s, w.account.Frames())
		}
		mode(config.DecodeAll, 0)
		fps(25, "all again")
		s = w.get("a")
		if s.Epoch != 1 || w.source(url).attempts.Load() != 1 {
			t.Errorf("a policy change reconnected: epoch %d", s.Epoch)
		}
		if sum := s.Counters.FramesPublished + s.Counters.Dropped.Policy; sum != s.Counters.AccessUnits {
			t.Errorf("%d published and %d left out of %d", s.Counters.FramesPublished, s.Counters.Dropped.Policy, s.Counters.AccessUnits)
		}

		w.update("a", func(c *config.Camera) { c.Frame.RingSize, c.Labels = 2, map[string]string{"x": "y"} })
		after(time.Second)
		if n := w.account.Frames(); n != 2 {
			t.Errorf("%d frames in a ring of 2", n)
		}
		w.update("a", func(c *config.Camera) { c.Backend = config.BackendCPU })
		after(time.Second)
		if s := w.expect("a", StateRunning, fault.None); s.Epoch != 1 || w.decoders.Load() != 1 {
			t.Errorf("change of backend: epoch %d, %d decoders", s.Epoch, w.decoders.Load())
		}
		w.update("a", func(c *config.Camera) { c.URL = w.script("other", step{units: -1}) })
		after(time.Second)
		if s := w.expect("a", StateRunning, fault.None); s.Epoch != 2 || w.source("rtsp://other/x").running.Load() != 1 || w.source(url).running.Load() != 0 {
			t.Errorf("change of address: epoch %d", s.Epoch)
		}
	})
}

// One camera's failure does not move another one's figures.
func TestFailuresStayApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("good", w.script("good", step{units: -1}), nil)
		w.add("panics", w.script("p", step{units: -1, change: func(_ int, au *media.AccessUnit) { au.Data[0] = doPanic }}), nil)
		w.add("breaks", w.script("b", step{units: -1, change: func(_ int, au *media.AccessUnit) { au.Data[0] = doBreak }}), nil)
		w.add("away", w.script("u", step{fail: failure(fault.Unreachable, "refused")}), nil)
		after(time.Minute)
		s := w.expect("good", StateRunning, fault.None)
		if c := s.Counters; c.FramesPublished != c.AccessUnits || c.Dropped != (frame.Drops{}) || s.DecodedFPS < 24 || s.Epoch != 1 {
			t.Errorf("the good camera suffers: %+v", s)
		}
		for _, id := range []string{"panics", "breaks"} {
			if s := w.expect(id, StateDegraded, fault.Decode); s.ReceivedFPS < 24 || s.Counters.ConnectAttempts != 1 {
				t.Errorf("%s: %v fps, %d attempts", id, s.ReceivedFPS, s.Counters.ConnectAttempts)
			}
		}
		// 2 cameras, 1 minute, backing off from 1 s to 30 s.
		if n := w.made.Load(); n > 1+2*8 {
			t.Errorf("%d decoders made", n)
		}
	})
}

func TestRemoveInEveryPhase(t *testing.T) {
	for name, tt := range map[string]struct {
		steps []step
		wait  time.Duration
	}{
		"before anything": {[]step{{after: time.Second, units: -1}}, 0},
		"connecting":      {[]step{{after: time.Hour, units: -1}}, time.Second},
		"running":         {[]step{{units: -1}}, time.Second},
		"between two":     {[]step{{fail: failure(fault.Auth, "401")}}, time.Minute},
		"stalled":         {[]step{{units: 3, keepalive: true}}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil).run()
				defer w.stop()
				w.add("a", w.script("h", tt.steps...), nil)
				after(tt.wait)
				feed, err := w.m.Feed("a")
				if err != nil {
					t.Fatal(err)
				}
				if err := w.m.Remove(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
				if w.decoders.Load() != 0 || w.account.Frames() != 0 || w.account.Bytes() != 0 {
					t.Errorf("left: %d decoders, %d frames, %d bytes", w.decoders.Load(), w.account.Frames(), w.account.Bytes())
				}
				if _, err := feed.Ring().Wait(t.Context(), frame.ID{}); !errors.Is(err, ErrRemoved) || !errors.Is(err, frame.ErrClosed) {
					t.Errorf("ring: %v", err)
				}
				if s := feed.Snapshot(); s.State != StateStopped || feed.ID() != "a" {
					t.Errorf("state %v", s.State)
				}
				if _, err := w.m.Get("a"); !errors.Is(err, ErrNotFound) {
					t.Errorf("get: %v", err)
				}
				if err := w.m.Remove(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
					t.Errorf("remove twice: %v", err)
				}
			})
		})
	}
}

// A camera added under the id of one that is still leaving waits for it.
func TestAddAfterRemoveWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		url := w.script("h", step{units: -1, leave: time.Second})
		for range 3 {
			w.add("a", url, nil)
			after(500 * time.Millisecond)
			if n := w.connections(url); n != 1 {
				t.Errorf("%d connections at once", n)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := w.m.Remove(ctx, "a"); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		w.add("a", url, nil)
		after(5 * time.Second)
		w.expect("a", StateRunning, fault.None)
		if n := w.decoders.Load(); n != 1 {
			t.Errorf("%d decoders", n)
		}
	})
}

func TestShutdownClosesRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		w.add("a", w.script("h", step{units: -1}), nil)
		w.add("b", w.script("i", step{after: time.Hour}), nil)
		after(time.Second)
		feed, err := w.m.Feed("b")
		if err != nil {
			t.Fatal(err)
		}
		w.stop()
		if _, err := feed.Ring().Wait(t.Context(), frame.ID{}); !errors.Is(err, ErrStopping) || !errors.Is(err, frame.ErrClosed) {
			t.Errorf("ring: %v", err)
		}
		if _, err := w.m.Add(t.Context(), "c", config.Camera{URL: "rtsp://h/"}); !errors.Is(err, ErrStopping) {
			t.Errorf("add: %v", err)
		}
		for _, s := range w.m.List() {
			if s.State != StateStopped {
				t.Errorf("%s is %v", s.ID, s.State)
			}
		}
	})
}
