package main

import (
	"context"
	_ "embed"
	"errors"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"
)

//go:embed opencv_batch.py
var openCVBatchProgram string

// openCVLoops are processes that make batches as fast as they can, one per core.
type openCVLoops struct {
	list []*child

	mu    sync.Mutex
	turns int       // batches of all since the start
	times []float64 // milliseconds of each since the last call of take
}

// hasOpenCV says whether the references in Python can be measured here.
func (l *lab) hasOpenCV(what string) bool {
	if exec.Command(python, "-c", "import cv2").Run() == nil {
		return true
	}
	l.say("    %s is not measured: %s has no cv2 (apt-get install python3-opencv)", what, python)
	return false
}

// startOpenCVLoops returns when every loop has made a few batches.
func startOpenCVLoops(ctx context.Context, mode string, b batchLoad) (*openCVLoops, error) {
	o := &openCVLoops{}
	for range runtime.NumCPU() {
		c, err := startChild(ctx, "opencv", nil, o.line, python, "-c", openCVBatchProgram, mode,
			strconv.Itoa(b.camera.width), strconv.Itoa(b.camera.height), strconv.Itoa(b.size), strconv.Itoa(b.count))
		if err != nil {
			o.stop()
			return nil, err
		}
		o.list = append(o.list, c)
	}
	err := poll(ctx, 60*time.Second, 10*time.Millisecond, "OpenCV's loops", func() (bool, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.turns >= 5*len(o.list), o.alive()
	})
	if err != nil {
		o.stop()
		return nil, err
	}
	return o, nil
}

func (o *openCVLoops) line(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turns++
	o.times = append(o.times, float64(atoi(s))/1e6)
}

func (o *openCVLoops) alive() error {
	var errs []error
	for _, c := range o.list {
		errs = append(errs, c.alive())
	}
	return errors.Join(errs...)
}

// take returns what each batch took since it was called before.
func (o *openCVLoops) take() []float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	times := o.times
	o.times = nil
	return times
}

func (o *openCVLoops) stop() {
	for _, c := range o.list {
		c.stop()
	}
}
