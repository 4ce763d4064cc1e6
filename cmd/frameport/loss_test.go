package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/gpu"
)

// aborted is when abort was called and with what.
type aborted struct {
	status int
	after  time.Duration
}

// aborting returns what notes the calls of abort since now.
func aborting() (abort func(int), calls <-chan aborted) {
	start := time.Now()
	ch := make(chan aborted, 10)
	return func(status int) { ch <- aborted{status, time.Since(start)} }, ch
}

// The process ends within two seconds of a GPU's loss, with a status of its own and one
// line in the log, whatever hangs.
func TestLossEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		abort, calls := aborting()
		var log output
		lost := func(context.Context) error { return gpu.ErrDeviceLost }
		if err := watchBackend(t.Context(), lost, slog.New(slog.NewTextHandler(&log, nil)), abort); !errors.Is(err, gpu.ErrDeviceLost) {
			t.Errorf("%v", err)
		}
		// Here something hangs for ever.
		if got := <-calls; got.status != exitDeviceLost || got.after > 2*time.Second {
			t.Errorf("%+v", got)
		}
		synctest.Wait()
		if len(calls) != 0 || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%d more calls, and the log is:\n%s", len(calls), log.String())
		}
		contains(t, log.String(), "level=ERROR", "a GPU is lost", "exit_status=3")
	})
}

// A worker that is asked to end and watches a healthy GPU ends without a word about it.
func TestNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		abort, calls := aborting()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var log output
		healthy := func(ctx context.Context) error { <-ctx.Done(); return nil }
		if err := watchBackend(ctx, healthy, slog.New(slog.NewTextHandler(&log, nil)), abort); err != nil {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Hour) // of the bubble
		if len(calls) != 0 || log.String() != "" {
			t.Errorf("%d calls, %q", len(calls), log.String())
		}
	})
}

// A shutdown that hangs is ended; one that does not hang, and a worker that is not asked
// to end, are left alone.
func TestShutdownLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		asked bool
		takes time.Duration
		calls int
	}{
		"hangs":     {true, 10 * shutdownLimit, 1},
		"slow":      {true, shutdownLimit - time.Nanosecond, 0},
		"at once":   {true, 0, 0},
		"not asked": {false, 10 * shutdownLimit, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				abort, calls := aborting()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var log output
				done := limitShutdown(ctx, slog.New(slog.NewTextHandler(&log, nil)), abort)
				if tc.asked {
					cancel()
				}
				time.Sleep(tc.takes) // of the bubble
				synctest.Wait()
				done()
				time.Sleep(10 * shutdownLimit)
				if len(calls) != tc.calls {
					t.Fatalf("abort was called %d times, want %d", len(calls), tc.calls)
				}
				if tc.calls > 0 {
					if got := <-calls; got.status != 1 || got.after != shutdownLimit {
						t.Errorf("%+v", got)
					}
					contains(t, log.String(), "did not end in time", "hangs")
				}
			})
		})
	}
}

// stuck is a log that nobody reads any more.
type stuck chan struct{}

func (s stuck) Write(p []byte) (int, error) { <-s; return len(p), nil }

// A log that nobody reads keeps neither end from coming.
func TestStuckLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unread := make(stuck)
		log := func() *slog.Logger { return slog.New(slog.NewTextHandler(unread, nil)) }
		abort, calls := aborting()
		lost := func(context.Context) error { return gpu.ErrDeviceLost }
		watched := make(chan error, 1)
		go func() { watched <- watchBackend(t.Context(), lost, log(), abort) }()
		if got := <-calls; got.status != exitDeviceLost || got.after > 2*time.Second {
			t.Errorf("after a loss: %+v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		abort, calls = aborting()
		done := limitShutdown(ctx, log(), abort)
		cancel()
		if got := <-calls; got.status != 1 || got.after > shutdownLimit+2*time.Second {
			t.Errorf("a shutdown that hangs: %+v", got)
		}
		close(unread)
		synctest.Wait()
		done()
		<-watched
		if len(calls) != 0 {
			t.Error("ended twice")
		}
	})
}

// A worker that ends by itself, because a server failed, has as little time for it as one
// that is asked to.
func TestFailureBeginsTheShutdown(t *testing.T) {
	failed := errors.New("the listener is gone")
	ctx, ending := context.WithCancel(t.Context())
	defer ending()
	s := &servers{runs: []func(context.Context) error{func(context.Context) error { return failed }}}
	healthy := func(ctx context.Context) error { <-ctx.Done(); return nil }
	if err := runUntil(ctx, ending, s, camera.NewManager(camera.ManagerConfig{}), healthy); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	if ctx.Err() == nil {
		t.Error("nothing limits the time that it takes")
	}
}
