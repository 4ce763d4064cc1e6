//go:build cgo

package e2e

import (
	"fmt"
	"testing"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// SIGTERM under load: twenty cameras that are all decoded, over TCP and UDP, one more
// that does not answer TEARDOWN, clients of every kind and one that never reads.
func TestShutdown(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	var handles []*camsim.Handle
	var ids []string
	for i := range 20 {
		id, transport := fmt.Sprintf("cam-%d", i), frameportv1.Transport_TRANSPORT_TCP
		if i%2 == 1 {
			transport = frameportv1.Transport_TRANSPORT_UDP
		}
		h := site.Camera(id, "h264_change_a", camsim.Camera{})
		w.add(id, &frameportv1.CameraSpec{Url: h.URL(), Transport: transport})
		handles, ids = append(handles, h), append(ids, id)
	}
	deaf := site.Camera("deaf", "h264_change_a", camsim.Camera{Behaviour: camsim.Behaviour{NoAnswer: []string{"TEARDOWN"}}})
	w.add("deaf", &frameportv1.CameraSpec{Url: deaf.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	w.running("deaf")
	for i, id := range ids {
		if c := w.running(id); c.GetStatus().GetTransport() != c.GetSpec().GetTransport() {
			t.Errorf("camera %d came over %v", i, c.GetStatus().GetTransport())
		}
	}
	load, err := StartLoad(t.Context(), w.grpc, w.http, ids)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "frames under load", func() bool { return load.Delivered.Load() > 300 })

	took := w.stop()
	t.Logf("ended in %v", took)
	if took > 5*time.Second {
		t.Errorf("took %v to end, at most 5 s are allowed", took)
	}
	if err := load.Wait(); err != nil {
		t.Error(err)
	}
	for i, h := range handles {
		if s := h.Stats(); s.Teardowns != s.Plays || s.Plays == 0 || s.OpenSessions != 0 {
			t.Errorf("camera %d was left without a TEARDOWN: %+v", i, s)
		}
	}
}
