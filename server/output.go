package server

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/render"
	"github.com/frameport/frameport/server/mapping"
)

// output is the wanted form of frames and the largest message that the client can
// take.
type output struct {
	spec     render.Output
	maxBytes int
}

// newOutput reads a request's output and max_message_bytes. The field paths in
// errors begin with prefix.
func newOutput(prefix string, spec *frameportv1.OutputSpec, maxMessageBytes int32) (output, error) {
	var o output
	var err error
	if o.maxBytes, err = messageLimit(prefix, maxMessageBytes); err != nil {
		return o, err
	}
	if o.spec, err = mapping.Output(spec); err != nil {
		return o, wrongField(prefix+"output", err)
	}
	return o, nil
}

// messageLimit is the largest message that a client says it takes, and that is sent.
func messageLimit(prefix string, maxMessageBytes int32) (int, error) {
	switch {
	case maxMessageBytes < 0:
		return 0, invalid(apierr.InvalidMaxMessageBytes, prefix+"max_message_bytes",
			"is %d; give the client's receive limit in bytes, or 0 for gRPC's default of %d", maxMessageBytes, defaultClientReceive)
	case maxMessageBytes == 0:
		return defaultClientReceive, nil
	}
	return min(int(maxMessageBytes), MaxResponseBytes), nil
}

// wrongField makes the error of a field inside the message at path.
func wrongField(path string, err error) error {
	wrong, ok := errors.AsType[*mapping.OutputError](err)
	if !ok {
		return err
	}
	if wrong.Field != "" {
		path += "." + wrong.Field
	}
	return invalid(wrong.Reason, path, "%s", wrong.Text)
}

// render makes the picture of f.
func (o output) render(ctx context.Context, r Renderer, f *frame.Frame) (*render.Picture, error) {
	if whole := image.Rect(0, 0, f.Width, f.Height); !o.spec.Crop.Empty() && !o.spec.Crop.In(whole) {
		return nil, invalid(apierr.InvalidCrop, "output.crop", "%d,%d %dx%d is not inside the camera's frame of %dx%d",
			o.spec.Crop.Min.X, o.spec.Crop.Min.Y, o.spec.Crop.Dx(), o.spec.Crop.Dy(), f.Width, f.Height)
	}
	g, err := o.spec.Geometry(f.Width, f.Height)
	if err != nil {
		return nil, invalid(apierr.InvalidSize, "output", "%v", err)
	}
	if o.spec.Format != render.FormatJPEG { // the size is known before any work is done
		if size := o.spec.Format.Pixels().Size(g.Width, g.Height); size > o.limit() {
			return nil, o.tooLarge(size)
		}
	}
	picture, err := r.Render(ctx, f, o.spec)
	switch {
	case err == nil:
		return picture, nil
	case errors.Is(err, convert.ErrRequest):
		return nil, invalid(apierr.InvalidSize, "output", "%v", err)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, gpu.ErrDeviceLost): // the worker is about to end
		return nil, shuttingDown()
	case errors.Is(err, render.ErrPanic):
		return nil, err // for the log, with its stack
	default:
		return nil, apierr.New(codes.Internal, apierr.RenderFailed, fmt.Sprintf("the frame could not be made into a picture: %v", err))
	}
}

// message makes the message of a picture, as of now.
func (o output) message(cameraID string, info *frame.Info, picture *render.Picture) *frameportv1.Frame {
	m := mapping.Frame(cameraID, info, picture, o.spec)
	m.SentTime = timestamppb.New(failpoint.Now())
	return m
}

// overhead is what a response has around its frame: a tag and a length.
const overhead = 6

// limit is the largest message, in bytes.
func (o output) limit() int { return min(o.maxBytes, MaxResponseBytes) }

// fits refuses a message that the client would refuse: its own library would only
// say that something was too large, and end the call anyway.
func (o output) fits(m *frameportv1.Frame) error {
	if len(m.GetData())+1024 < o.limit() {
		return nil // without looking closely
	}
	if size := proto.Size(m) + overhead; size > o.limit() {
		return o.tooLarge(size)
	}
	return nil
}

func (o output) tooLarge(size int) error {
	details := []apierr.Option{
		apierr.Meta(apierr.MetaRequiredBytes, strconv.Itoa(size)),
		apierr.Meta(apierr.MetaLimitBytes, strconv.Itoa(o.limit())),
	}
	const smaller = "ask for JPEG or a smaller output.width"
	if size > MaxResponseBytes {
		return apierr.New(codes.ResourceExhausted, apierr.FrameTooLarge,
			fmt.Sprintf("the message would have %d bytes, this worker sends %d at most; %s", size, MaxResponseBytes, smaller), details...)
	}
	return apierr.New(codes.ResourceExhausted, apierr.FrameTooLarge,
		fmt.Sprintf("the message would have %d bytes, the client takes %d; raise its receive limit (Go: grpc.MaxCallRecvMsgSize, "+
			"Python: option grpc.max_receive_message_length) and say so in max_message_bytes, or %s", size, o.limit(), smaller), details...)
}
