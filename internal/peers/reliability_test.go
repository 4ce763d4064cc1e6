//go:build peers

package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/figures"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/rtsp"
)

// recoveryPatience is more than the longest pause of go2rtc, a minute, twice.
const recoveryPatience = 150 * time.Second

// TestReliabilityGo2rtc is TestRecovery of internal/faults with go2rtc between the
// cameras and a client: the same cameras, the same reboots, measured from the same
// moment.
//
// go2rtc is connected to a camera while it has a client. The clients here are patient:
// they keep their connections and their keepalives however long nothing comes, so it is
// go2rtc alone that looks for the camera. (A client that falls silent as well is cut
// after a minute, and go2rtc then gives the camera up until somebody asks again.)
func TestReliabilityGo2rtc(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("FRAMEPORT_FAULTS_FIGURES"))
	if err != nil || n < 1 {
		t.Skip("make reliability plays it")
	}
	j := figures.Open()
	clip, err := testvideo.Load("color_bars_bt709")
	if err != nil {
		t.Fatal(err)
	}
	hosts, sims, streams := make([]*camsim.Server, n), make([]*camsim.Handle, n), make([]string, n)
	for i := range n {
		if hosts[i], err = camsim.Start(camsim.Config{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := hosts[i].Close(); err != nil {
				t.Error(err)
			}
		})
		if sims[i], err = hosts[i].Add("cam", camsim.Camera{Clip: clip, FPS: 5}); err != nil {
			t.Fatal(err)
		}
		streams[i] = fmt.Sprintf("cam%d: %s", i, sims[i].URL())
	}
	server := startGo2rtc(t, streams...)
	patient := newSiteWith(t, rtsp.Timeouts{Bytes: time.Hour, Units: time.Hour})
	took := make(figures.Seconds, n)
	var reconnects, attempts uint64
	var wg sync.WaitGroup
	for i, r := range camsim.Reboots(n, 1) {
		id := fmt.Sprintf("cam%d", i)
		reader := patient.add(id, config.Camera{URL: server.url(id), Transport: config.TransportTCP})
		wg.Go(func() {
			if err := reader.undamaged(t.Context(), time.Time{}); err != nil {
				t.Errorf("%s, before: %v", id, err)
				return
			}
			ready, err := r.Play(t.Context(), hosts[i], sims[i])
			if err == nil {
				err = reader.undamaged(t.Context(), ready)
			}
			if err != nil {
				t.Errorf("%s: %v", id, err)
				return
			}
			took[i] = time.Since(ready)
		})
	}
	wg.Wait()
	for i := range n {
		snap, err := patient.manager.Get(fmt.Sprintf("cam%d", i))
		if err != nil {
			t.Error(err)
		}
		reconnects += snap.Counters.Reconnects
		attempts += snap.Counters.ConnectAttempts
	}
	const name = "the same with go2rtc 1.9.9, to an undamaged frame at its client"
	detail := "%d times; the clients made %d connections, %d of them again"
	if err := j.Add(
		took.Median(name).With(detail, n, attempts, reconnects),
		took.P95(name).With(detail, n, attempts, reconnects),
		took.Longest(name).With(detail, n, attempts, reconnects),
	); err != nil {
		t.Error(err)
	}
}

// undamaged waits for a picture that was received after a moment, is not damaged and
// can be read.
func (r *reader) undamaged(ctx context.Context, after time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryPatience)
	defer cancel()
	for {
		f, err := r.feed.Ring().Wait(ctx, r.last)
		if err != nil {
			snap := r.feed.Snapshot()
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, frame.ErrClosed) {
				return fmt.Errorf("%w; %v, %s", err, snap.State, snap.LastFault.Message)
			}
			return err
		}
		r.last = f.ID
		_, _, unread := testvideo.ReadBarcodeLuma(f.Planes[0].Data, f.Width, f.Height, f.Planes[0].Pitch)
		good := f.Received.After(after) && !f.Corrupt && unread == nil
		f.Release()
		if good {
			return nil
		}
	}
}
