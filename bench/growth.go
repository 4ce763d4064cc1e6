package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

const (
	growthAtOnce = 8
	// growthWarm is how much is done before it is counted: what is kept for good, like
	// pools and threads, is there after it.
	growthWarm = 40
	growthRest = 30 * time.Second
)

// site is cameras in this process and a worker that shows them.
type site struct {
	*worker
	sim   *camsim.Server
	clips [2]*testvideo.Clip // of two sizes
	cams  []*camsim.Handle
	next  atomic.Int64
}

// startSite starts a worker with so many decoded cameras.
func (l *lab) startSite(ctx context.Context, count int, fps float64) (s *site, err error) {
	s = &site{}
	for i, name := range []string{"h264_change_a", "h264_change_b"} {
		if s.clips[i], err = testvideo.Load(name); err != nil {
			return nil, err
		}
	}
	if s.sim, err = camsim.Start(camsim.Config{}); err != nil {
		return nil, err
	}
	var urls []string
	for i := range count {
		h, err := s.sim.Add(fmt.Sprintf("camera/%d", i+1), camsim.Camera{Clip: s.clips[1], FPS: fps})
		if err != nil {
			return nil, errors.Join(err, s.sim.Close())
		}
		s.cams, urls = append(s.cams, h), append(urls, h.URL())
	}
	if s.worker, err = l.startWorker(ctx); err != nil {
		return nil, errors.Join(err, s.sim.Close())
	}
	if err := s.add(ctx, urls, frameportv1.DecodeMode_DECODE_MODE_ALL); err != nil {
		s.close()
		return nil, err
	}
	if err := s.allRun(ctx, count, time.Minute); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *site) close() {
	s.stop()
	_ = s.sim.Close() // of no interest once the worker is gone
}

// measureGrowth does things many times and compares what the worker holds before and
// after.
func measureGrowth(ctx context.Context, l *lab) error {
	s, err := l.startSite(ctx, growthAtOnce, 25)
	if err != nil {
		return err
	}
	defer s.close()
	for _, part := range []struct {
		name string
		runs int
		do   func(ctx context.Context, lane int) error
	}{
		{"cameras added, seen and removed", 1000, s.comeAndGo},
		{"sessions ended with FIN", 100, s.reconnect(camsim.DropFIN)},
		{"sessions ended with RST", 100, s.reconnect(camsim.DropRST)},
		{"sizes changed", 1000, s.resize},
		{"readers come and gone", 10_000, s.read},
	} {
		runs := part.runs
		if l.cycles != 0 {
			runs = l.cycles
		}
		if err := s.repeat(ctx, min(growthWarm, runs), part.do); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		before, err := s.held(ctx)
		if err != nil {
			return err
		}
		begin := time.Now()
		if err := s.repeat(ctx, runs, part.do); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		took := time.Since(begin)
		after, err := s.rest(ctx, before)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%d %s, ", runs, part.name)
		detail := fmt.Sprintf("%d at a time, within %s s; resident memory %+.1f MB", growthAtOnce, number(took.Seconds()), (after.memory-before.memory)/1e6)
		l.report(row{Name: name + "goroutines more", Value: after.goroutines - before.goroutines, Unit: "goroutines", Exact: true, Detail: detail})
		l.report(row{Name: name + "descriptors more", Value: after.descriptors - before.descriptors, Unit: "descriptors", Exact: true})
		l.report(row{Name: name + "frames more", Value: after.frames - before.frames, Unit: "frames", Exact: true})
	}
	return nil
}

// repeat does something so often, on some lanes at a time.
func (s *site) repeat(ctx context.Context, runs int, do func(ctx context.Context, lane int) error) error {
	all, ctx := errgroup.WithContext(ctx)
	for lane := range growthAtOnce {
		all.Go(func() error {
			for i := lane; i < runs; i += growthAtOnce {
				if err := do(ctx, lane); err != nil {
					return fmt.Errorf("the %dth: %w", i+1, err)
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// rest waits until the worker holds no more than before, or for growthRest.
func (s *site) rest(ctx context.Context, before held) (held, error) {
	for begin := time.Now(); ; {
		now, err := s.held(ctx)
		if err != nil || now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && now.frames <= before.frames ||
			time.Since(begin) > growthRest {
			return now, err
		}
	}
}

// comeAndGo adds a camera, takes a picture and removes it. Every fourth is removed
// before it can have one.
func (s *site) comeAndGo(ctx context.Context, lane int) error {
	i := s.next.Add(1)
	id := fmt.Sprintf("guest-%d", i)
	spec := specOf(s.cams[lane].URL(), frameportv1.DecodeMode_DECODE_MODE_ALL)
	if i%8 == 5 {
		spec.Transport = frameportv1.Transport_TRANSPORT_UDP
	}
	if _, err := s.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: spec}); err != nil {
		return err
	}
	var seen error
	if i%4 != 3 {
		_, seen = s.jpeg(ctx, id, 30*time.Second)
	}
	_, err := s.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id})
	return errors.Join(seen, err)
}

// reconnect ends the session of a camera and waits for the next.
func (s *site) reconnect(how camsim.DropMode) func(context.Context, int) error {
	return func(ctx context.Context, lane int) error {
		h := s.cams[lane]
		plays := h.Stats().Plays
		h.Drop(how)
		return s.until(ctx, lane, "a new session", func(st *frameportv1.CameraStatus) bool {
			return h.Stats().Plays > plays && st.GetState() == frameportv1.CameraState_CAMERA_STATE_RUNNING
		})
	}
}

// resize has a camera show pictures of the other size.
func (s *site) resize(ctx context.Context, lane int) error {
	h := s.cams[lane]
	clip := s.clips[0]
	if h.Clip() == clip {
		clip = s.clips[1]
	}
	h.Set(func(b *camsim.Behaviour) { b.Clip = clip })
	return s.until(ctx, lane, "the other size", func(st *frameportv1.CameraStatus) bool { return int(st.GetWidth()) == clip.Width })
}

func (s *site) until(ctx context.Context, lane int, what string, ok func(*frameportv1.CameraStatus) bool) error {
	return poll(ctx, time.Minute, 10*time.Millisecond, what, func() (bool, error) {
		st, err := s.status(ctx, fmt.Sprintf("cam-%d", lane+1))
		return err == nil && ok(st), err
	})
}

// read begins a stream, takes a frame and leaves: by cancelling, and every tenth time
// by closing its connection.
func (s *site) read(ctx context.Context, lane int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	frames := s.frames
	if s.next.Add(1)%10 == 0 {
		conn, err := s.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		frames = frameportv1.NewFrameServiceClient(conn)
	}
	stream, err := frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{
		CameraIds: []string{fmt.Sprintf("cam-%d", lane+1)},
		Output:    &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8, Width: 160},
	})
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}
