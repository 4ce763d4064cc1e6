package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	door    *door
	unhurt  []*unhurt
	dice    *rand.Rand
	faults  []camsim.Fault

	found   *findings
	secrets *search
	told    *told
	counted []*counted

	hurt, guests, stuck int
	memory              []point
}

type point struct{ seconds, bytes float64 }

// measureSoak hurts a camera every second and adds and removes two, for the window, and
// judges the invariants meanwhile. At the end all are back, the others have lost nothing,
// and nothing is left over.
func measureSoak(ctx context.Context, l *lab) error {
	s := &soak{lab: l, dice: rand.New(rand.NewPCG(1, 1)), faults: passing(), found: &findings{}}
	s.secrets = newSearch(s.found, canary(), wrongCanary())
	s.told = newTold(s.found)
	l.workerLog = &searched{search: s.secrets, where: "the worker's log"}
	defer func() { l.workerLog = nil }()
	var err error
	if s.site, err = l.startSite(ctx, l.decoded, soakFPS); err != nil {
		return err
	}
	defer s.close()
	if err := s.searchAnswers(); err != nil {
		return err
	}
	clips, err := soakClips()
	if err != nil {
		return err
	}
	if err := s.differ(ctx, clips); err != nil {
		return err
	}
	n := l.cameras
	if n == 0 {
		n = soakCameras
	}
	if s.quiet, err = s.more(ctx, "quiet", n, frameportv1.DecodeMode_DECODE_MODE_NONE, nil, s.clips[1]); err != nil {
		return err
	}
	all := l.decoded + n
	if err := s.allRun(ctx, all, time.Minute); err != nil {
		return err
	}
	err = s.repeat(ctx, growthWarm, func(ctx context.Context, lane int) error { return s.comeAndGo(ctx, lane%len(s.cams)) })
	if err != nil {
		return err
	}
	before, err := s.held(ctx)
	if err != nil {
		return err
	}
	login := canary()
	if s.victims, err = s.more(ctx, "victim", soakVictims, frameportv1.DecodeMode_DECODE_MODE_ALL, &login, clips...); err != nil {
		return err
	}
	all += soakVictims
	if err := s.allRun(ctx, all, time.Minute); err != nil {
		return err
	}
	if s.door, err = s.startDoor(ctx); err != nil {
		return err
	}
	defer s.door.sim.Close()
	if err := s.beginUnhurt(ctx); err != nil {
		return err
	}
	begin := time.Now()
	watched, err := s.during(ctx)
	if err != nil {
		return err
	}
	s.heal()
	if err := s.allRun(ctx, all, soakSettle); err != nil {
		s.found.add("after the last fault", err.Error())
	}
	slow, err := s.judgeUnhurt(ctx)
	if err != nil {
		return err
	}
	s.judgeAttempts()
	// What a session takes depends on what was learned of its camera, such as the transport.
	for _, id := range append(s.victimIDs(), doorCamera) {
		if _, err := s.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id}); err != nil {
			return err
		}
	}
	after, err := s.rest(ctx, before)
	if err != nil {
		return err
	}
	frames, early, late := agesOf(watched, begin, l.window)
	for _, text := range s.found.all() {
		l.say("    broken: %s", text)
	}
	broken, judged := s.found.result()
	l.report(row{
		Name: fmt.Sprintf("soak of %v, invariants broken", l.window), Value: float64(broken), Unit: "", Exact: true,
		Detail: fmt.Sprintf("%d cameras at protocol level, %d decoded, %d hurt %d times, %d added and removed, %d frames read of those that nobody hurt, which dropped %d for want of time, %d clients that never read were cut; %s",
			n, l.decoded, soakVictims, s.hurt, s.guests, frames, slow, s.stuck, judged),
	})
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

// during is the window: cameras are hurt, come and go, and all that can be judged
// meanwhile is.
func (s *soak) during(ctx context.Context) ([]watched, error) {
	bounded, cancel := context.WithTimeout(ctx, s.lab.window)
	defer cancel()
	var beside errgroup.Group
	var ids []string
	seen := make([]watched, len(s.cams))
	for i, h := range s.cams {
		id := fmt.Sprintf("cam-%d", i+1)
		ids = append(ids, id)
		beside.Go(func() (err error) {
			seen[i], err = s.follow(bounded, id, h.Clip().Camera, s.found)
			return err
		})
	}
	for i, id := range s.victimIDs() {
		ids = append(ids, id)
		shows := s.victims[i].Clip().Camera
		s.counted = append(s.counted, &counted{id: id, host: "127.0.0.1", handle: s.victims[i]})
		beside.Go(func() error { return s.followHurt(bounded, id, shows) })
	}
	s.counted = append(s.counted,
		&counted{id: doorCamera, host: doorHost, handle: s.door.played},
		&counted{host: doorHost, handle: s.door.closed})
	beside.Go(func() error { return s.compareNewest(bounded, ids) })
	beside.Go(func() error { return s.watchStates(bounded) })
	beside.Go(func() error { return s.askForStates(bounded) })
	beside.Go(func() error { countAttempts(bounded, s.counted); return nil })
	beside.Go(func() error { return s.neverRead(bounded) })
	err := s.work(bounded, ctx)
	if err != nil {
		cancel()
	}
	return seen, errors.Join(err, beside.Wait())
}

func (s *soak) victimIDs() (ids []string) {
	for i := range s.victims {
		ids = append(ids, fmt.Sprintf("victim-%d", i+1))
	}
	return ids
}

// agesOf are the frames that were read, and the ages of those of the first and of the last
// sixth of a window.
func agesOf(all []watched, begin time.Time, window time.Duration) (frames int, early, late []float64) {
	for _, w := range all {
		frames += w.frames
		for _, a := range w.ages {
			switch since := a.at.Sub(begin); {
			case since < window/6:
				early = append(early, a.ms)
			case since > window-window/6:
				late = append(late, a.ms)
			}
		}
	}
	return frames, early, late
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
