package camera

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// bill is what units cost of a processor, by camera.
type bill struct {
	key, other atomic.Int64
	decoded    atomic.Int64
	keys       atomic.Int64
	spent      time.Duration
}

// metered is a decoder that says what it has cost.
type metered struct {
	decoder.Decoder
	bill *bill
}

func (m *metered) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	cost := m.bill.other.Load()
	if au.RandomAccess {
		m.bill.keys.Add(1)
		cost = m.bill.key.Load()
	}
	m.bill.decoded.Add(1)
	m.bill.spent += time.Duration(cost)
	return m.Decoder.Decode(ctx, au, emit)
}

func (m *metered) Spent() time.Duration { return m.bill.spent }

// meteredWorld has decoders that say what the cameras cost.
func meteredWorld(t *testing.T, ids ...string) (*world, map[string]*bill) {
	bills := map[string]*bill{}
	for _, id := range ids {
		bills[id] = &bill{}
	}
	return newWorld(t, func(c *ManagerConfig) {
		create := c.NewDecoder
		c.NewDecoder = func(r DecoderRequest) (decoder.Decoder, error) {
			d, err := create(r)
			if err != nil {
				return nil, err
			}
			return &metered{d, bills[r.Camera]}, nil
		}
	}).run(), bills
}

func (b *bill) set(key, other time.Duration) {
	b.key.Store(int64(key))
	b.other.Store(int64(other))
}

// since is what was decoded since the last time.
func (b *bill) since() (decoded, keys int64) { return b.decoded.Swap(0), b.keys.Swap(0) }

// A stream that is too expensive is reduced to key frames, at most one a second, says so
// with figures, hurts nobody, and comes back when it behaves.
func TestExpensiveStream(t *testing.T) {
	for name, tt := range map[string]struct {
		key, other time.Duration
		after      time.Duration // within which it is noticed
		text       string
	}{
		"one picture":         {40 * time.Millisecond, 1500 * time.Millisecond, time.Second, "a picture of this stream took 1.5s of a processor to decode, and 1s are allowed"},
		"more than it can be": {300 * time.Millisecond, 300 * time.Millisecond, 25 * time.Second, "needs 1.5 processors to be decoded (5.0 pictures a second, 300ms each)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, bills := meteredWorld(t, "a", "b")
				defer w.stop()
				a := bills["a"]
				slow := step{units: -1, every: 200 * time.Millisecond, change: func(n int, au *media.AccessUnit) { au.RandomAccess = n%2 == 0 }}
				w.add("a", w.script("a", slow), nil)
				w.add("b", w.script("b", slow), nil)
				after(time.Minute)
				w.expect("a", StateRunning, fault.None)
				a.set(tt.key, tt.other)
				after(tt.after)
				s := w.expect("a", StateDegraded, fault.Limit)
				if !strings.Contains(s.Fault.Message, tt.text) || !strings.Contains(s.Fault.Message, "only key frames") {
					t.Error(s.Fault.Message)
				}
				a.since()
				before := s.Counters
				after(30 * time.Second)
				s = w.expect("a", StateDegraded, fault.Limit)
				if n, keys := a.since(); n != keys || n < 20 || n > 31 {
					t.Errorf("%d pictures in 30 s, %d of them key frames", n, keys)
				}
				if n := s.Counters.FramesPublished - before.FramesPublished; n < 20 || n > 31 {
					t.Errorf("%d frames in 30 s", n)
				}
				if n := s.Counters.Dropped.Policy - before.Dropped.Policy; n < 100 {
					t.Errorf("%d pictures left out", n)
				}
				// It is as expensive as it was: each try is further away than the one before.
				after(15 * time.Minute)
				w.expect("a", StateDegraded, fault.Limit)
				if n, keys := a.since(); n-keys > 4*25*5 {
					t.Errorf("%d pictures beside %d key frames in 15 minutes", n-keys, keys)
				}
				// It is good again, and after the longest wait all of it is decoded.
				a.set(0, 0)
				after(20 * time.Minute)
				w.expect("a", StateRunning, fault.None)
				a.since()
				after(10 * time.Second)
				if n, _ := a.since(); n < 49 {
					t.Errorf("%d pictures in 10 s", n)
				}
				// A relapse after a long time is judged like a first offence.
				after(20 * time.Minute)
				a.set(tt.key, tt.other)
				after(tt.after)
				w.expect("a", StateDegraded, fault.Limit)
				a.set(0, 0)
				after(reducedFor + 15*time.Second)
				w.expect("a", StateRunning, fault.None)
				if s := w.expect("b", StateRunning, fault.None); s.Counters.FramesPublished+10 < s.Counters.AccessUnits {
					t.Errorf("the neighbour has %d of %d", s.Counters.FramesPublished, s.Counters.AccessUnits)
				}
			})
		})
	}
}

// What a good stream may cost, and what a network held up, is no offence.
func TestDearStreamIsNotExpensive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bills := meteredWorld(t, "large", "burst", "intra")
		defer w.stop()
		bills["large"].set(900*time.Millisecond, 5*time.Millisecond) // huge key frames, cheap between them
		w.add("large", w.script("large", step{units: -1, change: func(n int, au *media.AccessUnit) { au.RandomAccess = n%50 == 0 }}), nil)
		bills["burst"].set(24*time.Millisecond, 24*time.Millisecond) // 0.6 of a processor, and now and then 9 s of it at once
		w.add("burst", w.script("burst", step{units: -1, every: time.Microsecond, change: func(n int, au *media.AccessUnit) {
			switch phase := n % 1500; {
			case phase == 0:
				<-time.After(9 * time.Second)
			case phase >= 225:
				<-time.After(unitEvery)
			}
			au.Received = time.Now()
		}}), nil)
		after(10 * time.Minute)
		for _, id := range []string{"large", "burst"} {
			if s := w.get(id); s.LastFault.Class == fault.Limit {
				t.Errorf("%s: %v", id, s.LastFault)
			}
		}
	})
}

// Where everything takes long the machine is busy, and no stream is to blame.
func TestBusyMachineIsNoExpensiveStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bills := meteredWorld(t, "a", "b")
		defer w.stop()
		w.cost.Store(int64(300 * time.Millisecond))
		bills["a"].set(30*time.Millisecond, 30*time.Millisecond)
		w.add("a", w.script("a", step{units: -1}), nil)
		w.add("b", w.script("b", step{units: -1}), nil)
		after(10 * time.Minute)
		for _, id := range []string{"a", "b"} {
			if s := w.expect(id, StateDegraded, fault.Decode); s.LastFault.Class == fault.Limit {
				t.Errorf("%s: %s", id, s.LastFault.Message)
			}
			if n, keys := bills[id].since(); n == keys {
				t.Errorf("%s: of %d pictures all are key frames", id, n)
			}
		}
	})
}

// When all is decoded again that begins at a key frame, also when pictures were left out
// while the last one of its kind was being decoded.
func TestAllAgainBeginsAtAKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bills := meteredWorld(t, "a")
		defer w.stop()
		const every = 200 * time.Millisecond
		bills["a"].set(0, 2*time.Second)
		w.add("a", w.script("a", step{units: -1, every: every}), nil)
		after(10 * time.Second)
		w.expect("a", StateDegraded, fault.Limit)
		frames := w.collect("a")
		w.cost.Store(int64(350 * time.Millisecond))
		bills["a"].set(0, 0)
		after(reducedFor + 10*time.Second)
		w.cost.Store(0)
		after(30 * time.Second)
		w.expect("a", StateRunning, fault.None)
		list, all := frames(), 0
		for i, f := range list {
			// What is decoded at once the reader may miss; that shows in the numbers.
			if i > 0 && !f.KeyFrame && f.Sequence == list[i-1].Sequence+1 {
				if all++; f.PTS-list[i-1].PTS > every {
					t.Errorf("frame %v follows one %v before", f.ID, f.PTS-list[i-1].PTS)
				}
			}
		}
		if all < 50 {
			t.Errorf("%d frames between key frames", all)
		}
	})
}

// Another stream of the camera has nothing to answer for: neither what the one before it
// cost, nor its picture that is still being decoded when the stream changes.
func TestAnotherStreamIsJudgedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bills := meteredWorld(t, "a")
		defer w.stop()
		bills["a"].set(2*time.Second, 2*time.Second)
		w.cost.Store(int64(2 * time.Second))
		w.add("a", w.script("a", step{units: -1, change: func(n int, au *media.AccessUnit) { au.RandomAccess = n%50 == 0 }}), nil)
		after(3500 * time.Millisecond)
		w.expect("a", StateDegraded, fault.Limit)
		url := w.script("b", step{units: -1})
		w.update("a", func(c *config.Camera) { c.URL = url })
		bills["a"].key.Store(0)
		bills["a"].other.Store(0)
		w.cost.Store(0)
		after(2 * time.Second)
		before := w.get("a").Counters.FramesPublished
		after(20 * time.Second)
		s := w.expect("a", StateRunning, fault.None)
		if n := s.Counters.FramesPublished - before; n < 490 {
			t.Errorf("%d of 500 pictures", n)
		}
	})
}

// When key frames are too much as well nothing is decoded for a long time, without a
// decoder and with few attempts. Time or another specification ends that.
func TestQuarantine(t *testing.T) {
	for name, end := range map[string]func(*world){
		"time": func(*world) { after(quarantinedFor + 10*time.Minute) },
		"update": func(w *world) {
			w.update("a", func(c *config.Camera) { c.Labels = map[string]string{"a": "b"} })
			after(20 * time.Second)
		},
		"added again": func(w *world) {
			url := w.get("a").Spec.URL
			if err := w.m.Remove(w.t.Context(), "a"); err != nil {
				w.t.Error(err)
			}
			w.add("a", url, nil)
			after(20 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, bills := meteredWorld(t, "a")
				defer w.stop()
				a := bills["a"]
				a.set(2*time.Second, 2*time.Second)
				url := w.script("a", step{units: -1})
				w.add("a", url, nil)
				after(10 * time.Second)
				s := w.expect("a", StateFailed, fault.Limit)
				if !strings.Contains(s.Fault.Message, "key frames of this stream take 2s") || !strings.Contains(s.Fault.Message, "for 10m0s") {
					t.Error(s.Fault.Message)
				}
				if next := time.Until(s.Fault.NextAttempt); next < 4*time.Minute {
					t.Errorf("the next attempt is in %v", next)
				}
				if n := w.decoders.Load(); n != 0 {
					t.Errorf("%d decoders", n)
				}
				if n, _ := a.since(); n != 1+reducedStrikes {
					t.Errorf("%d pictures were decoded", n)
				}
				after(quarantinedFor - time.Minute)
				w.expect("a", StateFailed, fault.Limit)
				if n, _ := a.since(); n != 0 {
					t.Errorf("%d pictures were decoded", n)
				}
				if n := w.source(url).attempts.Load(); n > 3 {
					t.Errorf("%d attempts", n)
				}
				a.set(0, 0)
				end(w)
				w.expect("a", StateRunning, fault.None)
			})
		})
	}
}

// One that is as bad as before goes back, and for longer.
func TestQuarantineGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bills := meteredWorld(t, "a")
		defer w.stop()
		a := bills["a"]
		a.set(2*time.Second, 2*time.Second)
		w.add("a", w.script("a", step{units: -1}), nil)
		after(24 * time.Hour)
		s := w.expect("a", StateFailed, fault.Limit)
		if want := fmt.Sprintf("for %v", quarantinedForMost); !strings.Contains(s.Fault.Message, want) {
			t.Errorf("%q, want %q", s.Fault.Message, want)
		}
		if n, _ := a.since(); n > 1+20*reducedStrikes {
			t.Errorf("%d pictures were decoded in a day", n)
		}
	})
}

// Streams of single pictures are bounded too: their key frames are all there is.
func TestExpensiveIntra(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, bills := meteredWorld(t, "a")
		defer w.stop()
		a := bills["a"]
		format := &media.Format{Codec: media.CodecMJPEG, Width: 64, Height: 48}
		a.set(100*time.Millisecond, 0)
		w.add("a", w.script("a", step{units: -1, change: func(_ int, au *media.AccessUnit) { au.Format, au.RandomAccess = format, true }}), nil)
		after(40 * time.Second)
		w.expect("a", StateDegraded, fault.Limit)
		a.since()
		after(20 * time.Second)
		if n, _ := a.since(); n < 15 || n > 21 {
			t.Errorf("%d pictures in 20 s", n)
		}
	})
}

func TestRound(t *testing.T) {
	for d, want := range map[time.Duration]string{
		182741300: "183ms", 1500 * time.Millisecond: "1.5s", 12345678901: "12.3s", 123456: "123µs", 999: "999ns", 1000: "1µs", 0: "0s",
	} {
		if got := round(d).String(); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
