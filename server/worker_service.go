package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/server/mapping"
)

const (
	defaultInterval = time.Second
	minInterval     = 100 * time.Millisecond
	maxInterval     = time.Hour
)

type workerService struct {
	frameportv1.UnimplementedWorkerServiceServer
	*Server
}

// GetWorker implements the RPC.
func (s *workerService) GetWorker(ctx context.Context, _ *frameportv1.GetWorkerRequest) (*frameportv1.GetWorkerResponse, error) {
	return &frameportv1.GetWorkerResponse{Worker: s.worker(ctx)}, nil
}

// WatchWorker implements the RPC. A snapshot is made when it can be sent; ticks that
// a slow client misses are not made up for.
func (s *workerService) WatchWorker(r *frameportv1.WatchWorkerRequest, stream grpc.ServerStreamingServer[frameportv1.WatchWorkerResponse]) error {
	interval := defaultInterval
	if d := r.GetInterval(); d != nil {
		interval = d.AsDuration()
		if d.CheckValid() != nil || interval < minInterval || interval > maxInterval {
			return invalid(apierr.InvalidInterval, "interval", "is %s; give %v to %v, or leave it unset for %v", seconds(d), minInterval, maxInterval, defaultInterval)
		}
	}
	ctx := stream.Context()
	end, err := s.subscribe(ctx, frameportv1.WorkerService_WatchWorker_FullMethodName, nil)
	if err != nil {
		return err
	}
	defer end()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		m := &frameportv1.WatchWorkerResponse{Worker: s.worker(ctx)}
		if err := s.send(ctx, frameportv1.WorkerService_WatchWorker_FullMethodName, func() error { return stream.Send(m) }); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-s.stopping:
			return shuttingDown()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// GetClock implements the RPC.
func (s *workerService) GetClock(_ context.Context, r *frameportv1.GetClockRequest) (*frameportv1.GetClockResponse, error) {
	received := timestamppb.New(failpoint.Now())
	return &frameportv1.GetClockResponse{
		ClientSendTime: r.GetClientSendTime(), WorkerReceiveTime: received, WorkerSendTime: timestamppb.New(failpoint.Now()),
	}, nil
}

// worker completes what the worker says about itself with what the server knows.
func (s *Server) worker(ctx context.Context) *frameportv1.Worker {
	w := s.cfg.Worker()
	if auth.FromContext(ctx).May(Admin) != nil { // what it runs on is for its operator
		w.Devices, w.FrameHostBytes, w.LiveFrames = nil, 0, 0
		w.Backend = &frameportv1.BackendStatus{Kind: w.GetBackend().GetKind()}
		w.Access = nil
	}
	if w.Limits == nil {
		w.Limits = &frameportv1.WorkerLimits{}
	}
	w.Limits.MaxRequestBytes = MaxRequestBytes
	w.Limits.MaxResponseBytes = MaxResponseBytes
	w.Limits.MaxConcurrentStreams = MaxStreams
	w.Cameras = &frameportv1.CameraCounts{}
	for _, c := range s.chosen(ctx, choice{}) {
		mapping.Count(w.Cameras, c.State)
	}
	w.SnapshotTime = timestamppb.New(failpoint.Now())
	return w
}
