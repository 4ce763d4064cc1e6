//go:build cgo

package e2e

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// holdings is what a worker has, of everything that could grow.
type holdings struct {
	driver      map[string]int64
	fixed       int64 // bytes in the ledger
	cameras     int64 // bytes
	promised    int64 // bytes
	frames      int64
	host        int64 // bytes of frames
	descriptors int
	goroutines  float64
}

func (w *worker) holdings(sim *simulator) (h holdings) {
	w.t.Helper()
	me := w.describe()
	d := w.device()
	return holdings{
		driver: sim.live(),
		fixed:  d.GetLedger().GetFixedBytes(), cameras: d.GetLedger().GetCameraBytes(), promised: d.GetMemoryPromisedBytes(),
		frames: me.GetLiveFrames(), host: me.GetFrameHostBytes(),
		descriptors: w.descriptors(), goroutines: w.gauge("go_goroutines"),
	}
}

// comeAndGo is how many goroutines may be there for the moment only: of calls and of
// connections that these tests make.
const comeAndGo = 4

// grew says what of h is more than before.
func (h holdings) grew(before holdings) error {
	var errs []error
	for kind, n := range h.driver {
		if n > before.driver[kind] {
			errs = append(errs, fmt.Errorf("the driver has %d %s, had %d", n, kind, before.driver[kind]))
		}
	}
	for what, n := range map[string][2]int64{
		"fixed bytes": {before.fixed, h.fixed}, "cameras' bytes": {before.cameras, h.cameras}, "promised bytes": {before.promised, h.promised},
		"frames": {before.frames, h.frames}, "bytes of frames": {before.host, h.host},
		"descriptors": {int64(before.descriptors), int64(h.descriptors)}, "goroutines": {int64(before.goroutines) + comeAndGo, int64(h.goroutines)},
	} {
		if n[1] > n[0] {
			errs = append(errs, fmt.Errorf("%s: %d, before %d", what, n[1], n[0]))
		}
	}
	return errors.Join(errs...)
}

// steady waits until the worker has no more than before. What has been removed may need
// a moment to be gone: sockets of the other side, timers, the garbage of the runtime.
func (w *worker) steady(sim *simulator, before holdings) {
	w.t.Helper()
	var err error
	defer func() {
		if err != nil {
			w.t.Error(err)
		}
	}()
	until(w.t, "the worker to have no more than before", func() bool {
		err = w.holdings(sim).grew(before)
		return err == nil
	})
}

// cycle adds a camera, waits until the GPU has decoded it, and removes it.
func (w *worker) cycle(id, url string) error {
	ctx := w.t.Context()
	if _, err := w.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: over(url, ring(2))}); err != nil {
		return err
	}
	got, err := w.frames.GetFrame(ctx, &frameportv1.GetFrameRequest{
		CameraId: id, Wait: durationpb.New(patience), Output: &frameportv1.OutputSpec{Width: 64, Height: 48},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if got.GetFrame().GetSourceWidth() != 320 {
		return fmt.Errorf("%s: a frame of %d pixels", id, got.GetFrame().GetSourceWidth())
	}
	_, err = w.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id})
	return err
}

// A thousand cameras come, are decoded and go, several at a time: nothing grows.
func TestGPUChurn(t *testing.T) {
	const cycles, lanes, settling = 1000, 8, 40
	site := NewSite(t, camsim.Config{})
	w, sim := startGPU(t, nil)
	url := make([]string, lanes)
	for lane := range lanes {
		url[lane] = site.Camera(fmt.Sprintf("cam-%d", lane), "color_red", camsim.Camera{}).URL()
	}
	churn := func(n int) {
		var wg sync.WaitGroup
		for lane := range lanes {
			wg.Go(func() {
				for i := range n / lanes {
					if err := w.cycle(fmt.Sprintf("cam-%d-%d", lane, i), url[lane]); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	churn(settling) // connections, pools and threads that stay
	before := w.holdings(sim)
	if before.cameras != 0 || before.promised != 0 || before.frames != 0 || before.driver["decoder"] != 0 {
		t.Errorf("removed cameras left %+v", before)
	}
	churn(cycles)
	w.steady(sim, before)
	if l := w.device().GetLedger(); l.GetDecoderBytes() != 0 || l.GetRingBytes() != 0 {
		t.Errorf("%v", l)
	}
}

// A hundred times a camera drops the connection. The decoder is kept: making another one
// would fail.
func TestGPUReconnects(t *testing.T) {
	t.Parallel()
	const cameras, drops, frames = 25, 4, 2
	site := NewSite(t, camsim.Config{})
	w, sim := startGPU(t, []string{fmt.Sprintf("FAIL=cuvidCreateDecoder:%d+:2", cameras+1)})
	handles := map[string]*camsim.Handle{}
	for i := range cameras {
		id := fmt.Sprintf("cam-%d", i)
		handles[id] = site.Camera(id, "color_red", camsim.Camera{})
		w.add(id, over(handles[id].URL(), ring(frames)))
	}
	for id := range handles {
		w.running(id)
	}
	var before holdings
	for round := range drops {
		for _, h := range handles {
			h.Drop(camsim.DropMode(round % 2))
		}
		for id := range handles {
			s := w.wait(id, "back", func(s *frameportv1.CameraStatus) bool {
				return s.GetCounters().GetReconnects() == uint64(round+1) && s.GetEpoch() == uint64(round+2) && s.GetSequence() > 0 &&
					s.GetState() == frameportv1.CameraState_CAMERA_STATE_RUNNING
			}).GetStatus()
			if s.GetCounters().GetDropped().GetDecode() != 0 || s.GetMemory().GetDeviceDecoderBytes() == 0 {
				t.Errorf("%s: %v", id, s)
			}
		}
		if round == 0 {
			until(t, "full rings", func() bool { return w.describe().GetLiveFrames() == cameras*frames })
			before = w.holdings(sim)
		}
	}
	w.steady(sim, before)
	if n := sim.live()["decoder"]; n != cameras {
		t.Errorf("%d decoders for %d cameras", n, cameras)
	}
}
