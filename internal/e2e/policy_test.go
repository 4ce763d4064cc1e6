//go:build cgo

package e2e

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

// change updates fields of a camera that must be taken.
func (w *worker) change(id string, spec *frameportv1.CameraSpec, paths ...string) {
	w.t.Helper()
	if err := w.update(id, spec, paths...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) update(id string, spec *frameportv1.CameraSpec, paths ...string) error {
	_, err := w.cameras.UpdateCamera(w.t.Context(), &frameportv1.UpdateCameraRequest{
		CameraId: id, Spec: spec, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
	})
	return err
}

func (w *worker) mode(id string, m frameportv1.DecodeMode) {
	w.t.Helper()
	w.change(id, &frameportv1.CameraSpec{Decode: &frameportv1.DecodePolicy{Mode: m}}, "decode.mode")
}

// pictures returns the numbers of a clip's pictures for which ok holds.
func pictures(c *testvideo.Clip, ok func(testvideo.Unit) bool) map[int]bool {
	m := map[int]bool{}
	for _, u := range c.Units {
		if ok(u) {
			m[u.Frame] = true
		}
	}
	return m
}

// Policies change while the camera plays on: it never notices.
func TestLivePolicies(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	h := site.Camera("cam", "h264_bframes", camsim.Camera{FPS: 50})
	clip := site.Clip("h264_bframes")
	w.add("cam", &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	w.running("cam")
	last := w.after("cam", nil, nil)
	read := func() int {
		t.Helper()
		last = w.after("cam", last, nil)
		for last.GetCorrupt() { // of a busy machine, which has had no time for a picture before it
			last = w.after("cam", last, nil)
		}
		camera, picture, err := ReadPicture(last)
		if err != nil || camera != clip.Camera {
			t.Fatalf("camera %d: %v, drops %v", camera, err, w.camera("cam").GetStatus().GetCounters().GetDropped())
		}
		return picture
	}
	settle := func(what string, ok func(picture int) bool) { // until the change has reached the ring
		t.Helper()
		until(t, what, func() bool { return ok(read()) })
	}

	disposable := pictures(clip, func(u testvideo.Unit) bool {
		for _, n := range u.NALUs {
			if n[0]&0x1F == 1 { // a slice of a non-IDR picture; nal_ref_idc tells
				return n[0]>>5 == 0
			}
		}
		return false
	})
	keys := pictures(clip, func(u testvideo.Unit) bool { return u.Key })
	if len(disposable) == 0 || len(keys) == 0 || len(keys)+len(disposable) == clip.Frames {
		t.Fatalf("the clip has %d disposable and %d key pictures of %d", len(disposable), len(keys), clip.Frames)
	}

	// passed waits until the camera has sent the whole clip twice more, so that what is read
	// next has been decoded under the new policy, however slowly we read.
	passed := func() {
		t.Helper()
		before := w.camera("cam").GetStatus().GetCounters().GetAccessUnits()
		w.wait("cam", "the whole clip to pass", func(s *frameportv1.CameraStatus) bool {
			return s.GetCounters().GetAccessUnits() > before+uint64(2*clip.Frames)
		})
		read()
	}

	w.mode("cam", frameportv1.DecodeMode_DECODE_MODE_SKIP_NON_REFERENCE)
	passed()
	for range 5 {
		if p := read(); disposable[p] {
			t.Errorf("picture %d is no reference", p)
		}
	}

	w.mode("cam", frameportv1.DecodeMode_DECODE_MODE_KEYFRAMES)
	passed()
	for range 2 {
		if p := read(); !keys[p] || !last.GetKeyFrame() {
			t.Errorf("picture %d: key frame %v, corrupt %v", p, last.GetKeyFrame(), last.GetCorrupt())
		}
	}

	w.mode("cam", frameportv1.DecodeMode_DECODE_MODE_NONE)
	until(t, "the end of frames", func() bool {
		_, err := w.frames.GetFrame(t.Context(), &frameportv1.GetFrameRequest{
			CameraId: "cam", NewerThan: &frameportv1.FramePosition{Epoch: 1 << 32}, MaxAge: durationpb.New(time.Millisecond), Wait: durationpb.New(patience),
		})
		reason, _ := apierr.ReasonOf(err)
		return status.Code(err) == codes.FailedPrecondition && reason == apierr.DecodeDisabled
	})
	before := w.camera("cam").GetStatus()
	c := w.wait("cam", "received without being decoded", func(s *frameportv1.CameraStatus) bool {
		return s.GetCounters().GetAccessUnits() > before.GetCounters().GetAccessUnits()+10
	}).GetStatus()
	if c.GetState() != frameportv1.CameraState_CAMERA_STATE_RUNNING || c.GetCounters().GetFramesDecoded() != before.GetCounters().GetFramesDecoded() {
		t.Errorf("with NONE: %v", c)
	}

	until(t, "a reader in time for the first frame", func() bool {
		w.mode("cam", frameportv1.DecodeMode_DECODE_MODE_NONE)
		units := w.camera("cam").GetStatus().GetCounters().GetAccessUnits()
		w.wait("cam", "the decoder to end", func(s *frameportv1.CameraStatus) bool { return s.GetCounters().GetAccessUnits() > units+10 })
		next := w.follow("cam")
		w.mode("cam", frameportv1.DecodeMode_DECODE_MODE_ALL)
		for {
			f := next()
			if f.GetEpoch() == last.GetEpoch() && f.GetSequence() <= last.GetSequence() {
				continue // the ring's newest, from before
			}
			last = f
			if f.GetSkipped().GetSlowConsumer() > 0 {
				return false // on a busy machine
			}
			if !f.GetKeyFrame() || f.GetCorrupt() {
				t.Errorf("decoding begins again with frame %d/%d: key frame %v, corrupt %v", f.GetEpoch(), f.GetSequence(), f.GetKeyFrame(), f.GetCorrupt())
			}
			return true
		}
	})
	settle("all pictures", func(p int) bool { return disposable[p] })

	w.change("cam", &frameportv1.CameraSpec{Frame: &frameportv1.FrameSpec{MaxWidth: 320}}, "frame.max_width")
	settle("smaller frames", func(int) bool { return last.GetWidth() == 320 && last.GetHeight() == 180 })
	if s := w.camera("cam").GetStatus(); s.GetWidth() != 320 || s.GetHeight() != 180 || s.GetStreamWidth() != 640 || s.GetStreamHeight() != 360 {
		t.Errorf("sizes %dx%d of %dx%d", s.GetWidth(), s.GetHeight(), s.GetStreamWidth(), s.GetStreamHeight())
	}

	w.change("cam", &frameportv1.CameraSpec{Decode: &frameportv1.DecodePolicy{MaxFps: 5}}, "decode.max_fps")
	next := w.follow("cam")
	f := next()
	policy := w.camera("cam").GetStatus().GetCounters().GetDropped().GetPolicy()
	slow := 0
	until(t, "5 frames per second", func() bool { // by the camera's own clock, not by ours
		g := next()
		if g.GetPts().AsDuration()-f.GetPts().AsDuration() >= 160*time.Millisecond {
			slow++
		} else if slow > 0 {
			t.Errorf("frames at %v and %v", f.GetPts().AsDuration(), g.GetPts().AsDuration())
		}
		f = g
		return slow == 5
	})
	if s := w.camera("cam").GetStatus(); s.GetCounters().GetDropped().GetPolicy() < policy+15 {
		t.Errorf("%d frames dropped by policy, %d before", s.GetCounters().GetDropped().GetPolicy(), policy)
	}

	s := w.camera("cam").GetStatus().GetCounters()
	if n := h.Stats(); n.Plays != 1 || n.Teardowns != 0 || s.GetReconnects() != 0 || s.GetConnectAttempts() != 1 {
		t.Errorf("the camera was bothered: %+v, %v", n, s)
	}
}

func TestOnDemandIsRefused(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	h := site.Camera("cam", "h264_change_a", camsim.Camera{})
	w.add("cam", &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	w.running("cam")
	policy := &frameportv1.DecodePolicy{Mode: frameportv1.DecodeMode_DECODE_MODE_ON_DEMAND}
	_, adding := w.cameras.AddCamera(t.Context(), &frameportv1.AddCameraRequest{CameraId: "other", Spec: &frameportv1.CameraSpec{Url: h.URL(), Decode: policy}})
	for what, err := range map[string]error{
		"add":    adding,
		"update": w.update("cam", &frameportv1.CameraSpec{Decode: policy}, "decode.mode"),
	} {
		reason, _ := apierr.ReasonOf(err)
		if status.Code(err) != codes.Unimplemented || reason != apierr.DecodeModeUnimplemented {
			t.Errorf("%s: %v, reason %q", what, err, reason)
		}
	}
	if r := w.command("camera", "update", "cam", "--decode=on-demand"); r.status != 1 || r.out != "" {
		t.Errorf("%+v", r)
	} else {
		contains(t, r.err, "ON_DEMAND", "[Unimplemented DECODE_MODE_UNIMPLEMENTED]")
	}
	if c := w.camera("cam"); c.GetSpec().GetDecode().GetMode() != frameportv1.DecodeMode_DECODE_MODE_ALL || h.Stats().Plays != 1 {
		t.Errorf("%v", c)
	}
}
