package server

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

// The Go client meets the real server here: package client is too low in the import
// rule to do so itself.

// dialClient returns a client of h, which is closed at the end of the test.
func dialClient(t *testing.T, h *harness) *client.Client {
	t.Helper()
	c, err := client.Dial(h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// endings collects how calls ended.
type endings struct {
	mu    sync.Mutex
	codes []string
}

func (e *endings) hook(c *Config) {
	c.Hooks.CallDone = func(_, code string, _ time.Duration) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.codes = append(e.codes, code)
	}
}

func (e *endings) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.codes)
}

func TestClientWatchIsNewestWins(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	var ended endings
	h := newHarness(t, cameras, newFakeRenderer(100), ended.hook)
	c := dialClient(t, h)
	door := cameras.camera("door")
	door.publish(frame.Drops{})
	var got []uint64
	for f, err := range c.Watch(t.Context(), client.WatchOptions{Cameras: []string{"door"}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.GetSequence())
		if f.GetSkipped().GetSlowConsumer() != min(2, f.GetSequence()-1) {
			t.Errorf("frame %d skipped %v", f.GetSequence(), f.GetSkipped())
		}
		if len(got) == 3 {
			break
		}
		// While the body works nothing has been asked for: of these only the last counts.
		for range 3 {
			door.publish(frame.Drops{})
		}
	}
	if len(got) != 3 || got[0] != 1 || got[1] != 4 || got[2] != 7 {
		t.Errorf("frames %v", got)
	}
	eventually(t, "the call has ended with the loop", func() bool { return ended.count() == 1 })
}

func TestClientWatchAllWithASelector(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	cameras.add("yard", config.Camera{URL: "rtsp://192.0.2.1/", Labels: map[string]string{"site": "north"}})
	h := newHarness(t, cameras, newFakeRenderer(100))
	for _, id := range []string{"door", "yard"} {
		cameras.camera(id).publish(frame.Drops{})
	}
	for f, err := range dialClient(t, h).Watch(t.Context(), client.WatchOptions{Selector: "site=north", Output: &frameportv1.OutputSpec{Width: 32}}) {
		if err != nil || f.GetCameraId() != "yard" || f.GetWidth() != 32 {
			t.Errorf("%v, %v", f, err)
		}
		break
	}
}

func TestClientWatchEnds(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	var ended endings
	h := newHarness(t, cameras, newFakeRenderer(100), ended.hook)
	c := dialClient(t, h)
	// one runs a loop and returns its error, which must be its last and only one.
	one := func(ctx context.Context, o client.WatchOptions, body func()) (last error) {
		for f, err := range c.Watch(ctx, o) {
			if last != nil || (f == nil) != (err != nil) {
				t.Errorf("%v, %v after %v", f, err, last)
			}
			if last = err; err == nil {
				body()
			}
		}
		return last
	}
	wantReason(t, one(t.Context(), client.WatchOptions{Cameras: []string{"nobody"}}, nil), codes.NotFound, apierr.CameraNotFound)
	wantReason(t, one(t.Context(), client.WatchOptions{MaxFPS: -1}, nil), codes.InvalidArgument, apierr.InvalidMaxFPS)

	ctx, cancel := context.WithCancel(t.Context())
	cameras.camera("door").publish(frame.Drops{})
	if err := one(ctx, client.WatchOptions{}, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := one(ctx, client.WatchOptions{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Now().Add(100*time.Millisecond))
	defer cancel()
	if err := one(ctx, client.WatchOptions{}, func() {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	eventually(t, "calls have ended", func() bool { return ended.count() >= 3 })

	// A worker that ends says so; whether to come back is the caller's business.
	err := one(t.Context(), client.WatchOptions{}, func() { go func() { _ = h.stop() }() })
	wantReason(t, err, codes.Unavailable, apierr.ShuttingDown)
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	wantReason(t, one(t.Context(), client.WatchOptions{}, nil), codes.Unavailable, "")
}

func TestClientTakesWhatAWorkerSends(t *testing.T) {
	if client.MaxMessageBytes < MaxResponseBytes {
		t.Errorf("the client takes %d bytes, a worker sends %d", client.MaxMessageBytes, MaxResponseBytes)
	}
}

func TestClientLatest(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(5<<20)) // more than gRPC's own limit
	c := dialClient(t, h)
	if f, err := c.Latest(t.Context(), "door", client.LatestOptions{}); f != nil {
		t.Errorf("%v", f)
	} else {
		wantReason(t, err, codes.Unavailable, apierr.NoFrameYet)
	}
	_, err := c.Latest(t.Context(), "nobody", client.LatestOptions{})
	wantReason(t, err, codes.NotFound, apierr.CameraNotFound)
	cameras.camera("door").publish(frame.Drops{})
	f, err := c.Latest(t.Context(), "door", client.LatestOptions{Output: &frameportv1.OutputSpec{Width: 32}, MaxAge: time.Hour, Wait: time.Second})
	if err != nil || f.GetSequence() != 1 || f.GetWidth() != 32 || len(f.GetData()) != 5<<20 {
		t.Fatalf("%d/%d, %v", f.GetEpoch(), f.GetSequence(), err)
	}
	_, err = c.Latest(t.Context(), "door", client.LatestOptions{
		NewerThan: &frameportv1.FramePosition{Epoch: f.GetEpoch(), Sequence: f.GetSequence()}, Wait: time.Millisecond,
	})
	wantReason(t, err, codes.DeadlineExceeded, apierr.WaitExpired)
	_, err = c.Latest(t.Context(), "door", client.LatestOptions{MaxAge: -1})
	wantReason(t, err, codes.InvalidArgument, apierr.InvalidMaxAge)
}

// One machine has one clock: the estimate must hold 0 within its bound.
func TestClientClockOfTheSameMachine(t *testing.T) {
	c := dialClient(t, newHarness(t, newFakeCameras(t), newFakeRenderer(1)))
	e, err := c.Clock(t.Context())
	if err != nil || e.Offset.Abs() > e.ErrorBound || e.ErrorBound <= 0 {
		t.Errorf("%+v, %v", e, err)
	}
}
