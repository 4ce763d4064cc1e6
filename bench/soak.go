package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

const (
	soakCameras = 50 // at protocol level, unless -cameras says another number
	soakVictims = 5
	soakFPS     = 10
	// soakSettle is the time for cameras that were hurt last to come back.
	soakSettle = 90 * time.Second
	// soakLong is how long a run must be for its trends to mean something.
	soakLong = 30 * time.Minute
)

// soak is one run.
type soak struct {
	*site
	lab     *lab
	quiet   []*camsim.Handle // of which nothing is decoded, never hurt
	victims []*camsim.Handle
	dice    *rand.Rand
	faults  []camsim.Fault

	hurt, guests, stuck int
	memory              []point

	mu     sync.Mutex
	broken []string // invariants, by guests
}

type point struct{ seconds, bytes float64 }

// measureSoak hurts a camera every second and adds and removes two, for the window. At
// the end all are back, the others have lost nothing, and nothing is left over.
func measureSoak(ctx context.Context, l *lab) error {
	s := &soak{lab: l, dice: rand.New(rand.NewPCG(1, 1)), faults: passing()}
	var err error
	if s.site, err = l.startSite(ctx, l.decoded, soakFPS); err != nil {
		return err
	}
	defer s.close()
	n := l.cameras
	if n == 0 {
		n = soakCameras
	}
	if s.quiet, err = s.more(ctx, "quiet", n, frameportv1.DecodeMode_DECODE_MODE_NONE, 10); err != nil {
		return err
	}
	all := l.decoded + n
	if err := s.allRun(ctx, all, time.Minute); err != nil {
		return err
	}
	if err := s.repeat(ctx, growthWarm, s.comeAndGo); err != nil {
		return err
	}
	before, err := s.held(ctx)
	if err != nil {
		return err
	}
	if s.victims, err = s.more(ctx, "victim", soakVictims, frameportv1.DecodeMode_DECODE_MODE_ALL, soakFPS); err != nil {
		return err
	}
	all += soakVictims
	if err := s.allRun(ctx, all, time.Minute); err != nil {
		return err
	}
	var broken []string
	bounded, cancel := context.WithTimeout(ctx, l.window)
	defer cancel()
	var readers errgroup.Group
	watched := make([]watched, l.decoded)
	for i := range watched {
		readers.Go(func() (err error) {
			watched[i], err = s.follow(bounded, fmt.Sprintf("cam-%d", i+1), s.clips[1].Camera)
			return err
		})
	}
	readers.Go(func() error { return s.neverRead(bounded) })
	begin := time.Now()
	if err := s.work(bounded, ctx); err != nil {
		return err
	}
	if err := readers.Wait(); err != nil {
		return err
	}
	var frames int
	var early, late []float64
	for _, w := range watched {
		frames += w.frames
		broken = append(broken, w.broken...)
		for _, a := range w.ages {
			switch since := a.at.Sub(begin); {
			case since < l.window/6:
				early = append(early, a.ms)
			case since > l.window-l.window/6:
				late = append(late, a.ms)
			}
		}
	}
	broken = append(broken, s.broken...) // the guests have gone
	s.heal()
	if err := s.allRun(ctx, all, soakSettle); err != nil {
		broken = append(broken, err.Error())
	}
	unhurt, err := s.unhurt(ctx)
	if err != nil {
		return err
	}
	broken = append(broken, unhurt...)
	// What a session takes depends on what was learned of its camera, such as the transport.
	for i := range s.victims {
		if _, err := s.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: fmt.Sprintf("victim-%d", i+1)}); err != nil {
			return err
		}
	}
	after, err := s.rest(ctx, before)
	if err != nil {
		return err
	}
	slices.Sort(broken)
	detail := fmt.Sprintf("%d cameras at protocol level, %d decoded, %d hurt %d times, %d added and removed, %d frames read and checked, %d clients that never read were cut", n, l.decoded, soakVictims, s.hurt, s.guests, frames, s.stuck)
	if len(broken) > 0 {
		detail += "; the first: " + broken[0]
	}
	l.report(row{Name: fmt.Sprintf("soak of %v, invariants broken", l.window), Value: float64(len(broken)), Unit: "", Exact: true, Detail: detail})
	l.report(row{Name: "soak, goroutines more", Value: after.goroutines - before.goroutines, Unit: "goroutines", Exact: true})
	l.report(row{Name: "soak, descriptors more", Value: after.descriptors - before.descriptors, Unit: "descriptors", Exact: true})
	var mostSlope, mostAge float64
	if l.window >= soakLong {
		mostSlope, mostAge = max(1, 0.01*s.memory[len(s.memory)-1].bytes/1e6), 1.1
	}
	l.report(row{
		Name: "soak, slope of resident memory", Value: slope(s.memory[len(s.memory)/3:]) * 3600 / 1e6, Unit: "MB/h",
		Limit:  mostSlope,
		Detail: fmt.Sprintf("over the last two thirds; %s MB at first, %s MB at the end", number(s.memory[0].bytes/1e6), number(s.memory[len(s.memory)-1].bytes/1e6)),
	})
	l.report(row{
		Name: "soak, age of frames at readers, p99, last sixth as part of the first", Value: quantile(late, 0.99) / quantile(early, 0.99), Unit: "", Limit: mostAge,
		Detail: fmt.Sprintf("since the worker received them, ms: p99 %s, %s; at first p99 %s, %s",
			number(quantile(late, 0.99)), spread(late), number(quantile(early, 0.99)), spread(early)),
	})
	return nil
}

// neverRead has one client that begins a stream and reads nothing, and another one as soon
// as that was cut, until ctx is done.
func (s *soak) neverRead(ctx context.Context) error {
	for {
		leave, err := s.begin(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		before := s.stuck
		err = poll(ctx, time.Minute, time.Second, "a client that never reads is cut", func() (bool, error) {
			t, err := s.totals(ctx)
			s.stuck = int(t["frameport_slow_consumers_total"])
			return s.stuck > before, err
		})
		leave()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// more adds further cameras.
func (s *soak) more(ctx context.Context, name string, count int, mode frameportv1.DecodeMode, fps float64) (out []*camsim.Handle, err error) {
	for i := range count {
		h, err := s.sim.Add(fmt.Sprintf("%s/%d", name, i+1), camsim.Camera{Clip: s.clips[1], FPS: fps})
		if err != nil {
			return nil, err
		}
		id := fmt.Sprintf("%s-%d", name, i+1)
		if _, err := s.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: specOf(h.URL(), mode)}); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// work does one second's work every second until ctx is done. What was begun then goes on
// until rest is done.
func (s *soak) work(ctx, rest context.Context) error {
	var guests sync.WaitGroup
	defer guests.Wait()
	return s.hurtAndVisit(ctx, &guests, rest)
}

func (s *soak) hurtAndVisit(ctx context.Context, guests *sync.WaitGroup, rest context.Context) error {
	begin := time.Now()
	for tick := 0; pause(ctx, time.Until(begin.Add(time.Duration(tick)*time.Second))) == nil; tick++ {
		t, err := s.totals(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.memory = append(s.memory, point{time.Since(begin).Seconds(), t["process_resident_memory_bytes"]})
		v := s.victims[s.dice.IntN(len(s.victims))]
		switch f := s.faults[s.dice.IntN(len(s.faults))]; s.dice.IntN(4) {
		case 0:
			v.Drop(camsim.DropMode(s.dice.IntN(2)))
		case 1:
			v.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{} })
		default:
			v.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{Seed: uint64(tick)}; f.Set(b) })
		}
		s.hurt++
		for lane := range 2 {
			guests.Go(func() {
				if err := s.comeAndGo(rest, lane); err != nil && rest.Err() == nil {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.broken = append(s.broken, fmt.Sprintf("a camera added and removed: %v", err))
				}
			})
			s.guests++
		}
	}
	return nil
}

func (s *soak) heal() {
	for _, v := range s.victims {
		v.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{} })
	}
}

// passing are the faults that pass by themselves once the camera is good again. After a
// refused login or a stream that can't be decoded the worker is silent for minutes, which
// is right.
func passing() []camsim.Fault {
	return slices.DeleteFunc(camsim.Faults(), func(f camsim.Fault) bool {
		switch f.Name {
		case "wrong-password", "bare-challenge", "audio-only", "unknown-codec", "no-track", "huge-picture":
			return true
		}
		return f.Set == nil
	})
}

// unhurt says what cameras that nobody hurt have lost.
func (s *soak) unhurt(ctx context.Context) (broken []string, err error) {
	check := func(id string, h *camsim.Handle) error {
		st, err := s.status(ctx, id)
		if err != nil {
			return err
		}
		sim, c := h.Stats(), st.GetCounters()
		if c.GetReconnects() != 0 || c.GetPacketsLost() != 0 || sim.Overflows != 0 {
			broken = append(broken, fmt.Sprintf("%s: %d reconnects, %d packets lost, %d pictures not taken", id, c.GetReconnects(), c.GetPacketsLost(), sim.Overflows))
		}
		return nil
	}
	for i, h := range s.cams {
		if err := check(fmt.Sprintf("cam-%d", i+1), h); err != nil {
			return nil, err
		}
	}
	for i, h := range s.quiet {
		if err := check(fmt.Sprintf("quiet-%d", i+1), h); err != nil {
			return nil, err
		}
	}
	return broken, nil
}

// slope is that of the line through points that fits best.
func slope(points []point) float64 {
	var x, y, xx, xy float64
	n := float64(len(points))
	for _, p := range points {
		x, y, xx, xy = x+p.seconds, y+p.bytes, xx+p.seconds*p.seconds, xy+p.seconds*p.bytes
	}
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}
