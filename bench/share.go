package main

import (
	"context"
	"fmt"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// Readers in Python: what inline frames may be of shared ones, per second, and processor
// time per shared frame in milliseconds.
const (
	targetInlinePart = 0.1
	targetPythonTime = 0.3
)

// The cameras for measuring readers: together they have more frames than one core decodes,
// each stays below the rate from which the worker takes pictures for a flood.
const (
	fastCameras = 8
	fastFPS     = 110
)

// fast1080 is a camera that costs next to nothing to decode, so that many new frames a
// second exist: a slow camera would bound the readers instead of their way.
func fast1080() recipe {
	return recipe{width: 1920, height: 1080, fps: 25, seconds: 10, gop: 250, kilobits: 250, noise: 0, profile: "baseline"}
}

func measureShare(ctx context.Context, l *lab) error {
	if err := l.hasPythonClient(); err != nil {
		return err
	}
	if err := l.shareRate(ctx, fast1080(), fastCameras, fastFPS, l.window); err != nil {
		return err
	}
	return l.shareAge(ctx, camera720(), 30, max(l.window, 15*time.Second))
}

// shareRate has a program in Python take frames as fast as it can: where the decoder
// wrote them, and inline as RGB. They take turns.
func (l *lab) shareRate(ctx context.Context, camera recipe, cameras int, fps float64, window time.Duration) error {
	f, err := l.startFarm(ctx, camera, cameras, fps, false)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	ids, err := w.addAll(ctx, f.urls, frameportv1.DecodeMode_DECODE_MODE_ALL)
	if err != nil {
		return err
	}
	var shared, inline []taken
	var converted float64
	for range l.repeat {
		before, err := w.made(ctx)
		if err != nil {
			return err
		}
		t, err := l.read(ctx, w, f, "share", window, 0, ids...)
		if err != nil {
			return err
		}
		after, err := w.made(ctx)
		if err != nil {
			return err
		}
		shared = append(shared, t)
		converted += after.since(before).count
		if t, err = l.read(ctx, w, f, "watch", window, 0, ids...); err != nil {
			return err
		}
		inline = append(inline, t)
	}
	pick := func(from []taken, what func(taken) float64) (out []float64) {
		for _, t := range from {
			out = append(out, what(t))
		}
		return out
	}
	var parts []float64
	frames, broken := 0, 0
	for i := range shared {
		parts = append(parts, inline[i].rate()/shared[i].rate())
		frames += shared[i].Frames
		broken += shared[i].Broken
	}
	others := append(pick(shared, taken.others), pick(inline, taken.others)...)
	load := fmt.Sprintf("%d cameras 1080p, %v fps each, cheap to decode; the reader has a thread and a stream for each shared camera, one for all inline; it reads a byte of every row and page; rest of the machine %s core", cameras, fps, number(median(others)))
	l.report(row{
		Name: "Python reader 1080p, frames a second inline RGB24 as part of ShareFrames", Value: median(parts), Unit: "ratio", Limit: targetInlinePart,
		Detail: fmt.Sprintf("each turn %s; ShareFrames %s, inline %s frames a second; worker %s and %s core; %s",
			each(parts), each(pick(shared, taken.rate)), each(pick(inline, taken.rate)),
			number(median(pick(shared, func(t taken) float64 { return t.machines.cores }))), number(median(pick(inline, func(t taken) float64 { return t.machines.cores }))), load),
	})
	times := pick(shared, taken.perItem)
	l.report(row{
		Name: "Python reader 1080p, ShareFrames, processor time of its process per frame", Value: median(times), Unit: "ms", Limit: targetPythonTime,
		Detail: fmt.Sprintf("user and system time of all threads; each turn %s; %s ms of it in the threads of the loops, the rest in gRPC's; looking at the frame takes %s ms (p50); inline RGB24: %s ms",
			each(times), number(median(pick(shared, taken.ofLoop))), number(median(pick(shared, func(t taken) float64 { return t.BodyP50 }))), number(median(pick(inline, taken.perItem)))),
	})
	l.report(row{
		Name: "Python reader 1080p, ShareFrames, pictures that the worker converted", Value: converted, Unit: "pictures", Exact: true,
		Detail: fmt.Sprintf("by its metrics, while %d frames were leased; a frame is leased where it was decoded, or not at all; %d were written over while they were read", frames, broken),
	})
	return nil
}

// shareAge takes frames and batches slower than cameras send them.
func (l *lab) shareAge(ctx context.Context, camera recipe, fps float64, window time.Duration) error {
	f, err := l.startFarm(ctx, camera, cameraCount, fps, false)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	ids, err := w.addAll(ctx, f.urls, frameportv1.DecodeMode_DECODE_MODE_ALL)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		way, name string
		ids       []string
	}{
		{"share", "ShareFrames", ids[:1]},
		{"watch", "WatchFrames RGB24", ids[:1]},
		{"batches_shared", "StreamBatches SHARED_MEMORY, FLOAT32", ids},
		{"batches", "StreamBatches inline, FLOAT32", ids},
	} {
		t, err := l.read(ctx, w, f, c.way, window, slowReader, c.ids...)
		if err != nil {
			return err
		}
		l.report(row{
			Name:  fmt.Sprintf("Python reader, %s, %d of %d cameras, age since received, mean", c.name, len(c.ids), cameraCount),
			Value: t.AgeMean, Unit: "ms", Limit: targetAge,
			Detail: fmt.Sprintf("%v fps cameras, reader takes %v; p50 %s, p95 %s; %s MB each, %d of them with %d frames; rest of the machine %s core",
				fps, slowReader, number(t.AgeP50), number(t.AgeP95), number(float64(t.Bytes)/1e6), t.Items, t.Frames, number(t.others())),
		})
	}
	return nil
}
