package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

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
