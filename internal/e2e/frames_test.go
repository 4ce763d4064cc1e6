//go:build cgo

package e2e

import (
	"testing"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// Every codec in every format, whole, scaled and cut: the bar code says that it is a
// picture of the camera that was asked for.
func TestFrameFormats(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	clips := []string{"h264_720p", "h264_bframes", "h264_422", "h265_main10", "mjpeg_422", "vp8_360p", "vp9_hidden", "vp9_10bit"}
	for _, name := range clips {
		h := site.Camera(name, name, camsim.Camera{Audio: true})
		w.add(name, &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	}
	const jpeg, rgb, bgr, nv12, gray = frameportv1.ImageFormat_IMAGE_FORMAT_JPEG, frameportv1.ImageFormat_IMAGE_FORMAT_RGB24,
		frameportv1.ImageFormat_IMAGE_FORMAT_BGR24, frameportv1.ImageFormat_IMAGE_FORMAT_NV12, frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8
	for _, name := range clips {
		clip := site.Clip(name)
		cw, ch := int32(clip.Width), int32(clip.Height)
		var last *frameportv1.Frame
		for _, tc := range []struct {
			what string
			out  *frameportv1.OutputSpec
			w, h int32
		}{
			{"JPEG by default", nil, cw, ch},
			{"JPEG", &frameportv1.OutputSpec{Format: jpeg}, cw, ch},
			{"RGB24", &frameportv1.OutputSpec{Format: rgb}, cw, ch},
			{"BGR24", &frameportv1.OutputSpec{Format: bgr}, cw, ch},
			{"NV12", &frameportv1.OutputSpec{Format: nv12}, cw, ch},
			{"GRAY8", &frameportv1.OutputSpec{Format: gray}, cw, ch},
			{"half as wide", &frameportv1.OutputSpec{Width: cw / 2}, cw / 2, ch / 2},
			{"half as high, RGB24", &frameportv1.OutputSpec{Format: rgb, Height: ch / 2}, cw / 2, ch / 2},
			{"stretched, NV12", &frameportv1.OutputSpec{Format: nv12, Width: cw, Height: ch / 2, Fit: frameportv1.Fit_FIT_STRETCH}, cw, ch / 2},
			{"the upper half", &frameportv1.OutputSpec{Crop: &frameportv1.Rectangle{Width: cw, Height: ch / 2}}, cw, ch / 2},
			{"the upper half, GRAY8", &frameportv1.OutputSpec{Format: gray, Crop: &frameportv1.Rectangle{Width: cw, Height: ch / 2}}, cw, ch / 2},
		} {
			f := w.after(name, nil, tc.out)
			camera, picture, err := ReadPicture(f)
			if err != nil || camera != clip.Camera || picture >= clip.Frames {
				t.Errorf("%s, %s: picture %d of camera %d, want camera %d: %v", name, tc.what, picture, camera, clip.Camera, err)
			}
			format := tc.out.GetFormat()
			if format == frameportv1.ImageFormat_IMAGE_FORMAT_UNSPECIFIED {
				format = jpeg
			}
			if f.GetWidth() != tc.w || f.GetHeight() != tc.h || f.GetSourceWidth() != cw || f.GetSourceHeight() != ch || f.GetFormat() != format || f.GetCameraId() != name {
				t.Errorf("%s, %s: %v %dx%d of %dx%d from %s", name, tc.what, f.GetFormat(), f.GetWidth(), f.GetHeight(), f.GetSourceWidth(), f.GetSourceHeight(), f.GetCameraId())
			}
			if f.GetCorrupt() || f.GetEpoch() != 1 || last != nil && f.GetSequence() < last.GetSequence() {
				t.Errorf("%s, %s: frame %d/%d, corrupt %v", name, tc.what, f.GetEpoch(), f.GetSequence(), f.GetCorrupt())
			}
			last = f
		}
	}
}

// Frames come in order: sequence numbers, times and the pictures themselves, and what
// is missing is what skipped says.
func TestFrameOrder(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	clips := []string{"h264_bframes", "h265_bframes", "mjpeg_restart", "h264_change_a"}
	for _, name := range clips {
		h := site.Camera(name, name, camsim.Camera{})
		w.add(name, &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
		w.running(name)
	}
	stream, err := w.frames.WatchFrames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send := func(r *frameportv1.WatchFramesRequest) {
		t.Helper()
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{
		Start: &frameportv1.WatchFramesStart{Output: &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8}},
	}})
	type position struct {
		frame   *frameportv1.Frame
		picture int
	}
	last, count := map[string]position{}, map[string]int{}
	for done := 0; done < len(clips); {
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		f := r.GetFrame()
		id, clip := f.GetCameraId(), site.Clip(f.GetCameraId())
		camera, picture, err := ReadPicture(f)
		if err != nil || camera != clip.Camera {
			t.Fatalf("%s: camera %d: %v", id, camera, err)
		}
		if prev, ok := last[id]; ok {
			gap := f.GetSequence() - prev.frame.GetSequence() - 1
			s := f.GetSkipped()
			switch {
			case f.GetEpoch() != prev.frame.GetEpoch() || f.GetSequence() <= prev.frame.GetSequence() || f.GetPts().AsDuration() <= prev.frame.GetPts().AsDuration():
				t.Fatalf("%s: frame %d/%d at %v follows %d/%d at %v", id, f.GetEpoch(), f.GetSequence(), f.GetPts().AsDuration(),
					prev.frame.GetEpoch(), prev.frame.GetSequence(), prev.frame.GetPts().AsDuration())
			case (prev.picture+int(gap)+1)%clip.Frames != picture:
				t.Fatalf("%s: picture %d follows %d, the sequence number rose by %d", id, picture, prev.picture, gap+1)
			case s.GetPolicy()+s.GetSlowConsumer()+s.GetNetwork()+s.GetDecode() != gap:
				t.Fatalf("%s: %d frames are missing, skipped is %v", id, gap, s)
			}
		}
		last[id] = position{f, picture}
		if count[id]++; count[id] == 20 {
			done++
		}
		send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}})
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

// A reconnect and a change of the picture size begin an epoch, with a clean frame.
func TestFrameEpochs(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	h := site.Camera("cam", "h264_change_a", camsim.Camera{})
	w.add("cam", &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	first := w.after("cam", nil, nil)
	if first.GetEpoch() != 1 {
		t.Errorf("the first epoch is %d", first.GetEpoch())
	}
	again := w.epoch("cam", first, func() { h.Drop(camsim.DropRST) })
	if camera, _, err := ReadPicture(again); err != nil || camera != 19 || again.GetWidth() != 640 {
		t.Errorf("camera %d, %d pixels wide: %v", camera, again.GetWidth(), err)
	}
	small := w.epoch("cam", again, func() {
		clip := site.Clip("h264_change_b")
		h.Set(func(b *camsim.Behaviour) { b.Clip = clip })
	})
	if camera, _, err := ReadPicture(small); err != nil || camera != 20 || small.GetWidth() != 480 || small.GetHeight() != 272 {
		t.Errorf("camera %d, %dx%d: %v", camera, small.GetWidth(), small.GetHeight(), err)
	}
	c := w.camera("cam").GetStatus()
	if c.GetCounters().GetReconnects() != 1 || h.Stats().Plays != 2 || c.GetEpoch() != small.GetEpoch() || c.GetWidth() != 480 {
		t.Errorf("%v", c)
	}
}

// epoch makes something happen that begins a new epoch after f, and returns its first
// frame, which must be clean and a key frame. It follows the camera's frames from
// before, so as not to miss it.
func (w *worker) epoch(id string, f *frameportv1.Frame, happen func()) *frameportv1.Frame {
	w.t.Helper()
	next := w.follow(id)
	happen()
	for {
		g := next()
		if g.GetEpoch() < f.GetEpoch() {
			w.t.Fatalf("%s: epoch %d after %d", id, g.GetEpoch(), f.GetEpoch())
		}
		if g.GetEpoch() > f.GetEpoch() {
			// On a busy machine this reader may miss a frame; then it has been told.
			missed := g.GetSkipped().GetSlowConsumer()
			if g.GetSequence() > 1+missed || g.GetSequence() == 1 && !g.GetKeyFrame() || g.GetCorrupt() {
				w.t.Errorf("%s: epoch %d begins with frame %d, key frame %v, corrupt %v, skipped %v", id, g.GetEpoch(), g.GetSequence(), g.GetKeyFrame(), g.GetCorrupt(), g.GetSkipped())
			}
			return g
		}
	}
}

// follow opens a stream of a camera's frames and returns what waits for the next. It
// ends with the test.
func (w *worker) follow(id string) (next func() *frameportv1.Frame) {
	w.t.Helper()
	return w.followAs(id, nil)
}

// followAs is follow with frames of another kind.
func (w *worker) followAs(id string, out *frameportv1.OutputSpec) (next func() *frameportv1.Frame) {
	w.t.Helper()
	stream, err := w.frames.StreamFrames(w.t.Context(), &frameportv1.StreamFramesRequest{CameraIds: []string{id}, Output: out})
	if err != nil {
		w.t.Fatal(err)
	}
	next = func() *frameportv1.Frame {
		w.t.Helper()
		late := time.AfterFunc(patience, func() { w.t.Errorf("%s: no frame for %v", id, patience); _ = w.conn.Close() })
		defer late.Stop()
		r, err := stream.Recv()
		if err != nil {
			w.t.Fatal(err)
		}
		return r.GetFrame()
	}
	next() // it has begun
	return next
}
