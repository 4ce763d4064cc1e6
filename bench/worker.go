package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// worker is a "frameport serve" of our own with a client's connection to it.
type worker struct {
	*child
	dir     string // its state
	address string // gRPC
	http    string // address
	conn    *grpc.ClientConn
	admin   frameportv1.WorkerServiceClient
	cameras frameportv1.CameraServiceClient
	frames  frameportv1.FrameServiceClient
	ready   time.Duration // from exec to the first answer
}

// startWorker starts an empty worker with default settings, state and ports of
// its own.
func (l *lab) startWorker(ctx context.Context) (*worker, error) {
	grpcAddress, err := freeAddress()
	if err != nil {
		return nil, err
	}
	httpAddress, err := freeAddress()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.dir, "state-")
	if err != nil {
		return nil, err
	}
	return l.startWorkerAt(ctx, grpcAddress, httpAddress, dir)
}

// startWorkerAt starts a worker that may find a state.
func (l *lab) startWorkerAt(ctx context.Context, grpcAddress, httpAddress, dir string) (w *worker, err error) {
	w = &worker{address: grpcAddress, http: httpAddress, dir: dir}
	level := "warn"
	if l.workerLog != nil {
		level = "debug"
	}
	begin := time.Now()
	w.child, err = startChildTo(ctx, "worker", nil, nil, l.workerLog, l.binary, "serve", "--camera-loopback", "--core-dumps", "--backend", "cpu",
		"--grpc-address", grpcAddress, "--http-address", httpAddress, "--state-dir", w.dir, "--log-level", level)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; run make build, or name the worker with -binary", err)
	}
	if err != nil {
		return nil, err
	}
	w.conn, err = w.dial()
	if err != nil {
		w.child.stop()
		return nil, err
	}
	w.admin = frameportv1.NewWorkerServiceClient(w.conn)
	w.cameras = frameportv1.NewCameraServiceClient(w.conn)
	w.frames = frameportv1.NewFrameServiceClient(w.conn)
	err = poll(ctx, 10*time.Second, time.Millisecond, "start of the worker", func() (bool, error) {
		// gRPC backs off when a first dial fails, so wait for the port without it.
		c, err := net.DialTimeout("tcp", grpcAddress, time.Second)
		if err != nil {
			return false, w.alive()
		}
		return true, c.Close()
	})
	if err == nil {
		_, err = w.admin.GetWorker(ctx, &frameportv1.GetWorkerRequest{}, grpc.WaitForReady(true))
	}
	if err != nil {
		w.stop()
		return nil, fmt.Errorf("%w; the worker said: %s", err, w.tail)
	}
	w.ready = time.Since(begin)
	return w, nil
}

func (w *worker) stop() {
	_ = w.conn.Close()
	w.child.stop()
}

// dial makes one more connection to it.
func (w *worker) dial() (*grpc.ClientConn, error) {
	return grpc.NewClient(w.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// freeAddress is a loopback address nobody listens on at the moment.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// specOf is a camera over TCP, decoded as mode says.
func specOf(url string, mode frameportv1.DecodeMode) *frameportv1.CameraSpec {
	return &frameportv1.CameraSpec{
		Url: url, Transport: frameportv1.Transport_TRANSPORT_TCP, Decode: &frameportv1.DecodePolicy{Mode: mode},
	}
}

// addAll adds a camera per URL and waits until all run. It returns their names.
func (w *worker) addAll(ctx context.Context, urls []string, mode frameportv1.DecodeMode) ([]string, error) {
	ids := make([]string, len(urls))
	all, bounded := errgroup.WithContext(ctx)
	all.SetLimit(8)
	for i, url := range urls {
		ids[i] = fmt.Sprintf("cam-%d", i+1)
		all.Go(func() error {
			_, err := w.cameras.AddCamera(bounded, &frameportv1.AddCameraRequest{CameraId: ids[i], Spec: specOf(url, mode)})
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, fmt.Errorf("add camera: %w", err)
	}
	for _, id := range ids {
		if err := w.waitRunning(ctx, id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (w *worker) waitRunning(ctx context.Context, id string) error {
	var last *frameportv1.CameraStatus
	err := poll(ctx, 60*time.Second, 50*time.Millisecond, id+" runs", func() (bool, error) {
		st, err := w.status(ctx, id)
		last = st
		return st.GetState() == frameportv1.CameraState_CAMERA_STATE_RUNNING, err
	})
	if err != nil {
		return fmt.Errorf("%w (state %v, fault %v)", err, last.GetState(), last.GetFault())
	}
	return nil
}

func (w *worker) status(ctx context.Context, id string) (*frameportv1.CameraStatus, error) {
	r, err := w.cameras.GetCamera(ctx, &frameportv1.GetCameraRequest{CameraId: id})
	return r.GetCamera().GetStatus(), err
}

// decoded is how many frames of all those cameras were published up to now.
func (w *worker) decoded(ctx context.Context, ids []string) (uint64, error) {
	var total uint64
	for _, id := range ids {
		st, err := w.status(ctx, id)
		if err != nil {
			return 0, err
		}
		total += st.GetCounters().GetFramesPublished()
	}
	return total, nil
}

// jpeg is one GetFrame with default output. wait is for cameras without a frame.
func (w *worker) jpeg(ctx context.Context, id string, wait time.Duration) (*frameportv1.Frame, error) {
	r, err := w.frames.GetFrame(ctx, &frameportv1.GetFrameRequest{CameraId: id, Wait: durationpb.New(wait)})
	return r.GetFrame(), err
}

// jpegs takes one JPEG a second of every camera until ctx is done, and counts.
func (w *worker) jpegs(ctx context.Context, ids []string, count *atomic.Int64) error {
	step := time.Second / time.Duration(len(ids))
	begin := time.Now()
	for i := 0; ; i++ {
		if pause(ctx, time.Until(begin.Add(time.Duration(i)*step))) != nil {
			return nil
		}
		f, err := w.jpeg(ctx, ids[i%len(ids)], 0)
		switch {
		case ended(ctx, err):
			return nil
		case err != nil:
			return err
		case len(f.GetData()) == 0:
			return errors.New("a frame without data")
		}
		count.Add(1)
	}
}

// ended says whether a call failed only because its context was done.
func ended(ctx context.Context, err error) bool {
	code := status.Code(err)
	return err != nil && ctx.Err() != nil && (code == codes.Canceled || code == codes.DeadlineExceeded)
}
