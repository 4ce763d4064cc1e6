package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
)

func durationOf(d time.Duration) *durationpb.Duration { return durationpb.New(d) }

func TestGetFrame(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(5000))
	cameras.camera("door").publish(frame.Drops{Network: 4})
	cameras.camera("door").publish(frame.Drops{})
	get := func(r *frameportv1.GetFrameRequest) *frameportv1.Frame {
		t.Helper()
		r.CameraId = "door"
		resp, err := h.frame.GetFrame(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetFrame()
	}
	f := get(&frameportv1.GetFrameRequest{})
	if f.GetCameraId() != "door" || f.GetEpoch() != 1 || f.GetSequence() != 2 || len(f.GetData()) != 5000 ||
		f.GetFormat() != frameportv1.ImageFormat_IMAGE_FORMAT_JPEG || f.GetSourceWidth() != 64 || f.GetSourceHeight() != 48 ||
		f.GetPts().AsDuration() != 80*time.Millisecond || f.GetKeyFrame() || f.GetCaptureTimeError() != nil ||
		f.GetColor().GetMatrix() != frameportv1.ColorMatrix_COLOR_MATRIX_BT601 || !proto.Equal(f.GetSkipped(), &frameportv1.Skipped{}) {
		t.Errorf("unexpected frame: %v", f)
	}
	// A position that the frame is after, one in an epoch that never was, an age.
	get(&frameportv1.GetFrameRequest{NewerThan: &frameportv1.FramePosition{Epoch: 1, Sequence: 1}})
	get(&frameportv1.GetFrameRequest{NewerThan: &frameportv1.FramePosition{Epoch: 7, Sequence: 1}})
	get(&frameportv1.GetFrameRequest{MaxAge: durationOf(time.Minute)})
	// The next frame is waited for, and only one that is young enough counts.
	for _, r := range []*frameportv1.GetFrameRequest{
		{Wait: durationOf(time.Minute), NewerThan: &frameportv1.FramePosition{Epoch: 1, Sequence: 2}},
		{Wait: durationOf(time.Minute), MaxAge: durationOf(time.Nanosecond * 1000)},
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			<-tick.C
			cameras.camera("door").publish(frame.Drops{})
		}()
		if r.GetMaxAge() != nil {
			r.MaxAge = durationOf(5 * time.Millisecond)
		}
		if f := get(r); f.GetSequence() < 3 {
			t.Errorf("%v gave frame %d", r, f.GetSequence())
		}
		<-done
	}
}

func TestGetFrameWithoutAFrame(t *testing.T) {
	cameras := newFakeCameras(t, "new", "off", "old", "gone")
	cameras.add("none", config.Camera{URL: "rtsp://192.0.2.1/", Decode: config.DecodePolicy{Mode: config.DecodeNone}})
	cameras.change("off", func(s *camera.Snapshot) {
		s.State = camera.StateFailed
		s.Fault = camera.FaultStatus{Class: fault.Auth, Message: "the camera refuses the login", NextAttempt: time.Now().Add(4 * time.Second)}
	})
	cameras.camera("old").publish(frame.Drops{})
	h := newHarness(t, cameras, newFakeRenderer(10))
	newer := &frameportv1.FramePosition{Epoch: 1, Sequence: 1}
	for name, tc := range map[string]struct {
		r      *frameportv1.GetFrameRequest
		code   codes.Code
		reason apierr.Reason
		text   string
		meta   map[string]string
	}{
		"unknown":     {&frameportv1.GetFrameRequest{CameraId: "nobody"}, codes.NotFound, apierr.CameraNotFound, `no camera "nobody"`, nil},
		"connecting":  {&frameportv1.GetFrameRequest{CameraId: "new"}, codes.Unavailable, apierr.NoFrameYet, "it is CONNECTING", map[string]string{"state": "CAMERA_STATE_CONNECTING", "fault_class": "FAULT_CLASS_UNSPECIFIED"}},
		"failed":      {&frameportv1.GetFrameRequest{CameraId: "off", Wait: durationOf(5 * time.Millisecond)}, codes.Unavailable, apierr.NoFrameYet, "the camera refuses the login", map[string]string{"state": "CAMERA_STATE_FAILED", "fault_class": "FAULT_CLASS_AUTH"}},
		"not newer":   {&frameportv1.GetFrameRequest{CameraId: "old", NewerThan: newer, Wait: durationOf(5 * time.Millisecond)}, codes.DeadlineExceeded, apierr.WaitExpired, "no frame newer than the one asked for within 5ms; the newest is epoch 1, sequence 1", nil},
		"no wait":     {&frameportv1.GetFrameRequest{CameraId: "old", NewerThan: newer}, codes.DeadlineExceeded, apierr.WaitExpired, "within 0s", nil},
		"too old":     {&frameportv1.GetFrameRequest{CameraId: "old", MaxAge: durationOf(1), Wait: durationOf(5 * time.Millisecond)}, codes.DeadlineExceeded, apierr.WaitExpired, "at most 1ns old", nil},
		"not decoded": {&frameportv1.GetFrameRequest{CameraId: "none", Wait: durationOf(time.Minute)}, codes.FailedPrecondition, apierr.DecodeDisabled, "decode mode is NONE", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.frame.GetFrame(t.Context(), tc.r)
			wantReason(t, err, tc.code, tc.reason)
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("text %q, want %q in it", err, tc.text)
			}
			for k, v := range tc.meta {
				if got := apierr.Metadata(err)[k]; got != v {
					t.Errorf("metadata %s is %q, want %q", k, got, v)
				}
			}
			delay, ok := apierr.RetryDelay(err)
			if want := tc.reason == apierr.NoFrameYet; ok != want {
				t.Errorf("retry delay %v, %v", delay, ok)
			}
			if name == "failed" && (delay < 3*time.Second || delay > 4*time.Second) {
				t.Errorf("retry after %v, next attempt is in 4 s", delay)
			}
		})
	}
	t.Run("removed while waiting", func(t *testing.T) {
		time.AfterFunc(10*time.Millisecond, func() { _ = cameras.Remove(context.Background(), "gone") })
		_, err := h.frame.GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: "gone", Wait: durationOf(time.Minute)})
		wantReason(t, err, codes.NotFound, apierr.CameraRemoved)
	})
	t.Run("cancelled while waiting", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := h.frame.GetFrame(ctx, &frameportv1.GetFrameRequest{CameraId: "new", Wait: durationOf(time.Minute)})
		if status.Code(err) != codes.DeadlineExceeded {
			t.Error(err)
		}
	})
}

func TestFramesThatAreTooLarge(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	cameras.camera("door").publish(frame.Drops{})
	r := newFakeRenderer(5 << 20)
	h := newHarness(t, cameras, r)
	rgb := &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_RGB24, Width: 1920, Height: 1080, Fit: frameportv1.Fit_FIT_STRETCH}
	for name, tc := range map[string]struct {
		r        *frameportv1.GetFrameRequest
		text     string
		required string
		renders  int64
	}{
		"default limit": {&frameportv1.GetFrameRequest{}, "raise its receive limit", "", 1},
		"client's":      {&frameportv1.GetFrameRequest{MaxMessageBytes: 1000}, "the client takes 1000;", "", 0},
		"raw is refused without work": {
			&frameportv1.GetFrameRequest{Output: rgb}, "would have 6220800 bytes, the client takes 4194304", "6220800", 0,
		},
		"server's": {
			&frameportv1.GetFrameRequest{MaxMessageBytes: 1 << 30, Output: &frameportv1.OutputSpec{Format: rgb.GetFormat(), Width: 8192, Height: 8192, Fit: frameportv1.Fit_FIT_STRETCH}},
			"this worker sends 67108864 at most", "201326592", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := r.encodes.Load()
			tc.r.CameraId = "door"
			_, err := h.frame.GetFrame(t.Context(), tc.r)
			wantReason(t, err, codes.ResourceExhausted, apierr.FrameTooLarge)
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("text %q, want %q in it", err, tc.text)
			}
			if got := apierr.Metadata(err)["required_bytes"]; tc.required != "" && got != tc.required {
				t.Errorf("required_bytes is %s", got)
			}
			if tc.renders == 0 && strings.HasPrefix(name, "raw") && r.encodes.Load() != before {
				t.Error("it was rendered all the same")
			}
		})
	}
	t.Run("on a stream", func(t *testing.T) {
		w := h.watch(&frameportv1.WatchFramesStart{})
		_, err := w.Recv()
		wantReason(t, err, codes.ResourceExhausted, apierr.FrameTooLarge)
	})
}
