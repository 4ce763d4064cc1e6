package main

import (
	"context"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

type watchCmd struct {
	connection
	outputFlags
	Selector string        `short:"l" help:"Also cameras with these labels."`
	MaxFPS   float64       `name:"max-fps" help:"Frames per second and camera at most; 0 = all."`
	Duration time.Duration `help:"End after this time; 0 = run until interrupted."`
	JSON     bool          `help:"Print JSON, one line per second and camera."`
	IDs      []string      `arg:"" optional:"" name:"camera" help:"Names of cameras; none = all."`
}

// tally is what was received from one camera since the last report.
type tally struct {
	frames, bytes int
	age           time.Duration // sum over frames, from received_time to now
	skipped       frameportv1.Skipped
	last          *frameportv1.Frame
}

// Run receives frames with one credit, so that each is the newest there is, and
// reports once a second.
func (c *watchCmd) Run(ctx context.Context, io streams) error {
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	err := c.open(ctx, func(ctx context.Context, cl *client) error { return c.receive(ctx, cl, io) })
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func (c *watchCmd) receive(ctx context.Context, cl *client, io streams) error {
	stream, err := cl.frames.WatchFrames(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{
		Start: &frameportv1.WatchFramesStart{
			CameraIds: c.IDs, LabelSelector: c.Selector, Output: c.spec(), MaxFps: c.MaxFPS, MaxMessageBytes: maxFrameBytes,
		},
	}})
	if err != nil {
		return err
	}
	credit := &frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}}
	cameras, start := map[string]*tally{}, time.Now()
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		f := r.GetFrame()
		t := cameras[f.GetCameraId()]
		if t == nil {
			t = &tally{}
			cameras[f.GetCameraId()] = t
		}
		t.add(f)
		if took := time.Since(start); took >= time.Second {
			if err := c.report(io, cameras, took); err != nil {
				return err
			}
			clear(cameras)
			start = time.Now()
		}
		if err := stream.Send(credit); err != nil {
			return err
		}
	}
}

func (t *tally) add(f *frameportv1.Frame) {
	t.frames++
	t.bytes += len(f.GetData())
	t.age += time.Since(f.GetReceivedTime().AsTime())
	t.skipped.Policy += f.GetSkipped().GetPolicy()
	t.skipped.SlowConsumer += f.GetSkipped().GetSlowConsumer()
	t.skipped.Network += f.GetSkipped().GetNetwork()
	t.skipped.Decode += f.GetSkipped().GetDecode()
	f.Data = nil
	t.last = f
}
