package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// Targets of GetFrame, p50 in milliseconds.
const (
	targetEncode = 5
	targetCached = 1
)

// measureGetFrame asks for the newest frame of a camera, which nobody has asked
// for before, and for the same frame once more.
func measureGetFrame(ctx context.Context, l *lab) error {
	for _, count := range []int{1, cameraCount} {
		if err := l.getFrame(ctx, count); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) getFrame(ctx context.Context, count int) error {
	f, err := l.startFarm(ctx, camera720(), count, 0, false)
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
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	var encode, cached []float64
	bytes := 0
	for begin, i := time.Now(), 0; time.Since(begin) < l.window; i++ {
		// At least two frames later on the same camera, at any phase between two.
		if err := pause(ctx, 80*time.Millisecond+rand.N(40*time.Millisecond)); err != nil {
			return err
		}
		id := ids[i%count]
		first, took, err := w.timed(ctx, id)
		if err != nil {
			return err
		}
		again, tookAgain, err := w.timed(ctx, id)
		if err != nil {
			return err
		}
		encode = append(encode, took)
		bytes += len(first.GetData())
		if again.GetEpoch() == first.GetEpoch() && again.GetSequence() == first.GetSequence() {
			cached = append(cached, tookAgain)
		}
	}
	where := fmt.Sprintf("%d camera(s) running", count)
	size := fmt.Sprintf("%s, %d kB each", where, bytes/len(encode)/1000)
	l.report(row{Name: "GetFrame, must encode, p50", Value: quantile(encode, 0.5), Unit: "ms", Limit: targetEncode, Detail: size + "; " + spread(encode)})
	l.report(row{Name: "GetFrame, must encode, p99", Value: quantile(encode, 0.99), Unit: "ms", Detail: where})
	l.report(row{Name: "GetFrame, just encoded, p50", Value: quantile(cached, 0.5), Unit: "ms", Limit: targetCached, Detail: where + "; " + spread(cached)})
	l.report(row{Name: "GetFrame, just encoded, p99", Value: quantile(cached, 0.99), Unit: "ms", Detail: where})
	return nil
}

// timed is GetFrame and how long it took in milliseconds.
func (w *worker) timed(ctx context.Context, id string) (*frameportv1.Frame, float64, error) {
	begin := time.Now()
	f, err := w.jpeg(ctx, id, 0)
	return f, time.Since(begin).Seconds() * 1000, err
}
