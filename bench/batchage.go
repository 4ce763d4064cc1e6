package main

import (
	"context"
	"fmt"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func measureBatchAge(ctx context.Context, l *lab) error {
	load := batchesOf(camera720())
	load.fps = 30 // as for frames (watch_age)
	return l.batchAge(ctx, load, max(l.window, 15*time.Second))
}

// batchAge reads batches slower than cameras send frames, of one camera and of all.
func (l *lab) batchAge(ctx context.Context, load batchLoad, window time.Duration) error {
	f, err := l.startFarm(ctx, load.camera, load.count, load.fps, false)
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
	for _, dtype := range tensorTypes {
		for _, cameras := range [][]string{ids[:1], ids} {
			got, err := w.batches(ctx, cameras, load.tensor(dtype), window, load.work)
			if err != nil {
				return err
			}
			var ages, making []float64
			for _, a := range got {
				ages = append(ages, a.ages()...)
				making = append(making, a.sent.Sub(a.asked).Seconds()*1000)
			}
			l.report(row{
				Name:  fmt.Sprintf("StreamBatches, %s, %d of %d cameras, age since received, mean", typeName(dtype), len(cameras), load.count),
				Value: mean(ages), Unit: "ms", Limit: targetAge,
				Detail: fmt.Sprintf("%v fps cameras, reader takes %v, one credit; %s MB a batch, made in %s ms (p50); %s",
					load.fps, load.work, number(float64(got[0].bytes)/1e6), number(median(making)), spread(ages)),
			})
		}
	}
	return nil
}
