package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// The targets, per camera of 720p 25 fps 2 Mbit/s.
const (
	cameraCount  = 8
	targetCores  = 0.048
	targetMemory = 16  // MB
	targetRatio  = 0.6 // of one ffmpeg process per camera
)

// The contender that has targets, and the one that is the floor under all.
const (
	own   = "frameport"
	floor = "decode_only"
)

// contender is one way to have all frames of some cameras decoded and a JPEG of
// each every second.
type contender struct {
	name, how string
	// start returns when it is fed. Whatever it starts ends with stop.
	start func(ctx context.Context, l *lab, f *farm) (running, error)
}

// running is a contender at work.
type running interface {
	pids() []int
	// empty is what its processes occupied before the first camera, zero when
	// they would not be there without cameras.
	empty() memory
	// check is told how much time passed in the measurement and returns an error
	// if less was done than should have been.
	begin(ctx context.Context) error
	check(ctx context.Context, window time.Duration) error
	stop()
}

func contenders(l *lab) []contender {
	list := []contender{
		{own, "one worker, JPEG by GetFrame over gRPC", startFrameport},
		{"ffmpeg", "one ffmpeg process per camera, -vf fps=1, JPEG to a file", startFFmpeg("")},
		{"ffmpeg_1thread", "the same with -threads 1", startFFmpeg("1")},
	}
	if l.hasOpenCV("opencv") {
		list = append(list,
			contender{"opencv", "one process, one thread per camera: read() every frame, imencode() one a second", startOpenCV("read")},
			contender{"opencv_grab", "the same with grab() for every frame and retrieve() for one a second", startOpenCV("grab")})
	}
	list = append(list, contender{floor, "libavcodec alone at the same pace, no network, no JPEG", startDecoding})
	if l.contenders == "" {
		return list
	}
	return slices.DeleteFunc(list, func(c contender) bool { return !slices.Contains(strings.Split(l.contenders, ","), c.name) })
}

func measurePerCamera(ctx context.Context, l *lab) error {
	return l.perCamera(ctx, camera720(), contenders(l))
}

// measurePerCameraBaseline takes the contenders that matter, for time's sake.
func measurePerCameraBaseline(ctx context.Context, l *lab) error {
	return l.perCamera(ctx, simple720(), slices.DeleteFunc(contenders(l), func(c contender) bool {
		return c.name != own && c.name != "ffmpeg" && c.name != floor
	}))
}

func (l *lab) perCamera(ctx context.Context, load recipe, list []contender) error {
	f, err := l.startFarm(ctx, load, cameraCount, 0, false)
	if err != nil {
		return err
	}
	defer f.stop()
	samples := make(map[string][]sample) // by contender
	for turn := range l.repeat {
		for _, c := range list {
			l.say("    %d of %d: %s", turn+1, l.repeat, c.name)
			s, err := l.measureContender(ctx, c, f)
			switch {
			case err == nil:
				s.turn = turn
				samples[c.name] = append(samples[c.name], s)
			case ctx.Err() != nil || c.name == own:
				return fmt.Errorf("%s: %w", c.name, err)
			default: // a reference that did not keep up is no reference
				l.say("    %s: this turn does not count: %v", c.name, err)
			}
		}
	}
	if err := l.reportFullSpeed(ctx, load, f.clip); err != nil {
		return err
	}
	l.reportPerCamera(load, slices.DeleteFunc(list, func(c contender) bool { return samples[c.name] == nil }), samples)
	return nil
}

func (l *lab) reportPerCamera(load recipe, list []contender, samples map[string][]sample) {
	suffix := ", " + load.profile
	var sender, others []float64
	for _, c := range list {
		v := column(samples[c.name], func(s sample) float64 { return s.cores })
		r := row{Name: "CPU per camera, " + c.name + suffix, Value: median(v), Unit: "core", Detail: c.how + "; " + each(v)}
		if c.name == own {
			r.Limit = targetCores
			r.Detail = fmt.Sprintf("%d cameras %v; %s", cameraCount, load, r.Detail)
		}
		l.report(r)
		if c.name != floor { // which has no sender
			sender = append(sender, column(samples[c.name], func(s sample) float64 { return s.sender })...)
		}
		others = append(others, column(samples[c.name], func(s sample) float64 { return s.others })...)
	}
	l.reportRatios(suffix, list, samples)
	for _, c := range list {
		rss := column(samples[c.name], func(s sample) float64 { return s.rss / 1e6 })
		pss := column(samples[c.name], func(s sample) float64 { return s.pss / 1e6 })
		r := row{Name: "memory per camera, " + c.name + suffix, Value: median(rss), Unit: "MB RSS", Detail: each(rss)}
		p := row{Name: r.Name, Value: median(pss), Unit: "MB PSS", Detail: each(pss)}
		if c.name == own {
			r.Limit, p.Limit = targetMemory, targetMemory
			r.Detail = "above the empty worker; " + r.Detail
		}
		l.report(r)
		l.report(p)
	}
	l.report(row{Name: "sender, CPU per camera", Value: median(sender), Unit: "core", Detail: "the simulated cameras, booked to nobody"})
	l.report(row{Name: "rest of the machine, CPU", Value: median(others), Unit: "core", Detail: "during the rows above; " + spread(others)})
}

// reportFullSpeed says what decoding costs when it is never interrupted: the
// difference to the floor is what waking up 25 times a second costs.
func (l *lab) reportFullSpeed(ctx context.Context, load recipe, clip string) error {
	var times []float64
	for range l.repeat {
		out, err := exec.CommandContext(ctx, l.self, "decode", "-clip", clip, "-frames", "1000").Output()
		if err != nil {
			return err
		}
		times = append(times, float64(atoi(strings.TrimSpace(string(out))))/1e6)
	}
	ms := median(times)
	l.report(row{
		Name: "decoding alone at full speed, " + load.profile, Value: ms, Unit: "ms/frame",
		Detail: fmt.Sprintf("one decoder; %s core at %d fps; %s", number(ms*float64(load.fps)/1000), load.fps, each(times)),
	})
	return nil
}

// reportRatios compares the worker with the others, each turn with its own: what
// else the machine did changed from turn to turn.
func (l *lab) reportRatios(suffix string, list []contender, samples map[string][]sample) {
	for _, c := range list {
		if c.name == own || samples[own] == nil {
			continue
		}
		var v []float64
		for _, s := range samples[c.name] {
			mine := slices.IndexFunc(samples[own], func(m sample) bool { return m.turn == s.turn })
			v = append(v, samples[own][mine].cores/s.cores) // own has every turn
		}
		r := row{Name: "CPU ratio, frameport to " + c.name + suffix, Value: median(v), Unit: "×", Detail: "same run, median of the turns; " + each(v)}
		if c.name == "ffmpeg" {
			r.Limit = targetRatio
		}
		l.report(r)
	}
}

func column(samples []sample, what func(sample) float64) []float64 {
	var out []float64
	for _, s := range samples {
		out = append(out, what(s))
	}
	return out
}

// settle is the time from start to measurement: longer than ffmpeg probes.
const settle = 6 * time.Second

func (l *lab) measureContender(ctx context.Context, c contender, f *farm) (sample, error) {
	r, err := c.start(ctx, l, f)
	if err != nil {
		return sample{}, err
	}
	defer r.stop()
	if err := pause(ctx, settle); err != nil {
		return sample{}, err
	}
	if err := r.begin(ctx); err != nil {
		return sample{}, err
	}
	profiled := func() {}
	if c.name == own {
		profiled = l.profile(ctx, "per_camera", r.pids()[0])
	}
	m := &meter{pids: r.pids(), sender: f.pid()}
	if err := m.begin(); err != nil {
		return sample{}, err
	}
	if err := pause(ctx, l.window); err != nil {
		return sample{}, err
	}
	s, err := m.end()
	if err != nil {
		return s, err
	}
	profiled()
	mem, err := readMemory(m.pids...)
	if err != nil {
		return s, err
	}
	empty := r.empty()
	s.cores /= cameraCount
	s.sender /= cameraCount
	s.rss = (mem.rss - empty.rss) / cameraCount
	s.pss = (mem.pss - empty.pss) / cameraCount
	return s, r.check(ctx, l.window)
}
