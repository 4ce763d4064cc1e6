package main

import (
	"context"
	"slices"
	"time"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

type watchCmd struct {
	connection
	outputFlags
	Selector string        `short:"l" help:"Only cameras with these labels."`
	MaxFPS   float64       `name:"max-fps" help:"Frames per second and camera at most; 0 = all."`
	Duration time.Duration `help:"End after this time; 0 = run until interrupted."`
	JSON     bool          `help:"Print JSON, one line per second and camera."`
	IDs      []string      `arg:"" optional:"" name:"camera" help:"Names of cameras; none = all."`
}

// Run receives frames with one credit, so that each is the newest there is, and
// reports once a second.
func (c *watchCmd) Run(ctx context.Context, io streams) error {
	if c.Duration > 0 {
		// Not a deadline: that would travel with the call, and the worker's end of
		// it could arrive before ours.
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer time.AfterFunc(c.Duration, cancel).Stop()
	}
	err := c.open(ctx, func(ctx context.Context, cl *client.Client) error { return c.receive(ctx, cl, io) })
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func (c *watchCmd) receive(ctx context.Context, cl *client.Client, io streams) error {
	ctx, cancel := context.WithCancel(ctx)
	arrived, failed := make(chan *frameportv1.Frame), make(chan error, 1)
	go func() { failed <- c.forward(ctx, cl, arrived) }()
	err := c.follow(ctx, cl, io, arrived)
	cancel()
	if err == nil {
		return <-failed
	}
	for range arrived { // until forward has gone
	}
	return err
}

// forward passes on what arrives and closes arrived at the end.
func (c *watchCmd) forward(ctx context.Context, cl *client.Client, arrived chan<- *frameportv1.Frame) error {
	defer close(arrived)
	for f, err := range cl.Watch(ctx, client.WatchOptions{Cameras: c.IDs, Selector: c.Selector, Output: c.spec(), MaxFPS: c.MaxFPS}) {
		if err != nil {
			return err
		}
		select {
		case arrived <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// follow counts frames and reports. It returns nil when the frames have ended; the
// one who forwards knows why.
func (c *watchCmd) follow(ctx context.Context, cl *client.Client, io streams, arrived <-chan *frameportv1.Frame) error {
	cameras, start := map[string]*tally{}, time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case f, more := <-arrived:
			if !more {
				return nil
			}
			t := cameras[f.GetCameraId()]
			if t == nil {
				t = &tally{}
				cameras[f.GetCameraId()] = t
			}
			t.add(f)
		case now := <-tick.C:
			silent, err := c.silent(ctx, cl, cameras)
			if err != nil {
				return err
			}
			if err := c.report(io, cameras, silent, now.Sub(start)); err != nil {
				return err
			}
			clear(cameras)
			start = now
		}
	}
}

// silent returns the watched cameras that have sent nothing since the last report.
func (c *watchCmd) silent(ctx context.Context, cl *client.Client, heard map[string]*tally) ([]*frameportv1.Camera, error) {
	var out []*frameportv1.Camera
	for token := ""; ; {
		r, err := cl.Cameras.ListCameras(ctx, &frameportv1.ListCamerasRequest{LabelSelector: c.Selector, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, cam := range r.GetCameras() {
			watched := len(c.IDs) == 0 || slices.Contains(c.IDs, cam.GetCameraId())
			if watched && heard[cam.GetCameraId()] == nil {
				out = append(out, cam)
			}
		}
		if token = r.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}
