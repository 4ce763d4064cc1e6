package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// Load is many clients of one worker: readers of all kinds, and one that asks for
// large frames and never reads them. They go on until the worker ends them.
type Load struct {
	grpc, http string
	conn       *grpc.ClientConn
	web        *http.Client
	wg         sync.WaitGroup
	ended      chan struct{} // closed by Wait

	// Delivered counts what the clients received.
	Delivered atomic.Int64

	mu   sync.Mutex
	errs []error
}

// StartLoad starts the clients. The calls end with ctx at the latest.
func StartLoad(ctx context.Context, grpcAddress, httpAddress string, ids []string) (*Load, error) {
	conn, err := grpc.NewClient(grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	l := &Load{grpc: grpcAddress, http: httpAddress, conn: conn, web: &http.Client{Transport: &http.Transport{}}, ended: make(chan struct{})}
	l.silent(ctx)
	for i := range 3 {
		l.client("WatchFrames", func() error { return l.watchFrames(ctx) })
		l.client("StreamFrames", func() error { return l.streamFrames(ctx, ids[i]) })
		l.client("GetFrame", func() error { return l.getFrames(ctx, ids[i]) })
		l.client("MJPEG", func() error { return l.mjpeg(ctx, ids[i]) })
	}
	l.client("WatchCameras", func() error { return l.watchCameras(ctx) })
	return l, nil
}

// client runs one until its call ends and keeps what was not a clean end.
func (l *Load) client(name string, run func() error) {
	l.wg.Go(func() {
		if err := run(); err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.errs = append(l.errs, fmt.Errorf("%s: %w", name, err))
		}
	})
}

// Wait is called once, after the worker has ended. It waits for the clients and
// returns what did not end as it should: streams with UNAVAILABLE and SHUTTING_DOWN,
// MJPEG with the end of the body.
func (l *Load) Wait() error {
	close(l.ended)
	l.wg.Wait()
	err := l.conn.Close()
	l.web.CloseIdleConnections()
	return errors.Join(append(l.errs, err)...)
}

// stopped judges how a stream ended.
func stopped(err error) error {
	reason, _ := apierr.ReasonOf(err)
	if status.Code(err) == codes.Unavailable && reason == apierr.ShuttingDown {
		return nil
	}
	return fmt.Errorf("ended with %w, want %v and %s", err, codes.Unavailable, apierr.ShuttingDown)
}

// silent opens a stream of raw frames from all cameras and reads only once the
// worker has gone. It has a connection of its own, whose window it fills.
func (l *Load) silent(ctx context.Context) {
	l.client("silent StreamFrames", func() error {
		conn, err := grpc.NewClient(l.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		stream, err := frameportv1.NewFrameServiceClient(conn).StreamFrames(ctx, &frameportv1.StreamFramesRequest{
			Output: &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_RGB24},
		})
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		<-l.ended
		for err == nil {
			_, err = stream.Recv()
		}
		// Whether its status got through depends on how full the window was.
		if code := status.Code(err); code != codes.Unavailable && code != codes.Canceled {
			return errors.Join(err, conn.Close())
		}
		return conn.Close()
	})
}

func (l *Load) watchFrames(ctx context.Context) error {
	stream, err := frameportv1.NewFrameServiceClient(l.conn).WatchFrames(ctx)
	if err != nil {
		return err
	}
	r := &frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{Start: &frameportv1.WatchFramesStart{Credits: proto.Int32(4)}}}
	credit := &frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}}
	for {
		// The error of Send says only that the stream has ended; Recv says why.
		_ = stream.Send(r)
		if _, err := stream.Recv(); err != nil {
			return stopped(err)
		}
		l.Delivered.Add(1)
		r = credit
	}
}

func (l *Load) streamFrames(ctx context.Context, id string) error {
	stream, err := frameportv1.NewFrameServiceClient(l.conn).StreamFrames(ctx, &frameportv1.StreamFramesRequest{CameraIds: []string{id}})
	if err != nil {
		return err
	}
	for {
		if _, err := stream.Recv(); err != nil {
			return stopped(err)
		}
		l.Delivered.Add(1)
	}
}

// getFrames waits for one new frame after the other. A call that began after the
// listener was closed can't know more than that nobody answers.
func (l *Load) getFrames(ctx context.Context, id string) error {
	r := &frameportv1.GetFrameRequest{CameraId: id, Wait: durationpb.New(5e9)}
	for {
		got, err := frameportv1.NewFrameServiceClient(l.conn).GetFrame(ctx, r)
		if err != nil {
			if status.Code(err) == codes.Unavailable {
				return nil
			}
			return stopped(err)
		}
		r.NewerThan = &frameportv1.FramePosition{Epoch: got.GetFrame().GetEpoch(), Sequence: got.GetFrame().GetSequence()}
		l.Delivered.Add(1)
	}
}

func (l *Load) watchCameras(ctx context.Context) error {
	stream, err := frameportv1.NewCameraServiceClient(l.conn).WatchCameras(ctx, &frameportv1.WatchCamerasRequest{})
	if err != nil {
		return err
	}
	for {
		if _, err := stream.Recv(); err != nil {
			return stopped(err)
		}
		l.Delivered.Add(1)
	}
}

func (l *Load) mjpeg(ctx context.Context, id string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.http+"/api/"+id, nil)
	if err != nil {
		return err
	}
	resp, err := l.web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	l.Delivered.Add(min(n, 1))
	return err
}
