package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/testvideo"
)

// arrival is a frame in the reader's hands.
type arrival struct {
	frame *frameportv1.Frame
	at    time.Time
}

// watch reads one camera with one credit for a time. After each frame the reader
// works, and grants the next one only then.
func (w *worker) watch(ctx context.Context, id string, window, work time.Duration) ([]arrival, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.frames.WatchFrames(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{
		Start: &frameportv1.WatchFramesStart{CameraIds: []string{id}},
	}})
	if err != nil {
		return nil, err
	}
	var got []arrival
	for begin := time.Now(); time.Since(begin) < window; {
		r, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		got = append(got, arrival{r.GetFrame(), time.Now()})
		if err := pause(ctx, work); err != nil {
			return nil, err
		}
		err = stream.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}})
		if err != nil {
			return nil, err
		}
	}
	return got, nil
}

// ages are how old frames were in the reader's hands, in milliseconds: since the
// worker had received them, and since the camera began to send them, which the
// pictures themselves tell.
func (f *farm) ages(camera int, got []arrival) (sinceReceived, sinceSent []float64, err error) {
	for _, a := range got {
		sinceReceived = append(sinceReceived, a.at.Sub(a.frame.GetReceivedTime().AsTime()).Seconds()*1000)
		img, err := jpeg.Decode(bytes.NewReader(a.frame.GetData()))
		if err != nil {
			return nil, nil, err
		}
		_, number, err := testvideo.ReadBarcode(img)
		if err != nil {
			return nil, nil, fmt.Errorf("frame %d: %w", a.frame.GetSequence(), err)
		}
		sent, ok := f.sendTime(camera, number, a.at)
		if !ok {
			return nil, nil, fmt.Errorf("picture %d was received and never sent", number)
		}
		sinceSent = append(sinceSent, a.at.Sub(sent).Seconds()*1000)
	}
	if len(got) == 0 {
		return nil, nil, errors.New("no frame received")
	}
	return sinceReceived, sinceSent, nil
}

// Mean age in milliseconds at a reader of 5 fps of a camera of 30 fps.
const (
	targetAge  = 40
	slowReader = 200 * time.Millisecond
)

func measureWatchAge(ctx context.Context, l *lab) error {
	f, err := l.startFarm(ctx, camera720(), 1, 30, true)
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
	got, err := w.watch(ctx, ids[0], max(l.window, 15*time.Second), slowReader)
	if err != nil {
		return err
	}
	received, sent, err := f.ages(0, got[1:]) // the first one waited for nobody
	if err != nil {
		return err
	}
	l.report(row{Name: "WatchFrames, age since received, mean", Value: mean(received), Unit: "ms", Limit: targetAge, Detail: "30 fps camera, reader takes 200 ms, one credit; " + spread(received)})
	l.report(row{Name: "WatchFrames, age since sent, mean", Value: mean(sent), Unit: "ms", Limit: targetAge, Detail: "by the bar code in the picture; " + spread(sent)})
	return nil
}

// targetLatency is from an access unit's arrival to its JPEG in the client's
// hands, p50 in milliseconds.
const targetLatency = 15

func measureLatency(ctx context.Context, l *lab) error {
	for _, count := range []int{1, cameraCount} {
		if err := l.latency(ctx, count); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) latency(ctx context.Context, count int) error {
	f, err := l.startFarm(ctx, camera720(), count, 0, true)
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
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	got, err := w.watch(ctx, ids[0], l.window, 0)
	if err != nil {
		return err
	}
	received, sent, err := f.ages(0, got[1:])
	if err != nil {
		return err
	}
	where := fmt.Sprintf("%d camera(s) running, WatchFrames, one credit", count)
	l.report(row{Name: "RTP sent to JPEG received, p50", Value: quantile(sent, 0.5), Unit: "ms", Limit: targetLatency, Detail: where + "; counted from just before the first packet is written; " + spread(sent)})
	l.report(row{Name: "RTP sent to JPEG received, p95", Value: quantile(sent, 0.95), Unit: "ms", Detail: where})
	l.report(row{Name: "last packet received to JPEG received, p50", Value: quantile(received, 0.5), Unit: "ms", Limit: targetLatency, Detail: where + "; " + spread(received)})
	l.report(row{Name: "last packet received to JPEG received, p95", Value: quantile(received, 0.95), Unit: "ms", Detail: where})
	return nil
}
