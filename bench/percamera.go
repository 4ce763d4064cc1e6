package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// The targets, per camera of 720p 25 fps 2 Mbit/s.
const (
	cameraCount  = 8
	targetCores  = 0.048
	targetMemory = 16  // MB
	targetRatio  = 0.6 // of one ffmpeg process per camera
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
		{"frameport", "one worker, JPEG by GetFrame over gRPC", startFrameport},
		{"ffmpeg", "one ffmpeg process per camera, -vf fps=1, JPEG to a file", startFFmpeg("")},
		{"ffmpeg_1thread", "the same with -threads 1", startFFmpeg("1")},
	}
	if err := exec.Command(python, "-c", "import cv2").Run(); err == nil {
		list = append(list,
			contender{"opencv", "one process, one thread per camera: read() every frame, imencode() one a second", startOpenCV("read")},
			contender{"opencv_grab", "the same with grab() for every frame and retrieve() for one a second", startOpenCV("grab")})
	} else {
		l.say("    opencv is not measured: %s has no cv2 (apt-get install python3-opencv)", python)
	}
	list = append(list, contender{"decode_only", "libavcodec alone at the same pace, no network, no JPEG", startDecoding})
	if l.contenders == "" {
		return list
	}
	return slices.DeleteFunc(list, func(c contender) bool { return !slices.Contains(strings.Split(l.contenders, ","), c.name) })
}

// sample is one measurement of one contender, per camera.
type sample struct{ cores, rss, pss float64 }

func measurePerCamera(ctx context.Context, l *lab) error {
	load := camera720()
	f, err := l.startFarm(ctx, load, cameraCount, 0, false)
	if err != nil {
		return err
	}
	defer f.stop()
	list := contenders(l)
	samples := make([][]sample, len(list))
	var sender, others []float64
	for turn := range l.repeat {
		for i, c := range list {
			l.say("    %d of %d: %s", turn+1, l.repeat, c.name)
			s, around, err := l.measureContender(ctx, c, f)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			samples[i] = append(samples[i], s)
			if c.name != "decode_only" {
				sender = append(sender, around.sender/cameraCount)
			}
			others = append(others, around.others)
		}
	}
	l.reportPerCamera(load, list, samples)
	l.report(row{Name: "sender, CPU per camera", Value: median(sender), Unit: "core", Detail: "the simulated cameras, booked to nobody; " + each(sender)})
	l.report(row{Name: "rest of the machine, CPU", Value: median(others), Unit: "core", Detail: "during the rows above; " + each(others)})
	return nil
}

func (l *lab) reportPerCamera(load recipe, list []contender, samples [][]sample) {
	pick := func(i int, what func(sample) float64) []float64 {
		var out []float64
		for _, s := range samples[i] {
			out = append(out, what(s))
		}
		return out
	}
	cores := func(s sample) float64 { return s.cores }
	rss := func(s sample) float64 { return s.rss / 1e6 }
	pss := func(s sample) float64 { return s.pss / 1e6 }
	for i, c := range list {
		r := row{Name: "CPU per camera, " + c.name, Value: median(pick(i, cores)), Unit: "core", Detail: c.how + "; " + each(pick(i, cores))}
		if c.name == "frameport" {
			r.Limit = targetCores
			r.Detail = fmt.Sprintf("%d cameras %v; %s", cameraCount, load, r.Detail)
		}
		l.report(r)
	}
	own := slices.IndexFunc(list, func(c contender) bool { return c.name == "frameport" })
	for i, c := range list {
		if own < 0 || i == own {
			continue
		}
		r := row{Name: "CPU ratio, frameport to " + c.name, Value: median(pick(own, cores)) / median(pick(i, cores)), Unit: "×", Detail: "same run, medians"}
		if c.name == "ffmpeg" || c.name == "ffmpeg_1thread" {
			r.Limit = targetRatio
		}
		l.report(r)
	}
	for i, c := range list {
		r := row{Name: "memory per camera, " + c.name, Value: median(pick(i, rss)), Unit: "MB RSS", Detail: each(pick(i, rss))}
		if c.name == "frameport" {
			r.Limit = targetMemory
			r.Detail = "above the empty worker; " + r.Detail
		}
		l.report(r)
		l.report(row{Name: "memory per camera, " + c.name, Value: median(pick(i, pss)), Unit: "MB PSS", Limit: r.Limit, Detail: each(pick(i, pss))})
	}
}

// surroundings are what else worked during a measurement, in cores.
type surroundings struct{ sender, others float64 }

// settle is the time from start to measurement: longer than ffmpeg probes.
const settle = 6 * time.Second

func (l *lab) measureContender(ctx context.Context, c contender, f *farm) (sample, surroundings, error) {
	r, err := c.start(ctx, l, f)
	if err != nil {
		return sample{}, surroundings{}, err
	}
	defer r.stop()
	if err := pause(ctx, settle); err != nil {
		return sample{}, surroundings{}, err
	}
	if err := r.begin(ctx); err != nil {
		return sample{}, surroundings{}, err
	}
	profiled := l.profile(ctx, c, r)
	m := &meter{pids: r.pids(), sender: f.pid()}
	if err := m.begin(); err != nil {
		return sample{}, surroundings{}, err
	}
	if err := pause(ctx, l.window); err != nil {
		return sample{}, surroundings{}, err
	}
	s, around, err := m.end()
	if err != nil {
		return s, around, err
	}
	profiled()
	mem, err := readMemory(m.pids...)
	if err != nil {
		return s, around, err
	}
	empty := r.empty()
	s.cores /= cameraCount
	s.rss = (mem.rss - empty.rss) / cameraCount
	s.pss = (mem.pss - empty.pss) / cameraCount
	return s, around, r.check(ctx, l.window)
}

// profile records where the worker spends its time, if that was asked for. The
// function it returns waits for the end.
func (l *lab) profile(ctx context.Context, c contender, r running) func() {
	if l.perf == "" || c.name != "frameport" {
		return func() {}
	}
	p, err := startChild(ctx, "perf", nil, nil, "perf", "record", "-q", "-F", "499", "-g", "-o", l.perf,
		"-p", strings.Trim(fmt.Sprint(r.pids()), "[]"), "--", "sleep", fmt.Sprint(l.window.Seconds()))
	if err != nil {
		l.say("    no profile: %v", err)
		return func() {}
	}
	return func() { <-p.done }
}

// meter measures processes over a time.
type meter struct {
	pids          []int
	sender        int
	at            time.Time
	used, sent    time.Duration
	total, stolen time.Duration
}

func (m *meter) read() (used, sent, total, stolen time.Duration, err error) {
	if used, err = cpuTime(m.pids...); err != nil {
		return
	}
	if sent, err = cpuTime(m.sender); err != nil {
		return
	}
	total, stolen, err = busy()
	return
}

func (m *meter) begin() (err error) {
	m.at = time.Now()
	m.used, m.sent, m.total, m.stolen, err = m.read()
	return err
}

func (m *meter) end() (sample, surroundings, error) {
	used, sent, total, stolen, err := m.read()
	took := time.Since(m.at).Seconds()
	s := sample{cores: (used - m.used).Seconds() / took}
	around := surroundings{sender: (sent - m.sent).Seconds() / took}
	around.others = (total-m.total+stolen-m.stolen).Seconds()/took - s.cores - around.sender
	return s, around, err
}

// atWork is the contender frameport.
type atWork struct {
	*worker
	ids     []string
	base    memory
	frames0 uint64
	got0    int64
	got     atomic.Int64 // JPEGs
	cancel  context.CancelFunc
	reader  chan error
}

func startFrameport(ctx context.Context, l *lab, f *farm) (running, error) {
	w, err := l.startWorker(ctx)
	if err != nil {
		return nil, err
	}
	a := &atWork{worker: w, reader: make(chan error, 1)}
	if err := pause(ctx, 2*time.Second); err != nil { // the collector's first rounds
		w.stop()
		return nil, err
	}
	if a.base, err = readMemory(w.pid()); err == nil {
		a.ids, err = w.addAll(ctx, f.urls, frameportv1.DecodeMode_DECODE_MODE_ALL)
	}
	if err != nil {
		w.stop()
		return nil, err
	}
	reading, cancel := context.WithCancel(ctx)
	a.cancel = cancel
	go func() { // waited for by stop
		a.reader <- w.jpegs(reading, a.ids, &a.got)
	}()
	return a, nil
}

func (a *atWork) pids() []int   { return []int{a.pid()} }
func (a *atWork) empty() memory { return a.base }

func (a *atWork) begin(ctx context.Context) (err error) {
	a.got0 = a.got.Load()
	a.frames0, err = a.decoded(ctx, a.ids)
	return err
}

func (a *atWork) check(ctx context.Context, window time.Duration) error {
	got := a.got.Load() - a.got0
	frames, err := a.decoded(ctx, a.ids)
	if err != nil {
		return err
	}
	if want := 0.97 * 25 * cameraCount * window.Seconds(); float64(frames-a.frames0) < want {
		return fmt.Errorf("%d frames, want at least %.0f", frames-a.frames0, want)
	}
	a.cancel()
	if err := <-a.reader; err != nil {
		return fmt.Errorf("GetFrame: %w", err)
	}
	a.reader <- nil // for stop
	if want := 0.97 * cameraCount * window.Seconds(); float64(got) < want {
		return fmt.Errorf("%d JPEGs, want at least %.0f", got, want)
	}
	return nil
}

func (a *atWork) stop() {
	a.cancel()
	<-a.reader
	a.worker.stop()
}
