//go:build cgo

package e2e

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// A camera that does not fit the budget is refused with the numbers, and fits once
// another one is gone.
func TestGPUBudget(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, nil, "--gpu-memory-budget=450MiB")
	h := site.Camera("cam", "h264_change_a", camsim.Camera{})
	add := func(id string) error {
		_, err := w.cameras.AddCamera(t.Context(), &frameportv1.AddCameraRequest{CameraId: id, Spec: over(h.URL())})
		return err
	}
	var fit []string
	var err error
	for i := 0; err == nil; i++ {
		id := fmt.Sprintf("cam-%d", i)
		if err = add(id); err == nil {
			fit = append(fit, id)
		}
		if i > 50 {
			t.Fatal("everything fits")
		}
	}
	reason, _ := apierr.ReasonOf(err)
	if status.Code(err) != codes.ResourceExhausted || reason != apierr.OutOfDeviceMemory {
		t.Errorf("%v, reason %q", err, reason)
	}
	contains(t, status.Convert(err).Message(), fmt.Sprintf("cam-%d needs about ", len(fit)), "the memory budget of 450.0 MiB", " are used and ", " promised", "--gpu-memory-budget")
	if len(fit) < 2 {
		t.Fatalf("only %v fit", fit)
	}
	for _, id := range fit {
		w.running(id)
	}
	d := w.device()
	if l := d.GetLedger(); d.GetMemoryBudgetBytes() != 450<<20 || l.GetFixedBytes()+l.GetCameraBytes() > d.GetMemoryBudgetBytes() {
		t.Errorf("over the budget: %v", d)
	}
	if err := add("late"); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("what was promised and not taken is given away: %v", err)
	}
	if _, err := w.cameras.RemoveCamera(t.Context(), &frameportv1.RemoveCameraRequest{CameraId: fit[0]}); err != nil {
		t.Fatal(err)
	}
	if err := add("late"); err != nil {
		t.Errorf("a removed camera's room is not given back: %v", err)
	}
	w.running("late")
	// On the CPU there is room for it.
	w.add("cpu", over(h.URL(), func(s *frameportv1.CameraSpec) { s.Backend = onCPU }))
	if s := w.running("cpu").GetStatus(); s.GetBackend() != onCPU {
		t.Errorf("%v", s)
	}
}

// Memory that runs out under one camera is that camera's trouble: it says so, tries
// again and recovers, and the others lose nothing.
func TestGPUOutOfMemoryInOneCamera(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, []string{"FAIL=cuvidCreateDecoder:3:2"})
	others := map[string]*camsim.Handle{}
	for _, id := range []string{"one", "two"} {
		others[id] = site.Camera(id, "h264_change_a", camsim.Camera{})
		w.add(id, over(others[id].URL()))
		w.running(id)
	}
	w.add("victim", over(site.Camera("victim", "h264_change_a", camsim.Camera{}).URL()))
	s := w.faulty("victim", frameportv1.FaultClass_FAULT_CLASS_LIMIT).GetStatus()
	if s.GetState() != frameportv1.CameraState_CAMERA_STATE_DEGRADED {
		t.Errorf("%v", s)
	}
	contains(t, s.GetFault().GetMessage(), "cuvidCreateDecoder", "OUT_OF_MEMORY")
	s = w.wait("victim", "decoded again", func(s *frameportv1.CameraStatus) bool {
		return s.GetCounters().GetFramesPublished() > 0
	}).GetStatus()
	if s.GetBackend() != onCUDA || s.GetCounters().GetReconnects() != 0 {
		t.Errorf("%v", s)
	}
	for id, h := range others {
		s := w.camera(id).GetStatus()
		busy := s.GetCounters().GetDropped().GetQueue() > 0 // this machine
		if s.GetCounters().GetDropped().GetDecode() != 0 || s.GetLastFault() != nil && !busy || s.GetEpoch() != 1 || h.Stats().Plays != 1 {
			t.Errorf("%s was hurt: %v", id, s)
		}
	}
}
