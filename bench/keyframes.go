package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// One frame in ten seconds is asked for of each of many cameras.
const (
	keyframeCameras = 1000
	keyframeEvery   = 10 * time.Second
	keyframeGOP     = 2 * time.Second
	targetMissing   = 1    // % of the frames that were asked for
	targetKeyAge    = 3000 // ms
)

// camera360Slow is a second stream that is looked at now and then.
func camera360Slow() recipe {
	return recipe{width: 640, height: 360, fps: 10, seconds: 10, gop: 20, kilobits: 300, noise: 2, profile: "main"}
}

// measureKeyframes has key frames of many cameras decoded, one of each every ten seconds,
// and one client read all of them as JPEG.
func measureKeyframes(ctx context.Context, l *lab) error {
	n := l.cameras
	if n == 0 {
		n = keyframeCameras
	}
	load := camera360Slow()
	f, err := l.startFarm(ctx, load, n, 0, false)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	if err := w.addSlow(ctx, f.urls); err != nil {
		return err
	}
	if err := w.allRun(ctx, n, heldLimit); err != nil {
		return err
	}
	// So many frames of each camera; the last one may wait for its key frame.
	each := max(2, int(l.window/keyframeEvery))
	window := time.Duration(each)*keyframeEvery + keyframeGOP
	m := &meter{pids: []int{w.pid()}, sender: f.pid()}
	if err := m.begin(); err != nil {
		return err
	}
	got, ages, err := w.readJPEG(ctx, window)
	if err != nil {
		return err
	}
	s, err := m.end()
	if err != nil {
		return err
	}
	mem, err := readMemory(w.pid())
	if err != nil {
		return err
	}
	came := 0
	for _, frames := range got {
		came += min(frames, each)
	}
	name := fmt.Sprintf("%d cameras, a key frame of each in %v", n, keyframeEvery)
	l.report(row{
		Name: name + ", not delivered", Value: 100 * (1 - float64(came)/float64(n*each)), Unit: "%", Limit: targetMissing,
		Detail: fmt.Sprintf("of %d frames that were asked for within %v, JPEG, one client; %d cameras seen; %v", n*each, window, len(got), load),
	})
	l.report(row{Name: name + ", age at the client, p99", Value: quantile(ages, 0.99), Unit: "ms", Limit: targetKeyAge, Detail: "since the worker received it; p50 " + number(quantile(ages, 0.5)) + "; " + spread(ages)})
	l.report(row{Name: name + ", CPU of the worker", Value: s.cores, Unit: "core", Detail: fmt.Sprintf("sender %s core, rest of the machine %s", number(s.sender), number(s.others))})
	l.report(row{Name: name + ", memory of the worker", Value: mem.rss / 1e6, Unit: "MB RSS"})
	return nil
}

// addSlow adds cameras of which a key frame is decoded now and then.
func (w *worker) addSlow(ctx context.Context, urls []string) error {
	all, bounded := errgroup.WithContext(ctx)
	all.SetLimit(8)
	for i, url := range urls {
		all.Go(func() error {
			spec := specOf(url, frameportv1.DecodeMode_DECODE_MODE_KEYFRAMES)
			spec.Decode.MaxFps = 1 / keyframeEvery.Seconds()
			spec.Decode.Linger = durationpb.New(0)
			_, err := w.cameras.AddCamera(bounded, &frameportv1.AddCameraRequest{CameraId: nameOf(i), Spec: spec})
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return fmt.Errorf("add camera: %w", err)
	}
	return nil
}

// readJPEG reads all cameras for a time. It returns how many frames of each came, and how
// old they were in milliseconds.
func (w *worker) readJPEG(ctx context.Context, window time.Duration) (got map[string]int, ages []float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{})
	if err != nil {
		return nil, nil, err
	}
	got = map[string]int{}
	// What was decoded before is handed out first.
	newest := time.Now()
	for begin := time.Now(); time.Since(begin) < window; {
		r, err := stream.Recv()
		if err != nil {
			return nil, nil, err
		}
		f := r.GetFrame()
		received := f.GetReceivedTime().AsTime()
		if received.Before(newest) {
			continue
		}
		got[f.GetCameraId()]++
		ages = append(ages, time.Since(received).Seconds()*1000)
	}
	return got, ages, nil
}
