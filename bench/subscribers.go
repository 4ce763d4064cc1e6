package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

const subscriberCount = 50

func measureSubscribers(ctx context.Context, l *lab) error {
	return l.subscribers(ctx, camera720(), subscriberCount)
}

// position names a frame of a camera.
type position struct{ epoch, sequence uint64 }

// subscribers has many readers follow one camera, each on a connection of its own, and
// compares how often the worker encoded with how many frames they saw.
func (l *lab) subscribers(ctx context.Context, camera recipe, count int) error {
	f, err := l.startFarm(ctx, camera, 1, 0, false)
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
	before, err := w.made(ctx)
	if err != nil {
		return err
	}
	seen := make([][]position, count)
	begin := time.Now()
	s, err := l.metered(w, f, func() error {
		all, ctx := errgroup.WithContext(ctx)
		for i := range seen {
			all.Go(func() (err error) {
				seen[i], err = w.subscribe(ctx, ids[0], l.window)
				return err
			})
		}
		return all.Wait()
	})
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	after, err := w.made(ctx)
	if err != nil {
		return err
	}
	frames, delivered := map[position]struct{}{}, 0
	for _, list := range seen {
		delivered += len(list)
		for _, p := range list {
			frames[p] = struct{}{}
		}
	}
	l.report(row{
		Name:  fmt.Sprintf("encodes per frame, %d readers of one camera's JPEG", count),
		Value: after.since(before).count / float64(len(frames)), Unit: "encodes/frame", Limit: 1, Exact: true,
		Detail: fmt.Sprintf("by the worker's metrics; %d frames in %s s, each delivered to %s readers; worker %s core",
			len(frames), number(took), number(float64(delivered)/float64(len(frames))), number(s.cores)),
	})
	return nil
}

// subscribe reads a camera with one credit for a time, and then what it is still owed.
func (w *worker) subscribe(ctx context.Context, id string, window time.Duration) ([]position, error) {
	conn, err := w.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stream, err := frameportv1.NewFrameServiceClient(conn).WatchFrames(ctx)
	if err != nil {
		return nil, err
	}
	next := &frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{
		Start: &frameportv1.WatchFramesStart{CameraIds: []string{id}},
	}}
	if err := stream.Send(next); err != nil {
		return nil, err
	}
	var seen []position
	for begin := time.Now(); ; {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return seen, nil
		}
		if err != nil {
			return nil, err
		}
		seen = append(seen, position{r.GetFrame().GetEpoch(), r.GetFrame().GetSequence()})
		if time.Since(begin) > window {
			err = stream.CloseSend()
		} else {
			err = stream.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}})
		}
		if err != nil {
			return nil, err
		}
	}
}
