package faults

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

// fleetClips are what the cameras show that nobody hurts: every codec, small pictures.
func fleetClips() []string {
	return []string{
		"color_bars_bt709", "color_bars_bt601_full", "h264_change_b", "h264_bframes", "h264_crop", "h264_slices",
		"h265_bframes", "h265_main10", "mjpeg_odd", "mjpeg_422", "vp8_odd", "vp9_odd",
	}
}

// fleetSize is how many cameras there are beside the victim of a row.
const fleetSize = 19

// Fleet is good cameras, on a host of their own.
type Fleet struct {
	worker  *Worker
	host    *camsim.Server
	cameras []*Neighbour
}

// NewFleet adds the fleet to a worker and waits until all of it runs.
func NewFleet(t testing.TB, w *Worker, fps float64) *Fleet {
	t.Helper()
	return newFleet(t, w, fps, fleetSize)
}

func newFleet(t testing.TB, w *Worker, fps float64, size int) *Fleet {
	t.Helper()
	f := &Fleet{worker: w}
	var err error
	if f.host, err = camsim.Start(camsim.Config{Addr: "127.63.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	clips := fleetClips()
	for i := range size {
		clip, err := testvideo.Load(clips[i%len(clips)])
		if err != nil {
			t.Fatal(err)
		}
		h, err := f.host.Add(fmt.Sprintf("good%d", i), camsim.Camera{Clip: clip, FPS: fps})
		if err != nil {
			t.Fatal(err)
		}
		transport := config.TransportTCP
		if i%4 == 3 {
			transport = config.TransportUDP
		}
		watch, err := w.Add(context.Background(), fmt.Sprintf("good%d", i), config.Camera{URL: h.URL(), Transport: transport}, clip.Camera)
		if err != nil {
			t.Fatal(err)
		}
		f.cameras = append(f.cameras, &Neighbour{Watch: watch, Sim: h, pictures: clip.Frames})
	}
	for _, n := range f.cameras {
		if !wait(func() bool { return n.Clean() >= 3 }) {
			t.Fatalf("%s of the fleet does not run", n.ID)
		}
		now, err := w.Manager.Get(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		n.Begin(now)
	}
	return f
}

// Judge says what the fleet has lost since it ran.
func (f *Fleet) Judge() error {
	var errs []error
	for _, n := range f.cameras {
		var lost error
		wait(func() bool {
			now, err := f.worker.Manager.Get(n.ID)
			if err == nil {
				err = n.Intact(now)
			}
			lost = err
			return !errors.Is(err, errBehind)
		})
		errs = append(errs, lost)
		for _, broken := range n.Violations() {
			errs = append(errs, errors.New(broken))
		}
	}
	return errors.Join(errs...)
}

// Close ends the host, when the worker is gone.
func (f *Fleet) Close() error { return f.host.Close() }
