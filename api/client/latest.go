package client

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// LatestOptions say which frame is wanted and how. The zero value is the newest one
// that there is, as JPEG at full size.
type LatestOptions struct {
	Output    *frameportv1.OutputSpec
	NewerThan *frameportv1.FramePosition // only a frame after this one; nil = any
	MaxAge    time.Duration              // only a frame that arrived at most this long ago; 0 = any
	Wait      time.Duration              // how long to wait for a frame that qualifies, up to 300 s; 0 = not at all
}

// Latest returns the newest frame of a camera. Reasons of its errors: CAMERA_NOT_FOUND,
// NO_FRAME_YET, WAIT_EXPIRED and what else GetFrame says.
func (c *Client) Latest(ctx context.Context, camera string, o LatestOptions) (*frameportv1.Frame, error) {
	req := &frameportv1.GetFrameRequest{
		CameraId: camera, Output: o.Output, NewerThan: o.NewerThan, MaxMessageBytes: MaxMessageBytes,
	}
	if o.MaxAge != 0 {
		req.MaxAge = durationpb.New(o.MaxAge)
	}
	if o.Wait != 0 {
		req.Wait = durationpb.New(o.Wait)
	}
	r, err := c.Frames.GetFrame(ctx, req)
	return r.GetFrame(), err
}
