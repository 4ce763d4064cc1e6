package server

import (
	"context"
	"errors"
	"io"
	"math"

	"google.golang.org/grpc"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

type frameService struct {
	frameportv1.UnimplementedFrameServiceServer
	*Server
}

// WatchFrames implements the RPC.
func (s *frameService) WatchFrames(stream grpc.BidiStreamingServer[frameportv1.WatchFramesRequest, frameportv1.WatchFramesResponse]) error {
	ctx := stream.Context()
	first, err := s.receive(ctx, stream.Recv)
	switch {
	case errors.Is(err, io.EOF) || err == nil && first.GetStart() == nil:
		return invalid(apierr.StartRequired, "start", "must be the first message of the stream")
	case err != nil:
		return err
	}
	start := first.GetStart()
	credits := 1
	if start.Credits != nil {
		credits = int(start.GetCredits())
	}
	if credits < 0 || credits > maxCredits {
		return invalid(apierr.InvalidCredits, "start.credits", "is %d; give 0 to %d, or leave it unset for 1", credits, maxCredits)
	}
	st, err := s.newStream("start.", start)
	if err != nil {
		return err
	}
	grants := make(chan grant)
	s.background.Go(func() { receiveGrants(ctx, stream.Recv, grants) })
	st.method = frameportv1.FrameService_WatchFrames_FullMethodName
	st.credits, st.grants = credits, grants
	st.write = func(f *frameportv1.Frame) error { return stream.Send(&frameportv1.WatchFramesResponse{Frame: f}) }
	return st.run(ctx)
}

// receive waits for a stream's first message, but not through a shutdown.
func (s *Server) receive(ctx context.Context, receive func() (*frameportv1.WatchFramesRequest, error)) (*frameportv1.WatchFramesRequest, error) {
	var first *frameportv1.WatchFramesRequest
	done := make(chan error, 1)
	s.background.Go(func() {
		r, err := receive()
		first = r
		done <- err
	})
	select {
	case err := <-done:
		return first, err
	case <-s.stopping:
		return nil, shuttingDown()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// receiveGrants passes on what the client grants, until the call or the client's
// side of it ends.
func receiveGrants(ctx context.Context, receive func() (*frameportv1.WatchFramesRequest, error), grants chan<- grant) {
	for {
		r, err := receive()
		g := grant{credits: int(r.GetCredits()), err: err}
		if err == nil {
			switch r.GetRequest().(type) {
			case *frameportv1.WatchFramesRequest_Start:
				g.err = invalid(apierr.StartRepeated, "start", "came twice; to watch something else, open another stream")
			case *frameportv1.WatchFramesRequest_Credits:
				if g.credits < 1 || g.credits > maxCredits {
					g.err = invalid(apierr.InvalidCredits, "credits", "is %d; grant 1 to %d at a time", g.credits, maxCredits)
				}
			default:
				g.err = invalid(apierr.InvalidCredits, "request", "is empty; grant credits")
			}
		}
		select {
		case grants <- g:
		case <-ctx.Done():
			return
		}
		if g.err != nil {
			return
		}
	}
}

func tooManyCredits(n int) error {
	return invalid(apierr.InvalidCredits, "credits", "add up to %d; %d can be outstanding at most, since frames that wait in buffers are old", n, maxCredits)
}

// StreamFrames implements the RPC.
func (s *frameService) StreamFrames(r *frameportv1.StreamFramesRequest, stream grpc.ServerStreamingServer[frameportv1.StreamFramesResponse]) error {
	st, err := s.newStream("", r)
	if err != nil {
		return err
	}
	st.method = frameportv1.FrameService_StreamFrames_FullMethodName
	st.write = func(f *frameportv1.Frame) error { return stream.Send(&frameportv1.StreamFramesResponse{Frame: f}) }
	return st.run(stream.Context())
}

// streamRequest is what the two streams' requests have in common.
type streamRequest interface {
	GetCameraIds() []string
	GetLabelSelector() string
	GetOutput() *frameportv1.OutputSpec
	GetMaxFps() float64
	GetMaxMessageBytes() int32
}

func (s *frameService) newStream(prefix string, r streamRequest) (*frameStream, error) {
	st := &frameStream{stream: stream{Server: s.Server}}
	st.pick = st.pickFrame
	var err error
	if st.choice, err = newChoice(r.GetCameraIds(), r.GetLabelSelector()); err != nil {
		return nil, err
	}
	if st.out, err = newOutput(prefix, r.GetOutput(), r.GetMaxMessageBytes()); err != nil {
		return nil, err
	}
	fps := r.GetMaxFps()
	if math.IsNaN(fps) || fps < 0 || fps > maxFPS {
		return nil, invalid(apierr.InvalidMaxFPS, prefix+"max_fps", "is %v; give more than 0 and at most %d frames per second, or 0 for no limit", fps, maxFPS)
	}
	st.rota = newRota(fps)
	return st, nil
}

// StreamBatches implements the RPC.
func (s *frameService) StreamBatches(grpc.BidiStreamingServer[frameportv1.StreamBatchesRequest, frameportv1.StreamBatchesResponse]) error {
	return unimplemented(frameportv1.FrameService_StreamBatches_FullMethodName,
		"batches come with a later one; until then make them of frames from WatchFrames")
}

// ShareFrames implements the RPC.
func (s *frameService) ShareFrames(grpc.BidiStreamingServer[frameportv1.ShareFramesRequest, frameportv1.ShareFramesResponse]) error {
	return unimplemented(frameportv1.FrameService_ShareFrames_FullMethodName,
		"shared memory comes with a later one; until then take raw frames (output.format RGB24, BGR24 or NV12) from WatchFrames")
}
