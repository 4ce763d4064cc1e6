package server

import (
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
	first, err := receiveFirst(ctx, s.Server, stream.Recv)
	switch {
	case errors.Is(err, io.EOF) || err == nil && first.GetStart() == nil:
		return startRequired()
	case err != nil:
		return err
	}
	start := first.GetStart()
	credits, err := startCredits(start.Credits)
	if err != nil {
		return err
	}
	st, err := s.newStream("start.", start)
	if err != nil {
		return err
	}
	st.method = frameportv1.FrameService_WatchFrames_FullMethodName
	end, err := s.subscribe(ctx, st.method, st.choice.ids)
	if err != nil {
		return err
	}
	defer end()
	grants := make(chan grant)
	s.background.Go(func() { receiveGrants(ctx, stream.Recv, grantOfFrames, grants) })
	st.credits, st.grants = credits, grants
	st.write = func(f *frameportv1.Frame) error { return stream.Send(&frameportv1.WatchFramesResponse{Frame: f}) }
	return st.run(ctx)
}

// grantOfFrames reads what a client sends after the start.
func grantOfFrames(r *frameportv1.WatchFramesRequest) grant {
	switch r.GetRequest().(type) {
	case *frameportv1.WatchFramesRequest_Start:
		return grant{err: startRepeated()}
	case *frameportv1.WatchFramesRequest_Credits:
		return grant{credits: int(r.GetCredits())}
	}
	return grant{err: emptyRequest()}
}

// StreamFrames implements the RPC.
func (s *frameService) StreamFrames(r *frameportv1.StreamFramesRequest, stream grpc.ServerStreamingServer[frameportv1.StreamFramesResponse]) error {
	st, err := s.newStream("", r)
	if err != nil {
		return err
	}
	st.method = frameportv1.FrameService_StreamFrames_FullMethodName
	end, err := s.subscribe(stream.Context(), st.method, st.choice.ids)
	if err != nil {
		return err
	}
	defer end()
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
	if err := frameRate(prefix, r.GetMaxFps()); err != nil {
		return nil, err
	}
	st.rota = newRota(r.GetMaxFps())
	return st, nil
}

// frameRate checks a request's max_fps.
func frameRate(prefix string, fps float64) error {
	if math.IsNaN(fps) || fps < 0 || fps > maxFPS {
		return invalid(apierr.InvalidMaxFPS, prefix+"max_fps", "is %v; give more than 0 and at most %d frames per second, or 0 for no limit", fps, maxFPS)
	}
	return nil
}
