//go:build cgo

package e2e

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

func backend(k frameportv1.BackendKind) func(*frameportv1.CameraSpec) {
	return func(s *frameportv1.CameraSpec) { s.Backend = k }
}

func pin(device string) func(*frameportv1.CameraSpec) {
	return func(s *frameportv1.CameraSpec) { s.Device = device }
}

// A stream that the GPU can't decode: who asked for CUDA is refused with the reason, who
// left the choice gets the CPU and is told why, as long as there is room on the CPU.
func TestGPUUnsupportedStream(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, []string{"NO_CODEC=hevc"}, "--cpu-fallback=2")
	for _, tc := range []struct {
		clip string
		text []string // of the reason
	}{
		{"h264_high10", []string{"10-bit H264"}},
		{"h265_bframes", []string{"H265"}},
	} {
		h := site.Camera(tc.clip, tc.clip, camsim.Camera{})
		w.add("cuda-"+tc.clip, over(h.URL(), backend(onCUDA)))
		s := w.faulty("cuda-"+tc.clip, frameportv1.FaultClass_FAULT_CLASS_UNSUPPORTED).GetStatus()
		if s.GetState() != frameportv1.CameraState_CAMERA_STATE_FAILED || s.GetCounters().GetFramesPublished() != 0 {
			t.Errorf("%s: %v", tc.clip, s)
		}
		contains(t, s.GetFault().GetMessage(), tc.text...)

		w.add("auto-"+tc.clip, over(h.URL()))
		s = w.running("auto-" + tc.clip).GetStatus()
		if s.GetBackend() != onCPU || s.GetDevice() != "" || s.GetMemory().GetDeviceRingBytes() != 0 || s.GetMemory().GetHostBytes() == 0 {
			t.Errorf("%s: %v", tc.clip, s)
		}
		contains(t, s.GetBackendReason(), tc.text...)
		f := w.after("auto-"+tc.clip, nil, nil)
		if camera, _, err := ReadPicture(f); err != nil || camera != site.Clip(tc.clip).Camera {
			t.Errorf("%s shows camera %d: %v", tc.clip, camera, err)
		}
	}
	// Both places on the CPU are taken.
	h := site.Camera("third", "h264_high10", camsim.Camera{})
	w.add("third", over(h.URL()))
	s := w.faulty("third", frameportv1.FaultClass_FAULT_CLASS_LIMIT).GetStatus()
	contains(t, s.GetFault().GetMessage(), "taken over 2 cameras", "--cpu-fallback")
	// Who asks for the CPU does not need one of them.
	w.add("asked", over(h.URL(), backend(onCPU)))
	if s := w.running("asked").GetStatus(); s.GetBackend() != onCPU || s.GetBackendReason() != "" {
		t.Errorf("%v", s)
	}
	if _, err := w.cameras.RemoveCamera(t.Context(), &frameportv1.RemoveCameraRequest{CameraId: "auto-h264_high10"}); err != nil {
		t.Fatal(err)
	}
	s = w.wait("third", "decoded", func(s *frameportv1.CameraStatus) bool { return s.GetCounters().GetFramesPublished() > 0 }).GetStatus()
	if s.GetBackend() != onCPU || s.GetBackendReason() == "" {
		t.Errorf("the place that became free: %v", s)
	}
}

// Cameras spread over two GPUs; a pin holds; each frame says whose it is.
func TestGPUDevices(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, []string{"DEVICES=2"})
	devices := w.describe().GetDevices()
	if len(devices) != 2 || devices[0].GetUuid() == devices[1].GetUuid() || devices[0].GetIndex() != 0 || devices[1].GetIndex() != 1 {
		t.Fatalf("%v", devices)
	}
	h := site.Camera("cam", "h264_change_a", camsim.Camera{})
	on := func(id string) string { return w.running(id).GetStatus().GetDevice() }
	first, second := devices[0].GetUuid(), devices[1].GetUuid()

	w.add("pinned-index", over(h.URL(), pin("1")))
	w.add("pinned-uuid", over(h.URL(), pin(second)))
	if on("pinned-index") != second || on("pinned-uuid") != second {
		t.Errorf("pinned to %s, but on %s and %s", second, on("pinned-index"), on("pinned-uuid"))
	}
	counts := map[string]int{second: 2}
	for _, id := range []string{"a", "b", "c", "d"} {
		w.add(id, over(h.URL()))
		counts[on(id)]++
	}
	if counts[first] != 3 || counts[second] != 3 {
		t.Errorf("cameras per device: %v", counts)
	}
	for _, d := range w.describe().GetDevices() {
		if d.GetCameras() != 3 || d.GetLedger().GetDecoderBytes() == 0 || d.GetLedger().GetRingBytes() == 0 {
			t.Errorf("%v", d)
		}
	}
	for _, id := range []string{"a", "b", "c", "d", "pinned-index"} {
		if camera, _, err := ReadPicture(w.after(id, nil, nil)); err != nil || camera != site.Clip("h264_change_a").Camera {
			t.Errorf("%s shows camera %d: %v", id, camera, err)
		}
	}
	_, err := w.cameras.AddCamera(t.Context(), &frameportv1.AddCameraRequest{CameraId: "nowhere", Spec: over(h.URL(), pin("7"))})
	if reason, _ := apierr.ReasonOf(err); status.Code(err) != codes.FailedPrecondition || reason != apierr.BackendUnavailable {
		t.Errorf("%v, reason %q", err, reason)
	}
	contains(t, status.Convert(err).Message(), `"7"`, first, second)
	// A camera moves when its pin does.
	if err := w.update("a", &frameportv1.CameraSpec{Device: first}, "device"); err != nil {
		t.Fatal(err)
	}
	w.wait("a", "on the first GPU", func(s *frameportv1.CameraStatus) bool { return s.GetDevice() == first })
	if err := w.update("a", &frameportv1.CameraSpec{Device: second}, "device"); err != nil {
		t.Fatal(err)
	}
	w.wait("a", "on the second GPU", func(s *frameportv1.CameraStatus) bool { return s.GetDevice() == second })
}
