//go:build cgo

package faults

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
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

func TestFigure(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i)*time.Second)
	}
	if f := newFigure("x", all); f.Median != 50 || f.P95 != 95 || f.Max != 100 || f.Runs != 100 {
		t.Errorf("%+v", f)
	}
}

// TestRecovery reboots cameras: off for 5 to 60 seconds, then two seconds of 404 or
// 503, then good, with a key frame every second. It measures from the moment at which a
// PLAY could succeed to the first undamaged frame at a gRPC client.
func TestRecovery(t *testing.T) {
	n := measured(t)
	w, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	conn, err := grpc.NewClient(w.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	frames := frameportv1.NewFrameServiceClient(conn)
	t.Run("cameras", func(t *testing.T) {
		s := NewScene(t, w, 1, 1)
		dice := rand.New(rand.NewPCG(1, 1))
		took := make([]time.Duration, n)
		var wg sync.WaitGroup
		for i := range n {
			host := s.Host(camsim.Config{})
			v := s.Add(s.Sim(host, small, camsim.Camera{FPS: 5}), nil, small)
			down := 5*time.Second + time.Duration(dice.Float64()*55*float64(time.Second))
			code := []int{404, 503}[dice.IntN(2)]
			wg.Go(func() {
				before := v.Runs()
				for _, err := range []error{
					host.SetListening(false), pause(t, down), answer(v.Sim, code), host.SetListening(true), pause(t, 2*time.Second),
				} {
					if err != nil {
						t.Error(err)
						return
					}
				}
				began := time.Now()
				v.Sim.Set(func(b *camsim.Behaviour) { b.Status = nil })
				if err := nextEpoch(t.Context(), frames, v.ID, before.Epoch); err != nil {
					t.Errorf("%s: %v", v.ID, err)
					return
				}
				took[i] = time.Since(began)
			})
		}
		wg.Wait()
		newFigure("recovery after a reboot", took).print()
	})
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func answer(h *camsim.Handle, code int) error {
	h.Set(func(b *camsim.Behaviour) { b.Status = map[string]int{"": code} })
	return nil
}

// pause lets time pass: a camera is off for as long as it is.
func pause(t *testing.T, d time.Duration) error {
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
	for {
		got, err := frames.GetFrame(ctx, r)
		if code := status.Code(err); code == codes.DeadlineExceeded || code == codes.Unavailable || code == codes.FailedPrecondition {
			continue
		}
		if err != nil || !got.GetFrame().GetCorrupt() {
			return err
		}
		r.NewerThan = &frameportv1.FramePosition{Epoch: got.GetFrame().GetEpoch(), Sequence: got.GetFrame().GetSequence()}
	}
}

// TestFrozen freezes cameras at some moment and measures from the last picture to the
// state STALLED.
func TestFrozen(t *testing.T) {
	n := measured(t)
	for _, fps := range []float64{25, 5, 1} {
		w, err := Start()
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strconv.Itoa(int(fps)), func(t *testing.T) {
			s := NewScene(t, w, 2, 1)
			dice := rand.New(rand.NewPCG(2, uint64(fps)))
			took := make([]time.Duration, n)
			var wg sync.WaitGroup
			for i := range n {
				v := s.Add(s.Sim(nil, small, camsim.Camera{FPS: fps}), nil, small)
				wait := time.Duration(dice.Float64() * 5 * float64(time.Second))
				wg.Go(func() {
					v.Runs()
					if err := pause(t, 2*time.Second+wait); err != nil {
						t.Error(err)
						return
					}
					v.Sim.Set(func(b *camsim.Behaviour) { b.Freeze = true })
					snap := v.Until("STALLED", func(c camera.Snapshot) bool { return c.State == camera.StateStalled })
					took[i] = snap.StateTime.Sub(v.Sim.Stats().Last.Left)
				})
			}
			wg.Wait()
			newFigure("frozen stream noticed at "+strconv.Itoa(int(fps))+" fps", took).print()
		})
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestGrowth adds and removes cameras, and changes the size of others' pictures, ten
// times as often as runs were asked for, and counts what is left.
func TestGrowth(t *testing.T) {
	n := 10 * measured(t)
	for _, tc := range []struct {
		name  string
		begin func(s *Scene) (cycles func(n int))
	}{
		{"cameras added and removed", func(s *Scene) func(int) { return newChurn(s).cycles }},
		{"size changes", sizes},
	} {
		w, err := Start()
		if err != nil {
			t.Fatal(err)
		}
		t.Run(tc.name, func(t *testing.T) {
			s := NewScene(t, w, 3, 1)
			cycles := tc.begin(s)
			cycles(64) // what is kept for good is there after these
			before, err := Measure()
			if err != nil {
				t.Fatal(err)
			}
			decoders, frames := w.decoders.Load(), w.Account.Frames()
			cycles(n)
			if err := before.Left(patience); err != nil {
				t.Error(err)
			}
			after, err := Measure()
			if err != nil {
				t.Fatal(err)
			}
			g := newGrowth(tc.name, n, before, after)
			g.Decoders, g.Frames = w.decoders.Load()-decoders, w.Account.Frames()-frames
			printLine(g)
			// 32 kB a round would be a lost handle; a lost frame is more.
			if most := int64(32<<20) + int64(n)<<15; g.NativeBytes > most || g.HeapBytes > int64(n)<<13+8<<20 {
				t.Errorf("memory grows: %+v", g)
			}
		})
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// sizes changes the sizes of eight cameras.
func sizes(s *Scene) func(int) {
	a, b := s.Clip("h264_change_a"), s.Clip("h264_change_b")
	var victims []*Victim
	for range 8 {
		v := s.Add(s.Sim(nil, "h264_change_a", camsim.Camera{FPS: 10}), nil, "h264_change_a", "h264_change_b")
		v.Runs()
		victims = append(victims, v)
	}
	return func(n int) {
		var wg sync.WaitGroup
		for _, v := range victims {
			wg.Go(func() {
				for i := range n / len(victims) {
					clip := a
					if i%2 == 0 {
						clip = b
					}
					v.Sim.Set(func(bh *camsim.Behaviour) { bh.Clip = clip })
					if !wait(func() bool { return v.Now().Width == clip.Width }) {
						s.Errorf("%s does not change its size", v.ID)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}
