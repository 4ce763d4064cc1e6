package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/render"
)

var _ Renderer = (*render.Renderer)(nil)

func specOf() config.Camera { return config.Camera{URL: "rtsp://192.0.2.1/"} }

func TestListenSaysWhatToDo(t *testing.T) {
	first, err := Listen(t.Context(), "127.0.0.1:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := Listen(t.Context(), first.Addr().String(), 0); err == nil || !strings.Contains(err.Error(), "stop it or choose another address") {
		t.Errorf("address in use: %v", err)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	_, err := New(Config{Drain: -1})
	for _, part := range []string{"Listeners", "Cameras", "Renderer", "Worker", "Drain"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not mention %s", err, part)
		}
	}
}

func TestRunReportsAFailedListener(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Listeners: []net.Listener{lis}, Cameras: newFakeCameras(t), Renderer: newFakeRenderer(1), Worker: func() *frameportv1.Worker { return &frameportv1.Worker{} }})
	if err != nil {
		t.Fatal(err)
	}
	_ = lis.Close()
	if err := s.Run(t.Context()); err == nil {
		t.Error("no error")
	}
}

func TestWorker(t *testing.T) {
	cameras := newFakeCameras(t, "a", "b", "c")
	cameras.change("a", func(s *camera.Snapshot) { s.State = camera.StateRunning })
	cameras.change("b", func(s *camera.Snapshot) { s.State = camera.StateFailed })
	h := newHarness(t, cameras, newFakeRenderer(10), func(c *Config) {
		c.Worker = func() *frameportv1.Worker {
			return &frameportv1.Worker{Version: "test"}
		}
	})
	r, err := h.worker.GetWorker(t.Context(), &frameportv1.GetWorkerRequest{})
	if err != nil {
		t.Fatal(err)
	}
	w := r.GetWorker()
	if w.GetVersion() != "test" || w.GetCameras().GetTotal() != 3 || w.GetCameras().GetRunning() != 1 || w.GetCameras().GetFailed() != 1 ||
		w.GetCameras().GetConnecting() != 1 || w.GetLimits().GetMaxResponseBytes() != MaxResponseBytes || w.GetSnapshotTime() == nil {
		t.Errorf("worker %v", w)
	}
	stream, err := h.worker.WatchWorker(t.Context(), &frameportv1.WatchWorkerRequest{Interval: durationOf(100 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for range 3 {
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 150*time.Millisecond {
		t.Errorf("three snapshots within %v at an interval of 100 ms", took)
	}
	t0 := timestamppb.Now()
	c, err := h.worker.GetClock(t.Context(), &frameportv1.GetClockRequest{ClientSendTime: t0})
	if err != nil || !c.GetClientSendTime().AsTime().Equal(t0.AsTime()) || c.GetWorkerReceiveTime().AsTime().Before(t0.AsTime()) ||
		c.GetWorkerSendTime().AsTime().Before(c.GetWorkerReceiveTime().AsTime()) {
		t.Errorf("clock %v, %v", c, err)
	}
}

func TestHealthAndReflection(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10))
	for _, service := range []string{"", "frameport.v1.CameraService", "frameport.v1.FrameService", "frameport.v1.WorkerService"} {
		r, err := healthv1.NewHealthClient(h).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || r.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, r, err)
		}
	}
	list := func(h *harness) (string, error) {
		s, err := reflectionv1.NewServerReflectionClient(h).ServerReflectionInfo(t.Context())
		if err != nil {
			return "", err
		}
		_ = s.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
		r, err := s.Recv()
		_ = s.CloseSend()
		return r.String(), err
	}
	if text, err := list(h); err != nil || !strings.Contains(text, "frameport.v1.FrameService") {
		t.Errorf("reflection: %s, %v", text, err)
	}
	quiet := newHarness(t, newFakeCameras(t), newFakeRenderer(10), func(c *Config) { c.NoReflection = true })
	if _, err := list(quiet); status.Code(err) != codes.Unimplemented {
		t.Errorf("reflection that is off: %v", err)
	}
}

// A camera that is not there must be an error and not a nil inside an interface.
func TestManagerFeedOfAnUnknownCamera(t *testing.T) {
	f, err := Manager(camera.NewManager(camera.ManagerConfig{})).Feed("nobody")
	if f != nil || !errors.Is(err, camera.ErrNotFound) {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestHooks(t *testing.T) {
	var mu sync.Mutex
	var calls, frames []string
	cameras := newFakeCameras(t, "door")
	cameras.camera("door").publish(frame.Drops{})
	h := newHarness(t, cameras, newFakeRenderer(10), func(c *Config) {
		c.Hooks.CallDone = func(method, code string, _ time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, method+" "+code)
		}
		c.Hooks.FrameSent = func(method string, bytes int) {
			mu.Lock()
			defer mu.Unlock()
			frames = append(frames, fmt.Sprint(method, " ", bytes))
		}
	})
	if _, err := h.frame.GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: "door"}); err != nil {
		t.Fatal(err)
	}
	_, err := h.frame.GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: "nobody"})
	wantReason(t, err, codes.NotFound, apierr.CameraNotFound)
	w := h.watch(&frameportv1.WatchFramesStart{})
	w.frame()
	if err := w.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Recv(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	eventually(t, "the end of the stream is told", func() bool { mu.Lock(); defer mu.Unlock(); return len(calls) == 3 })
	const service = "/frameport.v1.FrameService/"
	if want := []string{service + "GetFrame OK", service + "GetFrame NotFound", service + "WatchFrames OK"}; !slices.Equal(calls, want) {
		t.Errorf("calls %v", calls)
	}
	if want := []string{service + "GetFrame 10", service + "WatchFrames 10"}; !slices.Equal(frames, want) {
		t.Errorf("frames %v", frames)
	}
}

// brokenRenderer panics or fails.
type brokenRenderer struct{ err error }

func (b brokenRenderer) Render(context.Context, *frame.Frame, render.Output) (*render.Picture, error) {
	if b.err == nil {
		panic("a bug")
	}
	return nil, b.err
}

// The worker ends when a GPU is lost: its clients are told just that.
func TestLostGPU(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	cameras.camera("door").publish(frame.Drops{})
	h := newHarness(t, cameras, brokenRenderer{fmt.Errorf("convert: %w", gpu.ErrDeviceLost)})
	_, err := h.frame.GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: "door"})
	wantReason(t, err, codes.Unavailable, apierr.ShuttingDown)
	_, err = h.watch(&frameportv1.WatchFramesStart{}).Recv()
	wantReason(t, err, codes.Unavailable, apierr.ShuttingDown)
}

func TestFaultsOfTheWorkerItself(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		reason apierr.Reason
	}{
		"panic":                 {nil, apierr.InternalError},
		"panic in the renderer": {fmt.Errorf("%w: a bug", render.ErrPanic), apierr.InternalError},
		"error":                 {errors.New("no memory"), apierr.RenderFailed},
	} {
		t.Run(name, func(t *testing.T) {
			cameras := newFakeCameras(t, "door")
			cameras.camera("door").publish(frame.Drops{})
			h := newHarness(t, cameras, brokenRenderer{tc.err})
			_, err := h.frame.GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: "door"})
			wantReason(t, err, codes.Internal, tc.reason)
			_, err = h.watch(&frameportv1.WatchFramesStart{}).Recv()
			wantReason(t, err, codes.Internal, tc.reason)
			if tc.reason == apierr.InternalError && (strings.Contains(err.Error(), "a bug") || !strings.Contains(h.logs.String(), "a bug")) {
				t.Errorf("the panic belongs into the log, not into %q", err)
			}
			eventually(t, "frames are released", func() bool { return cameras.account.Frames() == 1 })
		})
	}
}
