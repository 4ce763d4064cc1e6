package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// targetIsolation is what decoding in child processes may cost in processor time, as a
// part of decoding in the worker, to be the default (docs/decisions/0019).
const targetIsolation = 1.10

// isolationVariable chooses where a worker decodes.
const isolationVariable = "FRAMEPORT_DECODE_ISOLATION"

// measureIsolation compares workers that decode in child processes with workers that do
// it themselves. Both run at the same time, on the same cameras: whatever else the machine
// does hits both alike.
func measureIsolation(ctx context.Context, l *lab) error {
	small := simple720()
	small.width, small.height, small.kilobits = 640, 360, 500
	for _, load := range []recipe{camera720(), simple720(), small} {
		if err := l.isolation(ctx, load); err != nil {
			return err
		}
	}
	return nil
}

// side is one of the two workers.
type side struct {
	*worker
	ids   []string
	empty memory
	// of the window
	cpu    time.Duration
	frames uint64
}

func (l *lab) isolation(ctx context.Context, load recipe) error {
	f, err := l.startFarm(ctx, load, cameraCount, 0, false)
	if err != nil {
		return err
	}
	defer f.stop()
	var sides [2]*side
	for i, mode := range []string{"none", "process"} {
		if sides[i], err = l.startSide(ctx, f, mode); err != nil {
			return err
		}
		defer sides[i].stop()
	}
	asked, end := context.WithCancel(ctx)
	defer end()
	var readers errgroup.Group
	var jpegs [2]atomic.Int64
	for i, s := range sides {
		readers.Go(func() error { return s.jpegs(asked, s.ids, &jpegs[i]) })
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	windows := max(1, int(l.seconds)) * l.repeat
	var ratios []float64
	var cores [2][]float64
	for range windows {
		if err := l.window2(ctx, &sides); err != nil {
			return err
		}
		var each [2]float64
		for i, s := range sides {
			each[i] = s.cpu.Seconds() / float64(s.frames) * 1000
			cores[i] = append(cores[i], each[i])
		}
		ratios = append(ratios, each[1]/each[0])
	}
	name := fmt.Sprintf("%dx%d %s", load.width, load.height, load.profile)
	l.report(row{
		Name: "CPU, isolated to not, " + name, Value: median(ratios), Unit: "×", Limit: targetIsolation,
		Detail: fmt.Sprintf("%d cameras %v on two workers at the same time, a JPEG a second of each; median of %d windows of 2 s; quartiles %s, %s",
			cameraCount, load, windows, number(quantile(ratios, 0.25)), number(quantile(ratios, 0.75))),
	})
	for i, mode := range []string{"in the worker", "in child processes"} {
		l.report(row{Name: "CPU per frame, " + mode + ", " + name, Value: median(cores[i]), Unit: "ms", Detail: spread(cores[i])})
		now, err := readMemory(sides[i].all()...)
		if err != nil {
			return err
		}
		l.report(row{Name: "empty, " + mode + ", " + name, Value: sides[i].empty.pss / 1e6, Unit: "MB PSS", Detail: "worker and child"})
		l.report(row{Name: "memory per camera, " + mode + ", " + name, Value: (now.pss - sides[i].empty.pss) / cameraCount / 1e6, Unit: "MB PSS", Limit: targetMemory, Detail: "worker and children, above the empty ones"})
		l.report(row{Name: "ready, " + mode, Value: sides[i].ready.Seconds() * 1000, Unit: "ms"})
	}
	end()
	return readers.Wait()
}

func (l *lab) startSide(ctx context.Context, f *farm, mode string) (*side, error) {
	if err := os.Setenv(isolationVariable, mode); err != nil { // the worker inherits it
		return nil, err
	}
	defer os.Unsetenv(isolationVariable)
	w, err := l.startWorker(ctx)
	if err != nil {
		return nil, err
	}
	s := &side{worker: w}
	if err = pause(ctx, time.Second); err == nil {
		s.empty, err = readMemory(s.all()...)
	}
	if err == nil {
		s.ids, err = w.addAll(ctx, f.urls, frameportv1.DecodeMode_DECODE_MODE_ALL)
	}
	if err == nil && mode == "process" && len(s.all()) < 2 {
		err = errors.New("the worker has no child")
	}
	if err != nil {
		w.stop()
		return nil, err
	}
	return s, nil
}

// all are the worker's process and those of its children.
func (s *side) all() []int {
	pids := []int{s.pid()}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.pid()))
	if err != nil {
		return pids
	}
	for _, name := range tasks {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			pids = append(pids, atoi(field))
		}
	}
	return pids
}

// window2 measures both for two seconds. Which one is looked at first makes no
// difference: both looks are as far apart.
func (l *lab) window2(ctx context.Context, sides *[2]*side) error {
	look := func(sign int) error {
		for _, s := range sides {
			cpu, err := cpuTime(s.all()...)
			if err != nil {
				return err
			}
			frames, err := s.decoded(ctx, s.ids)
			if err != nil {
				return err
			}
			if sign < 0 {
				s.cpu, s.frames = -cpu, -frames
			} else {
				s.cpu, s.frames = s.cpu+cpu, s.frames+frames
			}
		}
		return nil
	}
	if err := look(-1); err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := look(1); err != nil {
		return err
	}
	for _, s := range sides {
		if s.frames == 0 {
			return errors.New("no frame in two seconds")
		}
	}
	return nil
}
