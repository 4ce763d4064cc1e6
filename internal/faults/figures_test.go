//go:build cgo

package faults

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/figures"
)

// envFigures is how many runs `make reliability` makes of each; empty = none.
const envFigures = "FRAMEPORT_FAULTS_FIGURES"

// measured returns how many runs are asked for, and skips without.
func measured(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(envFigures))
	if err != nil || n < 1 {
		t.Skip("make reliability plays it")
	}
	return n
}

// write writes figures down. One that misses its target is a result, not a failure.
func write(t *testing.T, j *figures.Journal, all ...figures.Figure) {
	t.Helper()
	if err := j.Add(all...); err != nil {
		t.Error(err)
	}
}

// startWith starts a worker that ends with the test.
func startWith(t *testing.T, o Options) *Worker {
	t.Helper()
	w, err := StartWith(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// dial makes a connection to a worker without a login.
func dial(t *testing.T, w *Worker) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(w.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestRecovery reboots cameras: off for 5 to 60 seconds, then two seconds of 404 or
// 503, then good, with a key frame every second. It measures from the moment at which a
// PLAY could succeed to the first undamaged frame at a gRPC client. internal/peers has
// go2rtc in the place of the worker.
func TestRecovery(t *testing.T) {
	n, j := measured(t), figures.Open()
	w := startWith(t, Options{})
	frames := frameportv1.NewFrameServiceClient(dial(t, w))
	took := make(figures.Seconds, n)
	t.Run("cameras", func(t *testing.T) {
		s := NewScene(t, w, 1, 1)
		var wg sync.WaitGroup
		for i, r := range camsim.Reboots(n, 1) {
			host := s.Host(camsim.Config{})
			v := s.Add(s.Sim(host, small, camsim.Camera{FPS: 5}), nil, small)
			wg.Go(func() {
				before := v.Runs()
				ready, err := r.Play(t.Context(), host, v.Sim)
				if err == nil {
					err = nextEpoch(t.Context(), frames, v.ID, before.Epoch)
				}
				if err != nil {
					t.Errorf("%s: %v", v.ID, err)
					return
				}
				took[i] = time.Since(ready)
			})
		}
		wg.Wait()
	})
	const name = "reboot of a camera, from the first possible PLAY to an undamaged frame at a client"
	write(t, j, took.Median(name).AtMost(3), took.P95(name).AtMost(6), took.Longest(name).AtMost(10))
}

// pause lets time pass: a camera is off for as long as it is.
func pause(t testing.TB, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.Context().Done():
		return t.Context().Err()
	}
}

// nextEpoch waits for an undamaged frame of a later epoch.
func nextEpoch(ctx context.Context, frames frameportv1.FrameServiceClient, id string, epoch uint64) error {
	r := &frameportv1.GetFrameRequest{
		CameraId: id, Wait: durationpb.New(20 * time.Second),
		Output:    &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8},
		NewerThan: &frameportv1.FramePosition{Epoch: epoch, Sequence: math.MaxInt64},
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		got, err := frames.GetFrame(ctx, r)
		if code := status.Code(err); code == codes.DeadlineExceeded || code == codes.Unavailable || code == codes.FailedPrecondition {
			continue
		}
		if err != nil || !got.GetFrame().GetCorrupt() {
			return err
		}
		r.NewerThan = &frameportv1.FramePosition{Epoch: got.GetFrame().GetEpoch(), Sequence: got.GetFrame().GetSequence()}
	}
	return errors.New("no undamaged frame")
}

// frozenRate is how many pictures are sent a second at most: a machine that can't decode
// them in time would measure itself.
const frozenRate = 625

// TestFrozen freezes cameras at some moment and measures from the last picture to the
// state STALLED.
func TestFrozen(t *testing.T) {
	n, j := measured(t), figures.Open()
	for _, fps := range []float64{25, 5, 1} {
		w := startWith(t, Options{})
		took := make(figures.Seconds, n)
		for part := range slices.Chunk(took, frozenRate/int(fps)) {
			t.Run(strconv.Itoa(int(fps)), func(t *testing.T) { freeze(NewScene(t, w, 2, 1), fps, part) })
		}
		name := "frozen stream of " + strconv.Itoa(int(fps)) + " fps, from its last picture to STALLED"
		write(t, j, took.Median(name), took.P95(name).AtMost(max(5, 5/fps)), took.Longest(name))
	}
}

// freeze freezes a camera for each of took.
func freeze(s *Scene, fps float64, took figures.Seconds) {
	dice := rand.New(rand.NewPCG(2, uint64(fps)))
	var wg sync.WaitGroup
	for i := range took {
		v := s.Add(s.Sim(nil, small, camsim.Camera{FPS: fps}), nil, small)
		wait := time.Duration(dice.Float64() * 5 * float64(time.Second))
		wg.Go(func() {
			v.Runs()
			if err := pause(s, 2*time.Second+wait); err != nil {
				s.Error(err)
				return
			}
			v.Sim.Set(func(b *camsim.Behaviour) { b.Freeze = true })
			snap := v.Until("STALLED", func(c camera.Snapshot) bool { return c.State == camera.StateStalled })
			took[i] = snap.StateTime.Sub(v.Sim.Stats().Last.Left)
		})
	}
	wg.Wait()
}
