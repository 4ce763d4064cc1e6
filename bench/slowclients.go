package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

const (
	slowCameras = 20
	slowReaders = 20 // each of all cameras
	deadReaders = 5
	slowFPS     = 5
	targetDead  = 15 // s
)

// tally is what a reader got.
type tally struct {
	frames, skipped uint64 // skipped: for want of speed
	silent          int    // cameras that it saw no frame of
}

// measureSlowClients has readers of all cameras, beside some that begin a stream and never
// read. It counts what the readers lost, and when the others were cut.
func measureSlowClients(ctx context.Context, l *lab) error {
	s, err := l.startSite(ctx, slowCameras, slowFPS)
	if err != nil {
		return err
	}
	defer s.close()
	before, err := s.held(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	window := max(l.window/2, 15*time.Second)
	alone, err := s.readers(ctx, window, func() error { return nil })
	if err != nil {
		return err
	}
	var cut []float64
	most := before.memory
	beside, err := s.readers(ctx, window, func() error {
		begin := time.Now()
		for range deadReaders {
			leave, err := s.begin(ctx)
			if err != nil {
				return err
			}
			defer leave()
		}
		return poll(ctx, time.Minute, 100*time.Millisecond, fmt.Sprintf("%d clients that never read are cut", deadReaders), func() (bool, error) {
			t, err := s.totals(ctx)
			for len(cut) < int(t["frameport_slow_consumers_total"]) {
				cut = append(cut, time.Since(begin).Seconds())
			}
			most = max(most, t["process_resident_memory_bytes"])
			return len(cut) >= deadReaders, err
		})
	})
	if err != nil {
		return err
	}
	l.report(row{
		Name: "20 readers of 20 cameras, frames that they lost for want of speed", Value: float64(beside.skipped), Unit: "frames", Exact: true,
		Detail: fmt.Sprintf("of %d of 160 pixels delivered while 5 clients never read, %d cameras unseen; %d of %d without these, just before", beside.frames, beside.silent, alone.skipped, alone.frames),
	})
	l.report(row{
		Name: "clients that never read, cut after, worst", Value: quantile(cut, 1), Unit: "s", Limit: targetDead,
		Detail: "since they began their streams of full-size JPEG; " + each(cut),
	})
	l.report(row{Name: "memory of the worker meanwhile, growth at most", Value: (most - before.memory) / 1e6, Unit: "MB RSS", Limit: 64 * 5 * 1.048576, Detail: "25 readers"})
	return nil
}

// readers has clients read all cameras for a time and adds up what they got. Meanwhile
// something else happens.
func (s *site) readers(ctx context.Context, window time.Duration, meanwhile func() error) (sum tally, err error) {
	got := make([]tally, slowReaders)
	all, ctx := errgroup.WithContext(ctx)
	for i := range got {
		all.Go(func() (err error) {
			got[i], err = s.readAll(ctx, window)
			return err
		})
	}
	all.Go(meanwhile)
	err = all.Wait()
	for _, g := range got {
		sum.frames += g.frames
		sum.skipped += g.skipped
		sum.silent += g.silent
	}
	return sum, err
}

// begin begins a stream of pictures, on a connection of its own, of which nothing is
// read.
func (s *site) begin(ctx context.Context) (leave func(), err error) {
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStaticStreamWindowSize(64<<10), grpc.WithStaticConnWindowSize(64<<10))
	if err != nil {
		return nil, err
	}
	_, err = frameportv1.NewFrameServiceClient(conn).StreamFrames(ctx, &frameportv1.StreamFramesRequest{})
	return func() { _ = conn.Close() }, err
}

// readAll reads small pictures of all cameras for a time.
func (s *site) readAll(ctx context.Context, window time.Duration) (t tally, err error) {
	conn, err := s.dial()
	if err != nil {
		return t, err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := frameportv1.NewFrameServiceClient(conn).StreamFrames(ctx, &frameportv1.StreamFramesRequest{
		Output: &frameportv1.OutputSpec{Width: 160},
	})
	if err != nil {
		return t, err
	}
	seen := map[string]bool{}
	for begin := time.Now(); time.Since(begin) < window; {
		r, err := stream.Recv()
		if err != nil {
			return t, err
		}
		seen[r.GetFrame().GetCameraId()] = true
		t.frames++
		t.skipped += r.GetFrame().GetSkipped().GetSlowConsumer()
	}
	t.silent = slowCameras - len(seen)
	return t, nil
}
