//go:build cgo

package faults

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/figures"
)

// TestNonce has cameras whose nonces end after three seconds while the worker asks every
// two: every other keepalive meets a new one. It measures how long no frame came.
func TestNonce(t *testing.T) {
	n, j := 2*measured(t), figures.Open()
	const cameras = 20
	each := (n + cameras - 1) / cameras
	gaps := make(figures.Seconds, cameras*each)
	var wrong uint64
	failed := 0
	t.Run("cameras", func(t *testing.T) {
		w := startWith(t, Options{})
		s := NewScene(t, w, 6, 1)
		var victims []*Victim
		var wg sync.WaitGroup
		for i := range cameras {
			c := guarded(camsim.AuthDigestMD5)
			c.FPS, c.Timeout, c.Behaviour.NonceLife = 10, 4*time.Second, 3*time.Second
			v := s.Add(s.Sim(nil, small, c), Login(canaryUser, canaryPassword), small)
			victims = append(victims, v)
			feed, err := w.Manager.Feed(v.ID)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				var last frame.Info
				for k := 0; k < each; {
					f, err := feed.Ring().Wait(t.Context(), last.ID)
					if err != nil {
						t.Errorf("%s: %v", v.ID, err)
						return
					}
					if last.Epoch != 0 && f.Epoch > last.Epoch {
						gaps[i*each+k] = f.Received.Sub(last.Received)
						k++
					}
					last = f.Info
					f.Release()
				}
			})
		}
		wg.Wait()
		for _, v := range victims {
			wrong += v.Sim.Stats().FailedLogins
			failed += v.Entered(camera.StateFailed)
		}
	})
	what := fmt.Sprintf("nonce that ends every 3 s, %d times, without a frame", len(gaps))
	write(t, j, gaps.Median(what), gaps.P95(what), gaps.Longest(what).AtMost(1),
		figures.Value("nonce that ends, wrong logins", float64(wrong), "logins").AtMost(0),
		figures.Value("nonce that ends, cameras that showed FAILED", float64(failed), "times").AtMost(0))
}

// TestLogin corrects wrong passwords over the API, once the worker has stopped trying for
// minutes. How it tries over half an hour is seen with a clock of tests: TestLoginBudget
// and TestLoginBudgetUnderLoad of package rtsp, TestRules of rtsp/retry.
func TestLogin(t *testing.T) {
	n, j := measured(t), figures.Open()
	took := make(figures.Seconds, n)
	var most uint64
	t.Run("cameras", func(t *testing.T) {
		w := startWith(t, Options{})
		s := NewScene(t, w, 7, 1)
		conn := dial(t, w)
		cameras, frames := frameportv1.NewCameraServiceClient(conn), frameportv1.NewFrameServiceClient(conn)
		var all errgroup.Group
		all.SetLimit(4)
		victims := make([]*Victim, n)
		for i := range victims {
			victims[i] = s.Add(s.Sim(nil, small, guarded(camsim.AuthDigestMD5)), Login(canaryUser, "c4n4ry but wrong"), small)
		}
		for _, v := range victims {
			v.Until("minutes of silence", func(c camera.Snapshot) bool {
				return c.State == camera.StateFailed && c.Fault.Class == fault.Auth && time.Until(c.Fault.NextAttempt) > time.Minute
			})
		}
		for i, v := range victims {
			all.Go(func() error {
				began := time.Now()
				if _, err := cameras.UpdateCamera(t.Context(), &frameportv1.UpdateCameraRequest{
					CameraId:   v.ID,
					Spec:       &frameportv1.CameraSpec{Credentials: &frameportv1.Credentials{Password: canaryPassword}},
					UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"credentials.password"}},
				}); err != nil {
					return err
				}
				_, err := frames.GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: v.ID, Wait: durationpb.New(20 * time.Second)})
				took[i] = time.Since(began)
				v.Remove() // so that it doesn't slow down those that follow
				return err
			})
		}
		if err := all.Wait(); err != nil {
			t.Error(err)
		}
		for _, v := range victims {
			most = max(most, v.Sim.Stats().FailedLogins)
		}
	})
	const what = "wrong password, from its correction over the API to a frame"
	write(t, j, took.Median(what), took.P95(what), took.Longest(what).AtMost(2),
		figures.Value("wrong password, wrong logins at a camera, most", float64(most), "logins").AtMost(3))
}
