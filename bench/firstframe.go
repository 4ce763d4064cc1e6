package main

import (
	"context"
	"fmt"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// targetFirst is how much later than one GOP after PLAY the first frame may be at
// the client, in milliseconds.
const targetFirst = 300

// measureFirstFrame adds a camera at evenly spread moments of its GOP. Another
// client holds the stream, so that it does not begin anew for the one that is
// measured.
func measureFirstFrame(ctx context.Context, l *lab) error {
	load := camera720()
	f, err := l.startFarm(ctx, load, 1, 0, true)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	_, err = w.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: "holder", Spec: specOf(f.urls[0], frameportv1.DecodeMode_DECODE_MODE_NONE)})
	if err != nil {
		return err
	}
	if err := w.waitRunning(ctx, "holder"); err != nil {
		return err
	}
	const adds = 10
	gop := time.Duration(load.gop) * time.Second / time.Duration(load.fps)
	var fromPlay, fromAdd, fromKey []float64
	for i := range adds {
		key, ok := f.firstKey(0, time.Now().Add(-gop))
		if !ok {
			return fmt.Errorf("no key picture in %v", gop)
		}
		phase := key.Add(gop + gop*time.Duration(2*i+1)/(2*adds))
		if err := pause(ctx, time.Until(phase)); err != nil {
			return err
		}
		t, err := l.addAndWait(ctx, w, f, fmt.Sprintf("probe-%d", i+1))
		if err != nil {
			return err
		}
		fromAdd = append(fromAdd, t.frame.Sub(t.add).Seconds()*1000)
		fromPlay = append(fromPlay, t.frame.Sub(t.play).Seconds()*1000)
		fromKey = append(fromKey, t.frame.Sub(t.key).Seconds()*1000)
	}
	how := fmt.Sprintf("%d adds spread over the GOP of %v", adds, gop)
	limit := gop.Seconds()*1000 + targetFirst
	l.report(row{Name: "PLAY to first frame at the client, worst", Value: quantile(fromPlay, 1), Unit: "ms", Limit: limit, Detail: how + "; all " + each(fromPlay)})
	l.report(row{Name: "AddCamera to first frame at the client, worst", Value: quantile(fromAdd, 1), Unit: "ms", Detail: "connecting included; p50 " + number(quantile(fromAdd, 0.5))})
	l.report(row{Name: "first key picture sent to first frame at the client, worst", Value: quantile(fromKey, 1), Unit: "ms", Limit: targetFirst, Detail: "p50 " + number(quantile(fromKey, 0.5))})
	return nil
}

// firstFrame is what happened when.
type firstFrame struct{ add, play, key, frame time.Time }

func (l *lab) addAndWait(ctx context.Context, w *worker, f *farm, id string) (firstFrame, error) {
	plays := f.playCount(0)
	t := firstFrame{add: time.Now()}
	_, err := w.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: specOf(f.urls[0], frameportv1.DecodeMode_DECODE_MODE_ALL)})
	if err != nil {
		return t, err
	}
	if _, err := w.jpeg(ctx, id, 10*time.Second); err != nil {
		return t, err
	}
	t.frame = time.Now()
	if _, err := w.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id}); err != nil {
		return t, err
	}
	var played, sent bool
	if t.play, played = f.play(0, plays); !played {
		return t, fmt.Errorf("%s: a frame and no PLAY", id)
	}
	if t.key, sent = f.firstKey(0, t.play.Add(-watchPlays)); !sent || t.key.After(t.frame) {
		return t, fmt.Errorf("%s: a frame and no key picture after PLAY", id)
	}
	return t, nil
}
