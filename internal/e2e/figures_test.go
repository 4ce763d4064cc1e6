//go:build cgo

package e2e

import (
	"fmt"
	"os"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/figures"
)

// TestStop is TestShutdown with two hundred cameras, twenty of them decoded and read, as
// a figure of `make reliability`.
func TestStop(t *testing.T) {
	if os.Getenv("FRAMEPORT_FAULTS_FIGURES") == "" {
		t.Skip("make reliability plays it")
	}
	const cameras, decoded = 200, 20
	j := figures.Open()
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	var handles []*camsim.Handle
	var ids []string
	for i := range cameras {
		id, mode := fmt.Sprintf("cam-%d", i), frameportv1.DecodeMode_DECODE_MODE_NONE
		if i < decoded {
			mode = frameportv1.DecodeMode_DECODE_MODE_ALL
			ids = append(ids, id)
		}
		h := site.Camera(id, "h264_change_a", camsim.Camera{FPS: 5})
		w.add(id, &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP, Decode: &frameportv1.DecodePolicy{Mode: mode}})
		handles = append(handles, h)
	}
	for i := range handles {
		w.running(fmt.Sprintf("cam-%d", i))
	}
	load, err := StartLoad(t.Context(), w.grpc, w.http, ids)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "frames under load", func() bool { return load.Delivered.Load() > 300 })
	took := w.stop() // fails unless the exit status is 0
	missing, unclean := 0, 0
	if err := load.Wait(); err != nil {
		t.Log(err)
		unclean = 1
	}
	for _, h := range handles {
		if s := h.Stats(); s.Teardowns != s.Plays || s.Plays == 0 || s.OpenSessions != 0 {
			missing++
		}
	}
	what := fmt.Sprintf("SIGTERM with %d cameras and 14 clients", cameras)
	if err := j.Add(
		figures.Value(what+", until exit 0", took.Seconds(), "s").AtMost(5),
		figures.Value(what+", cameras without TEARDOWN", float64(missing), "cameras").AtMost(0),
		figures.Value(what+", clients without a clean status", float64(unclean), "runs").AtMost(0),
	); err != nil {
		t.Error(err)
	}
}
