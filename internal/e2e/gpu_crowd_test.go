//go:build cgo

package e2e

import (
	"fmt"
	"sync"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// A thousand cameras on one worker: every one delivers, on few threads. A test of
// cmd/frameport has all of them at the driver at the same time.
func TestGPUCrowd(t *testing.T) {
	const cameras, hosts, threads, frames = 1000, 10, 200, 2
	var sites []*Site // the worker connects to two cameras of a host at a time
	for host := range hosts {
		sites = append(sites, NewSite(t, camsim.Config{Addr: fmt.Sprintf("127.0.0.%d:0", host+1)}))
	}
	w, sim := startGPU(t, []string{"MEMORY=0x1000000000"}, "--state-dir=")
	var adding sync.WaitGroup
	for host, site := range sites {
		adding.Go(func() {
			for i := range cameras / hosts {
				id := fmt.Sprintf("cam-%d-%d", host, i)
				h := site.Camera(id, "color_red", camsim.Camera{FPS: 1})
				_, err := w.cameras.AddCamera(t.Context(), &frameportv1.AddCameraRequest{CameraId: id, Spec: over(h.URL(), ring(1))})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	adding.Wait()
	most := 0
	var list []*frameportv1.Camera
	const parts = 100 // with patience for each
	for part := range parts {
		until(t, fmt.Sprintf("%d of %d parts of the cameras to deliver", part+1, parts), func() bool {
			most = max(most, w.threads())
			list = w.list()
			delivering := 0
			for _, c := range list {
				if c.GetStatus().GetCounters().GetFramesPublished() >= frames {
					delivering++
				}
			}
			return delivering >= (part+1)*cameras/parts
		})
	}
	if len(list) != cameras || w.device().GetCameras() != cameras || sim.live()["decoder"] != cameras {
		t.Errorf("%d cameras are listed, the GPU has %d and %d decoders", len(list), w.device().GetCameras(), sim.live()["decoder"])
	}
	for _, c := range list {
		s := c.GetStatus()
		if d := s.GetCounters().GetDropped(); s.GetBackend() != onCUDA || d.GetDecode() != 0 || s.GetCounters().GetReconnects() != 0 {
			t.Errorf("%s is on %v and dropped %v: %v", c.GetCameraId(), s.GetBackend(), d, s.GetLastFault())
		}
	}
	t.Logf("%d threads at most", most)
	if most >= threads {
		t.Errorf("%d threads, fewer than %d are allowed", most, threads)
	}
}

// list returns all cameras, page by page.
func (w *worker) list() (all []*frameportv1.Camera) {
	w.t.Helper()
	for r := (&frameportv1.ListCamerasRequest{PageSize: 1000}); ; {
		page, err := w.cameras.ListCameras(w.t.Context(), r)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, page.GetCameras()...)
		if r.PageToken = page.GetNextPageToken(); r.PageToken == "" {
			return all
		}
	}
}
