//go:build cgo

package e2e

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/camsim"
)

// Another process finds in the GPU's memory the pictures that the entries speak of, of a
// camera on the GPU and of one on the CPU. When it is killed its memory goes at once, long
// before its lease.
func TestDeviceBatches(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, nil, "--shm-lease=60s")
	clips := []string{"h264_720p", "h265_720p"}
	for i, clip := range clips {
		want := onCUDA
		w.add(clip, over(site.Camera(clip, clip, camsim.Camera{}).URL(), func(s *frameportv1.CameraSpec) {
			if i == 1 {
				s.Backend, want = onCPU, onCPU
			}
		}))
		if s := w.running(clip).GetStatus(); s.GetBackend() != want {
			t.Fatalf("%s is decoded by %v", clip, s.GetBackend())
		}
	}
	r := w.readerAs(deviceReaderOf, []string{gputest.PathVariable + "=" + gputest.LibraryPath(t)}, clips...)
	if d := w.device(); r.file != d.GetUuid() || d.GetLedger().GetBatchBytes() == 0 {
		t.Errorf("the region is on %s, the ledger says %v", r.file, d)
	}
	seen := map[string]int{}
	for n := 0; n < 20 || len(seen) < len(clips); n++ {
		var id, problem string
		var camera, picture int
		line := r.line()
		if _, err := fmt.Sscan(line, &id, &camera, &picture, &problem); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if clip := site.Clip(id); camera != clip.Camera || picture >= clip.Frames || problem != "<nil>" {
			t.Errorf("%s, want camera %d", line, clip.Camera)
		}
		seen[id]++
	}
	if err := r.hold.Close(); err != nil {
		t.Fatal(err)
	}
	for r.line() != "held" {
	}
	if w.device().GetLedger().GetBatchBytes() == 0 {
		t.Error("the memory of a living reader is gone")
	}
	r.kill()
	until(t, "the killed reader's memory to be given back", func() bool { return w.device().GetLedger().GetBatchBytes() == 0 })

	// What does not fit is refused, and nothing is left of it.
	large := startDevice(clips)
	large.GetStart().Tensor.Width, large.GetStart().Tensor.Height, large.GetStart().MaxBatchSize = 8192, 8192, 256
	_, err := w.firstOf(large)
	if reason, _ := apierr.ReasonOf(err); status.Code(err) != codes.ResourceExhausted || reason != apierr.OutOfDeviceMemory {
		t.Errorf("%v", err)
	}
	contains(t, status.Convert(err).Message(), " MiB", "max_batch_size", "INLINE")
	if n := w.device().GetLedger().GetBatchBytes(); n != 0 {
		t.Errorf("%d bytes for a stream that was refused", n)
	}
}

// firstOf begins a stream of batches and returns its first message.
func (w *worker) firstOf(start *frameportv1.StreamBatchesRequest) (*frameportv1.StreamBatchesResponse, error) {
	w.t.Helper()
	stream, err := w.frames.StreamBatches(w.t.Context())
	if err == nil {
		err = stream.Send(start)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return stream.Recv()
}

// Without a GPU the error says what works instead.
func TestDeviceBatchesWithoutAGPU(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	_, err := w.firstOf(startDevice(nil))
	if reason, _ := apierr.ReasonOf(err); status.Code(err) != codes.FailedPrecondition || reason != apierr.DeliveryUnavailable {
		t.Errorf("%v", err)
	}
	contains(t, status.Convert(err).Message(), "no GPU", "SHARED_MEMORY or INLINE")
	w.stop()
}

// The loss of the GPU ends a stream of batches as it ends all others, also when the batch
// is what notices it.
func TestDeviceBatchesOfALostGPU(t *testing.T) {
	t.Parallel()
	sim, env := newSimulator(t, "FAIL=cuLaunchKernel:5:700")
	site := NewSite(t, camsim.Config{})
	w := start(t, env)
	w.add("cam", over(site.Camera("cam", "h264_change_a", camsim.Camera{}).URL()))
	stream, err := w.frames.StreamBatches(t.Context())
	if err == nil {
		err = stream.Send(startDevice([]string{"cam"}))
	}
	for err == nil {
		var r *frameportv1.StreamBatchesResponse
		if r, err = stream.Recv(); err == nil && r.GetBatch() != nil {
			_ = ackShared(stream, r.GetBatch()) // the end of the stream shows in Recv
		}
	}
	if err := stopped(err); err != nil {
		t.Error(err)
	}
	w.exits(deviceLost)
	sim.clean(true)
}
