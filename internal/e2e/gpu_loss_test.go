//go:build cgo

package e2e

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// deviceLost is the exit status of a worker whose GPU is lost.
const deviceLost = 3

// A broken context ends the worker: health says so, streams end with a clean status,
// and the process ends with a status of its own, also while calls of the driver hang.
// Tests of cmd/frameport say how soon.
func TestGPULoss(t *testing.T) {
	for _, tc := range []struct {
		name, setting, hang string
		cut                 bool // there is no time for a clean end of all streams
	}{
		{name: "a kernel's illegal address", setting: "FAIL=cuLaunchKernel:20:700"},
		{name: "a launch that failed, at a picture", setting: "FAIL=cuvidDecodePicture:60:719"},
		{name: "memory that broke, at a map", setting: "FAIL=cuvidMapVideoFrame64:60:214"},
		{name: "while a camera hangs", setting: "FAIL=cuLaunchKernel:60:700", hang: "BLOCK=cuvidMapVideoFrame64:20:-1"},
		{name: "while a picture hangs", setting: "FAIL=cuvidDecodePicture:100:719", hang: "BLOCK=cuLaunchKernel:20:-1", cut: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sim, env := newSimulator(t, tc.setting, tc.hang)
			site := NewSite(t, camsim.Config{})
			w := start(t, env)
			for _, id := range []string{"one", "two"} {
				w.add(id, over(site.Camera(id, "h264_change_a", camsim.Camera{}).URL()))
			}
			notServing := w.watchHealth()
			var ends []<-chan error
			for _, id := range []string{"one", "two"} {
				ends = append(ends, w.read(id, nil))
			}
			ends = append(ends, w.watchCameras())

			w.exits(deviceLost)
			if err := <-notServing; err != nil {
				t.Errorf("health: %v", err)
			}
			for i, end := range ends {
				if err := <-end; tc.cut && status.Code(err) == codes.Unavailable {
					continue
				} else if err := stopped(err); err != nil {
					t.Errorf("stream %d: %v", i, err)
				}
			}
			if n := strings.Count(w.log.String(), "a GPU is lost"); n != 1 {
				t.Errorf("the log says %d times that a GPU is lost", n)
			}
			sim.clean(true)
		})
	}
}

// exits waits for the worker to end by itself with an exit status.
func (w *worker) exits(want int) {
	w.t.Helper()
	select {
	case <-w.exited:
	case <-time.After(patience):
		w.t.Fatal("the worker goes on")
	}
	if exit, ok := errors.AsType[*exec.ExitError](w.err); !ok || exit.ExitCode() != want {
		w.t.Errorf("the worker ended with %v, want status %d", w.err, want)
	}
}

// watchHealth follows the worker's health and tells nil when it went from SERVING to
// NOT_SERVING.
func (w *worker) watchHealth() <-chan error {
	w.t.Helper()
	stream, err := grpc_health_v1.NewHealthClient(w.conn).Watch(w.t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	if r, err := stream.Recv(); err != nil || r.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		w.t.Fatalf("health begins with %v, %v", r, err)
	}
	told := make(chan error, 1)
	go func() {
		r, err := stream.Recv()
		if err == nil && r.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
			err = errors.New(r.String())
		}
		told <- err
	}()
	return told
}

// read reads a camera's frames, until the end of the test at the latest, and tells how
// the stream ended.
func (w *worker) read(id string, out *frameportv1.OutputSpec) <-chan error {
	w.t.Helper()
	stream, err := w.frames.StreamFrames(w.t.Context(), &frameportv1.StreamFramesRequest{CameraIds: []string{id}, Output: out})
	if err != nil {
		w.t.Fatal(err)
	}
	return drain(stream.Recv)
}

// watchCameras follows the cameras and tells how the stream ended.
func (w *worker) watchCameras() <-chan error {
	w.t.Helper()
	stream, err := w.cameras.WatchCameras(w.t.Context(), &frameportv1.WatchCamerasRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	return drain(stream.Recv)
}

func drain[R any](recv func() (R, error)) <-chan error {
	end := make(chan error, 1)
	go func() {
		for {
			if _, err := recv(); err != nil {
				end <- err
				return
			}
		}
	}()
	return end
}

// Whoever waits for a frame that the broken GPU would have to make is answered too.
func TestGPULossEndsWaitingCalls(t *testing.T) {
	t.Parallel()
	sim, env := newSimulator(t, "FAIL=cuvidDecodePicture:1:700")
	site := NewSite(t, camsim.Config{})
	w := start(t, env)
	w.add("cam", over(site.Camera("cam", "h264_change_a", camsim.Camera{}).URL()))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := w.frames.GetFrame(ctx, &frameportv1.GetFrameRequest{CameraId: "cam", Wait: durationpb.New(patience)})
	if reason, _ := apierr.ReasonOf(err); status.Code(err) != codes.Unavailable {
		t.Errorf("%v, reason %q", err, reason)
	}
	w.exits(deviceLost)
	sim.clean(true)
}
