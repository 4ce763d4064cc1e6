//go:build cgo

package e2e

import (
	"fmt"
	"math"
	"sync"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// neighbour is a good camera and where its counts began.
type neighbour struct {
	id              string
	h               *camsim.Handle
	sent, published uint64
}

// accounted is how many pictures were published, or had to be left out by a busy machine.
func (n *neighbour) accounted(w *worker) uint64 {
	w.t.Helper()
	c := w.camera(n.id).GetStatus().GetCounters()
	return c.GetFramesPublished() + c.GetDropped().GetQueue()
}

// One camera of eight goes through everything that happens to cameras. The others
// never notice, and it comes back each time with a clean key frame of an epoch of its
// own.
func TestIsolation(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	clips := []string{"h264_bframes", "h264_crop", "h264_422", "h264_slices", "h265_main10", "mjpeg_restart", "mjpeg_422"}
	var others []*neighbour
	for i, clip := range clips {
		transport := frameportv1.Transport_TRANSPORT_TCP
		if i%2 == 1 {
			transport = frameportv1.Transport_TRANSPORT_UDP
		}
		n := &neighbour{id: fmt.Sprintf("cam-%d", site.Clip(clip).Camera), h: site.Camera(clip, clip, camsim.Camera{FPS: site.Clip(clip).FPS / slowdown})}
		w.add(n.id, &frameportv1.CameraSpec{Url: n.h.URL(), Transport: transport})
		others = append(others, n)
	}
	victim := site.Camera("victim", "h264_change_a", camsim.Camera{Username: "u", Password: "p"})
	w.add("cam-19", &frameportv1.CameraSpec{
		Url: victim.URL(), Credentials: &frameportv1.Credentials{Username: "u", Password: "p"}, Transport: frameportv1.Transport_TRANSPORT_TCP,
	})
	for _, n := range others {
		w.running(n.id)
		n.sent, n.published = n.h.Stats().Units, n.accounted(w)
	}
	w.running("cam-19")
	done := w.readAll(t, site)

	last := w.after("cam-19", nil, nil)
	const stalled, failed = frameportv1.CameraState_CAMERA_STATE_STALLED, frameportv1.CameraState_CAMERA_STATE_FAILED
	for _, tc := range []struct {
		name  string
		begin func(*camsim.Behaviour)
		drop  bool
		state frameportv1.CameraState // awaited before it is over; 0 = none
		class frameportv1.FaultClass
	}{
		{name: "reset", drop: true},
		{"404", func(b *camsim.Behaviour) { b.Status = map[string]int{"DESCRIBE": 404} }, true, failed, frameportv1.FaultClass_FAULT_CLASS_NOT_FOUND},
		{"garbage", func(b *camsim.Behaviour) { b.Status = map[string]int{"SETUP": 999} }, true, failed, frameportv1.FaultClass_FAULT_CLASS_PROTOCOL},
		{"garbage in the stream", func(b *camsim.Behaviour) { b.SequenceOffset, b.TimestampOffset, b.SSRC = 31000, 1<<31, 1 }, false, 0, 0},
		{"wrong password", func(b *camsim.Behaviour) { b.RejectLogins = true }, true, failed, frameportv1.FaultClass_FAULT_CLASS_AUTH},
		{"freeze", func(b *camsim.Behaviour) { b.Freeze = true }, false, stalled, frameportv1.FaultClass_FAULT_CLASS_STALLED},
		{"another size", func(b *camsim.Behaviour) { b.Clip = site.Clip("h264_change_b") }, false, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := w.in(t)
			f := w.epoch("cam-19", last, func() {
				if tc.begin != nil {
					victim.Set(tc.begin)
				}
				if tc.drop {
					victim.Drop(camsim.DropRST)
				}
				if tc.state == 0 {
					return
				}
				w.wait("cam-19", tc.name, func(s *frameportv1.CameraStatus) bool {
					return s.GetState() == tc.state && s.GetFault().GetClass() == tc.class
				})
				victim.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{} })
			})
			if camera, _, err := ReadPicture(f); err != nil || camera != 19 && camera != 20 {
				t.Errorf("camera %d: %v", camera, err)
			}
			last = f
			w.running("cam-19")
		})
	}
	t.Run("loss", func(t *testing.T) {
		w := w.in(t)
		before := w.camera("cam-19").GetStatus().GetCounters()
		victim.Set(func(b *camsim.Behaviour) { b.Loss, b.Seed = 0.3, 7 })
		s := w.wait("cam-19", "hurt by loss", func(s *frameportv1.CameraStatus) bool {
			return s.GetCounters().GetPacketsLost() > before.GetPacketsLost()+20
		}).GetStatus()
		if s.GetCounters().GetDropped().GetNetwork() == before.GetDropped().GetNetwork() {
			t.Errorf("nothing was dropped: %v", s.GetCounters())
		}
		victim.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{} })
		next := w.follow("cam-19") // the clip begins anew, in its first size
		f := next()
		for ; f.GetWidth() != 640 || f.GetEpoch() == last.GetEpoch(); f = next() {
			if f.GetCorrupt() {
				t.Errorf("frame %d/%d is corrupt", f.GetEpoch(), f.GetSequence())
			}
		}
		if camera, _, err := ReadPicture(f); err != nil || camera != 19 || f.GetSequence() > 1+f.GetSkipped().GetSlowConsumer() ||
			f.GetSequence() == 1 && !f.GetKeyFrame() || f.GetCorrupt() {
			t.Errorf("camera %d, frame %d/%d, key frame %v, corrupt %v: %v", camera, f.GetEpoch(), f.GetSequence(), f.GetKeyFrame(), f.GetCorrupt(), err)
		}
	})

	for _, n := range others {
		published := n.accounted(w) - n.published
		sent := n.h.Stats().Units - n.sent
		if diff := math.Abs(float64(sent) - float64(published)); diff > 1+0.02*float64(sent) {
			t.Errorf("%s: %d pictures were sent and %d published", n.id, sent, published)
		}
		if s := n.h.Stats(); s.Plays != 1 || s.Overflows != 0 {
			t.Errorf("%s: %+v", n.id, s)
		}
		c := w.camera(n.id).GetStatus()
		switch busy := c.GetCounters().GetDropped().GetQueue() > 0; {
		case c.GetEpoch() != 1 || c.GetCounters().GetReconnects() != 0:
			t.Errorf("%s was interrupted: %v", n.id, c)
		case busy: // this machine is; nothing but that was lost, the counts above say
			t.Logf("%s lost %d pictures to a busy machine", n.id, c.GetCounters().GetDropped().GetQueue())
		case c.GetState() != frameportv1.CameraState_CAMERA_STATE_RUNNING || c.GetLastFault() != nil:
			t.Errorf("%s: %v", n.id, c)
		}
		if sent < 40 {
			t.Errorf("%s: only %d pictures to judge", n.id, sent)
		}
	}
	w.stop()
	if read := done(); read < 100 {
		t.Errorf("only %d pictures were looked at", read)
	}
}

// readAll reads the bar codes of all cameras' frames, as JPEG, until the worker ends.
// Camera cam-N must show pictures of camera N; 19 changes its clip to 20.
func (w *worker) readAll(t *testing.T, site *Site) (done func() int) {
	t.Helper()
	stream, err := w.frames.StreamFrames(t.Context(), &frameportv1.StreamFramesRequest{MaxFps: 5})
	if err != nil {
		t.Fatal(err)
	}
	changed := site.Clip("h264_change_b").Camera
	var wg sync.WaitGroup
	read := 0
	wg.Go(func() {
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			f := r.GetFrame()
			camera, _, err := ReadPicture(f)
			want := fmt.Sprintf("cam-%d", camera)
			if camera == changed {
				want = "cam-19"
			}
			if err != nil || f.GetCameraId() != want || f.GetCorrupt() {
				t.Errorf("%s shows camera %d, corrupt %v: %v", f.GetCameraId(), camera, f.GetCorrupt(), err)
			}
			read++
		}
	})
	return func() int { wg.Wait(); return read }
}
