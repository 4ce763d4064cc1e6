package camera

import (
	"context"
	"errors"
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

const machineProcessors = 2

// machine has processors that all decoders share.
type machine struct {
	slots chan struct{}
	every time.Duration // between the pictures of its cameras
	cost  atomic.Int64  // of a picture, in nanoseconds
}

// sharedDecoder decodes when a processor is free.
type sharedDecoder struct {
	decoder.Decoder
	machine *machine
}

func (d *sharedDecoder) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	select {
	case d.machine.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-time.After(time.Duration(d.machine.cost.Load()))
	<-d.machine.slots
	return d.Decoder.Decode(ctx, au, emit)
}

// newMachine starts a manager on a machine that decodes so many cameras. It knows of so
// many processors.
func newMachine(t *testing.T, every time.Duration, decodable float64, known int) (*world, *machine) {
	m := &machine{slots: make(chan struct{}, machineProcessors), every: every}
	m.decodes(decodable)
	w := newWorld(t, func(c *ManagerConfig) {
		c.Processors = known
		inner := c.NewDecoder
		c.NewDecoder = func(r DecoderRequest) (decoder.Decoder, error) {
			d, err := inner(r)
			if err != nil {
				return nil, err
			}
			return &sharedDecoder{d, m}, nil
		}
	})
	return w.run(), m
}

func (m *machine) decodes(cameras float64) {
	m.cost.Store(int64(machineProcessors * float64(m.every) / cameras))
}

// crowd adds cameras.
func (w *world) crowd(cameras int, every time.Duration) {
	for n := range cameras {
		w.add(fmt.Sprintf("%02d", n), w.script(fmt.Sprint("h", n), step{units: -1, every: every}), nil)
		after(3 * time.Millisecond)
	}
}

// whole returns how many of the cameras run and have lost nothing for a while, the eldest
// first up to the first that has. The others must be short of pictures, and say so.
func (w *world) whole(ids []string, every time.Duration) (whole int) {
	w.t.Helper()
	before := map[string]Snapshot{}
	const long = 5 * time.Second
	for was := -1; was != w.changes(); { // a while in which nobody's ration changed
		was = w.changes()
		for _, id := range ids {
			before[id] = w.get(id)
		}
		after(long)
	}
	lacking := ""
	for _, id := range ids {
		s, was := w.get(id), before[id]
		frames := s.Counters.FramesPublished - was.Counters.FramesPublished
		switch {
		case s.State == StateRunning && frames >= uint64(long/every)-3:
			if lacking != "" {
				w.t.Errorf("camera %s is whole, although %s, which is older, is not", id, lacking)
			}
			whole++
		case s.State == StateDegraded && s.Fault.Class == fault.Limit && frames <= uint64(long/time.Second)+1:
			lacking = id
		default:
			w.t.Errorf("camera %s is %v with %v and has %d frames in %v", id, s.State, s.Fault.Class, frames, long)
		}
	}
	return whole
}

// changes is how often rations changed.
func (w *world) changes() int { return strings.Count(w.logs.String(), "is decoded") }

func ids(from, to, step int) (list []string) {
	for n := from; n < to; n += step {
		list = append(list, fmt.Sprintf("%02d", n))
	}
	return list
}

// With twice the cameras that can be decoded, the eldest stay whole, the newest show key
// frames and say why, and no camera is admitted. When the load has gone, all are whole
// within ten seconds.
func TestRationing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newMachine(t, unitEvery, 8, machineProcessors)
		defer w.stop()
		w.crowd(16, unitEvery)
		after(40 * time.Second)
		if n := w.whole(ids(0, 16, 1), unitEvery); n < 5 || n > 8 {
			t.Errorf("%d of 8 cameras that could be decoded are whole", n)
		}
		if s := w.get("15"); s.Fault.Message != errProcessors.Error() || s.Counters.ConnectAttempts != 1 {
			t.Errorf("%d connections, %q", s.Counters.ConnectAttempts, s.Fault.Message)
		}
		frames := w.get("15").Counters.FramesPublished
		after(10 * time.Second)
		if n := w.get("15").Counters.FramesPublished - frames; n < 8 || n > 11 {
			t.Errorf("%d key frames of the newest in 10 s", n)
		}
		if n := w.m.Rationed(); n < 8 || n > 11 {
			t.Errorf("%d cameras give way", n)
		}
		_, err := w.m.Add(t.Context(), "more", config.Camera{URL: "rtsp://h/more"})
		if !errors.Is(err, ErrOverloaded) || !strings.Contains(err.Error(), "decoding can't keep up") {
			t.Errorf("one more: %v", err)
		}
		w.add("quiet", "rtsp://h/quiet", func(c *config.Camera) { c.Decode.Mode = config.DecodeNone })

		for _, id := range ids(0, 16, 2) {
			if err := w.m.Remove(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
		after(8 * time.Second)
		for _, id := range ids(1, 16, 2) {
			w.expect(id, StateRunning, fault.None)
		}
		if n := w.m.Rationed(); n != 0 {
			t.Errorf("%d give way after the overload", n)
		}
		if n := w.whole(ids(1, 16, 2), unitEvery); n != 8 {
			t.Errorf("%d of 8 are whole after the overload", n)
		}
		w.add("more", "rtsp://h/more", nil)
	})
}

// What not even key frames are decoded of is nothing, and the eldest are the last that
// this happens to.
func TestRationingToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 5 * unitEvery // and a key frame in two seconds
		w, m := newMachine(t, every, 1, machineProcessors)
		defer w.stop()
		w.crowd(20, every)
		after(50 * time.Second)
		n := int(w.decoders.Load())
		if n < 3 || n > 12 {
			t.Errorf("%d cameras are decoded", n)
		}
		for i, id := range ids(0, 20, 1) {
			if s := w.expect(id, StateDegraded, fault.Limit); (s.Backend != "") != (i < n) {
				t.Errorf("camera %d is decoded by %q, and %d are decoded", i, s.Backend, n)
			}
		}
		m.decodes(100)
		after(5 * time.Minute)
		if n := w.whole(ids(0, 20, 1), every); n != 20 {
			t.Errorf("%d are whole on a faster machine", n)
		}
	})
}

// A camera that is too much for a processor is its own trouble, a machine that stands
// still for some seconds is none, and without processors nobody gives way.
func TestRationingOnlyInNeed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		trouble func(w *world, m *machine)
	}{
		{"nothing", func(*world, *machine) { after(20 * time.Second) }},
		{"stands still", func(_ *world, m *machine) {
			for range 2 {
				for range machineProcessors {
					m.slots <- struct{}{}
				}
				after(4 * time.Second)
				for range machineProcessors {
					<-m.slots
				}
				after(20 * time.Second)
			}
		}},
		{"works a backlog off", func(w *world, m *machine) {
			m.decodes(9)
			after(time.Second)
			for range machineProcessors {
				m.slots <- struct{}{}
			}
			after(6 * time.Second)
			for range machineProcessors {
				<-m.slots
			}
			late := 0
			for range 60 {
				after(time.Second)
				if s := w.get("03"); time.Since(s.LastFrame) > lateAfter {
					late++
				}
			}
			if late < rationAfter || w.get("03").Counters.DroppedQueue != 0 {
				w.t.Errorf("late for %d seconds, %d dropped", late, w.get("03").Counters.DroppedQueue)
			}
		}},
		{"slow for some seconds", func(_ *world, m *machine) {
			m.decodes(4)
			after(5 * time.Second)
			m.decodes(16)
			after(30 * time.Second)
		}},
		{"off", func(w *world, m *machine) {
			m.decodes(4)
			after(30 * time.Second)
			if s := w.get("07"); s.Counters.DroppedQueue == 0 {
				w.t.Error("there was no overload")
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				known := machineProcessors
				if tc.name == "off" {
					known = 0
				}
				every := 2 * unitEvery
				if tc.name == "works a backlog off" {
					every = 5 * unitEvery // whose queues hold more than comes in meanwhile
				}
				w, m := newMachine(t, every, 16, known)
				defer w.stop()
				w.crowd(8, every)
				tc.trouble(w, m)
				if s := w.logs.String(); strings.Contains(s, "less is decoded") {
					t.Error(s)
				}
			})
		})
	}
	t.Run("slow cameras", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(c *ManagerConfig) { c.Processors = machineProcessors }).run()
			defer w.stop()
			w.cost.Store(int64(2 * unitEvery))
			w.crowd(machineProcessors, unitEvery)
			after(time.Minute)
			if n := w.m.Rationed(); n != 0 || w.get("00").Counters.DroppedQueue == 0 {
				t.Errorf("%d give way", n)
			}
		})
	})
}

// An overload that stays is not felt again and again: who is decoded changes seldom, and
// ever more seldom.
func TestRationingDoesNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 5 * unitEvery
		w, _ := newMachine(t, every, 8, machineProcessors)
		defer w.stop()
		w.crowd(9, every)
		after(5 * time.Minute)
		first := w.changes()
		after(10 * time.Minute)
		if more := w.changes() - first; first < 1 || first > 12 || more > 8 {
			t.Errorf("%d changes in 5 minutes, %d in the 10 after", first, more)
		}
	})
}

// Cameras that do what their fault asks for are whole again without waiting for a try.
func TestRationGoesWithWhatIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		within time.Duration
		change func(*config.Camera)
	}{
		"lower rate": {18 * time.Second, func(c *config.Camera) { c.URL = "rtsp://slow/x" }},
		"smaller":    {8 * time.Second, func(c *config.Camera) { c.URL = "rtsp://small/x" }},
		"key frames": {8 * time.Second, func(c *config.Camera) { c.Decode.Mode = config.DecodeKeyframes }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const every = 2 * unitEvery
				w, m := newMachine(t, every, 5, machineProcessors)
				defer w.stop()
				w.script("slow", step{units: -1, every: 10 * every})
				w.script("small", step{units: -1, every: every, change: func(_ int, au *media.AccessUnit) {
					au.Format = &media.Format{Codec: media.CodecH264, Width: 16, Height: 16}
				}})
				w.crowd(10, every)
				after(30 * time.Second)
				before := w.m.Rationed()
				for _, id := range ids(0, 10, 1) {
					if w.get(id).State == StateDegraded {
						w.update(id, tc.change)
					}
				}
				if name == "smaller" {
					m.decodes(100)
				}
				after(tc.within)
				if n := w.m.Rationed(); before < 4 || n != 0 {
					t.Errorf("%d gave way, and %d do when little is asked for", before, n)
				}
			})
		})
	}
}

// Cameras that ask for no more than key frames lack nothing when they get no more.
func TestOnlyCamerasThatLackAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newMachine(t, unitEvery, 8, machineProcessors)
		defer w.stop()
		w.crowd(16, unitEvery)
		for _, id := range []string{"14", "15"} {
			w.update(id, func(c *config.Camera) { c.Decode.Mode, c.Decode.MaxFPS = config.DecodeKeyframes, 1 })
		}
		after(40 * time.Second)
		degraded := 0
		for _, id := range ids(0, 16, 1) {
			if w.get(id).State == StateDegraded {
				degraded++
			}
		}
		if n := w.m.Rationed(); n != degraded || n == 0 || n > 12 {
			t.Errorf("%d give way, and %d say so", n, degraded)
		}
		for _, id := range []string{"14", "15"} {
			w.expect(id, StateRunning, fault.None)
			if r := ration(w.m.cameras[id].camera.ration.Load()); r != rationKeys {
				t.Errorf("%s has ration %d: it was to be among those that give way", id, r)
			}
		}
	})
}

// Cameras whose decoders are still being made are not late: that takes no processor, and
// passes.
func TestDecodersThatTakeLongToMake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := make(chan struct{}, 1)
		w := newWorld(t, func(c *ManagerConfig) {
			c.Processors = machineProcessors
			inner := c.NewDecoder
			c.NewDecoder = func(r DecoderRequest) (decoder.Decoder, error) {
				one <- struct{}{}
				<-time.After(400 * time.Millisecond)
				<-one
				return inner(r)
			}
		}).run()
		defer w.stop()
		w.crowd(40, 5*unitEvery)
		after(30 * time.Second)
		if s := w.logs.String(); strings.Contains(s, "less is decoded") {
			t.Error(s)
		}
	})
}

// A camera that is decoded a key frame a second of anyway gives way only to nothing; one of
// single pictures shows one a second; and a change of the specification does not end a
// ration.
func TestPolicyUnderRation(t *testing.T) {
	seldom := &policy{mode: config.DecodeKeyframes, interval: time.Second}
	if seldom.at(rationKeys) != seldom || seldom.at(rationNone) != seldom {
		t.Error("a key frame a second is less than a key frame a second")
	}
	often := &policy{mode: config.DecodeKeyframes}
	if p := often.at(rationKeys); p.interval != time.Second || !p.rationed || !p.keys {
		t.Errorf("%+v", p)
	}
	all := &policy{mode: config.DecodeAll, interval: 2 * time.Second}
	if p := all.at(rationKeys); p.mode != config.DecodeKeyframes || p.interval != 2*time.Second || !p.rationed || all.rationed {
		t.Errorf("%+v", p)
	}
	if all.at(rationAll) != all {
		t.Error("a ration of everything is less")
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: -1, change: func(_ int, au *media.AccessUnit) {
			au.RandomAccess = true
			au.Format = &media.Format{Codec: media.CodecMJPEG, Width: 64, Height: 48}
		}}), nil)
		for _, mode := range []config.DecodeMode{config.DecodeAll, config.DecodeKeyframes} {
			w.update("a", func(c *config.Camera) { c.Decode.Mode = mode })
			after(time.Second)
			w.m.cameras["a"].camera.setRation(rationKeys)
			after(time.Second)
			w.update("a", func(c *config.Camera) { c.Frame.RingSize++ })
			before := w.get("a").Counters.FramesPublished
			after(10 * time.Second)
			s := w.expect("a", StateDegraded, fault.Limit)
			if n := s.Counters.FramesPublished - before; n < 9 || n > 11 {
				t.Errorf("%v: %d pictures in 10 s", mode, n)
			}
			w.m.cameras["a"].camera.setRation(rationAll)
			after(time.Second)
			w.expect("a", StateRunning, fault.None)
		}
	})
}

// A camera of which key frames are to be decoded anyway, and which sends one every two
// seconds, lacks nothing under a ration and has no fault.
func TestKeyframesLackNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: -1, every: 200 * time.Millisecond}), func(c *config.Camera) { c.Decode.Mode = config.DecodeKeyframes })
		after(time.Second)
		w.m.cameras["a"].camera.setRation(rationKeys)
		before := w.get("a").Counters.FramesPublished
		after(20 * time.Second)
		if s := w.expect("a", StateRunning, fault.None); s.Counters.FramesPublished-before < 9 || s.LastFault.Count > 0 {
			t.Errorf("%d key frames in 20 s, %v", s.Counters.FramesPublished-before, s.LastFault)
		}
	})
}

// When a ration ends decoding begins anew at a key frame, also when the first picture after
// it is one that the policy leaves out.
func TestRationEndsAtAKeyFrame(t *testing.T) {
	for _, mode := range []config.DecodeMode{config.DecodeAll, config.DecodeSkipNonReference} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil).run()
			defer w.stop()
			w.add("a", w.script("h", step{units: -1}), func(c *config.Camera) { c.Decode.Mode = mode })
			for n := range gopUnits {
				after(time.Second + time.Duration(n)*unitEvery)
				w.m.cameras["a"].camera.setRation(rationKeys)
				after(time.Second + unitEvery/2)
				w.m.cameras["a"].camera.setRation(rationAll)
			}
			after(time.Second)
			w.expect("a", StateRunning, fault.None) // and stop looks at where decoding began
		})
	}
}
