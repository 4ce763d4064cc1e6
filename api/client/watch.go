package client

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// WatchOptions say what to watch. A camera must be in Cameras and match Selector; the
// zero value is every frame of all cameras, as JPEG at full size.
type WatchOptions struct {
	Cameras  []string
	Selector string // label selector; cameras that come and go join and leave
	Output   *frameportv1.OutputSpec
	MaxFPS   float64 // per camera, up to 1000; 0 = no limit
}

// Watch iterates over frames as they come, always the newest: the worker is asked for
// the next frame when the loop body is done with the one before, and sends the newest
// that this loop has not had, several cameras in turn. However long the body takes, no
// frame grows old in a buffer; Frame.Skipped tells what was passed over.
//
// The loop ends after an error, which comes without a frame: ctx.Err() when ctx has
// ended, otherwise the worker's, such as CAMERA_NOT_FOUND, SHUTTING_DOWN, or
// UNAVAILABLE without a reason when the connection broke. Each loop is a stream of
// its own: to connect again, range over Watch again. After the loop nothing of it is
// left, however it was ended.
func (c *Client) Watch(ctx context.Context, o WatchOptions) iter.Seq2[*frameportv1.Frame, error] {
	start := &frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{
		Start: &frameportv1.WatchFramesStart{ // with one credit, unless it says otherwise
			CameraIds: o.Cameras, LabelSelector: o.Selector, Output: o.Output, MaxFps: o.MaxFPS, MaxMessageBytes: MaxMessageBytes,
		},
	}}
	credit := &frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}}
	return oneByOne(ctx, c.Frames.WatchFrames, start, func(r *frameportv1.WatchFramesResponse) (*frameportv1.Frame, []*frameportv1.WatchFramesRequest, error) {
		return r.GetFrame(), []*frameportv1.WatchFramesRequest{credit}, nil
	})
}

// oneByOne iterates over what a call sends against credits, of which there is never
// more than one: granted by start, and by what take returns each time the loop body is
// done. Of a message without a value take returns none.
func oneByOne[Q, R, T any](
	ctx context.Context, open func(context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Q, R], error),
	start *Q, take func(*R) (value *T, done []*Q, err error),
) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		call, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := open(call)
		if err != nil {
			yield(nil, reasonOrContext(ctx, err))
			return
		}
		for next := []*Q{start}; ; {
			for _, m := range next {
				_ = stream.Send(m) // when it fails, Recv knows why
			}
			var value *T
			r, err := stream.Recv()
			if err == nil {
				value, next, err = take(r)
			}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, reasonOrContext(ctx, err))
				return
			case value != nil && !yield(value, nil):
				return
			}
		}
	}
}

// reasonOrContext is err, or ctx's own error when that is the cause.
func reasonOrContext(ctx context.Context, err error) error {
	_, ours := apierr.ReasonOf(err)
	switch {
	case ours:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case status.Code(err) == codes.DeadlineExceeded: // the deadline is ctx's, and the worker saw it first
		return context.DeadlineExceeded
	default:
		return err
	}
}
