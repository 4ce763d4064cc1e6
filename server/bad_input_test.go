package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

func int32p(n int32) *int32 { return &n }

func TestBadInput(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	cameras.camera("door").publish(frame.Drops{})
	h := newHarness(t, cameras, newFakeRenderer(10))
	ctx := t.Context()
	add := func(id string, spec *frameportv1.CameraSpec) func() error {
		return func() error {
			_, err := h.camera.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: spec})
			return err
		}
	}
	spec := func(change func(*frameportv1.CameraSpec)) *frameportv1.CameraSpec {
		s := &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/live"}
		change(s)
		return s
	}
	update := func(s *frameportv1.CameraSpec, paths ...string) func() error {
		return func() error {
			_, err := h.camera.UpdateCamera(ctx, &frameportv1.UpdateCameraRequest{CameraId: "door", Spec: s, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
			return err
		}
	}
	get := func(r *frameportv1.GetFrameRequest) func() error {
		return func() error {
			if r.CameraId == "" {
				r.CameraId = "door"
			}
			_, err := h.frame.GetFrame(ctx, r)
			return err
		}
	}
	output := func(o *frameportv1.OutputSpec) func() error { return get(&frameportv1.GetFrameRequest{Output: o}) }
	list := func(r *frameportv1.ListCamerasRequest) func() error {
		return func() error { _, err := h.camera.ListCameras(ctx, r); return err }
	}
	stream := func(r *frameportv1.StreamFramesRequest) func() error {
		return func() error {
			s, err := h.frame.StreamFrames(ctx, r)
			if err == nil {
				_, err = s.Recv()
			}
			return err
		}
	}
	const invalid = codes.InvalidArgument
	for name, tc := range map[string]struct {
		call   func() error
		code   codes.Code
		reason apierr.Reason
		field  string
		text   string
	}{
		"empty camera id":  {add("", spec(func(*frameportv1.CameraSpec) {})), invalid, apierr.InvalidCameraID, "camera_id", "is empty"},
		"300 character id": {add(strings.Repeat("x", 300), spec(func(*frameportv1.CameraSpec) {})), invalid, apierr.InvalidCameraID, "camera_id", "300 bytes long, 63 are allowed"},
		"upper case id":    {add("Door", spec(func(*frameportv1.CameraSpec) {})), invalid, apierr.InvalidCameraID, "camera_id", "'D' at position 1"},
		"no spec":          {add("x", nil), invalid, apierr.SpecRequired, "spec", "give at least spec.url"},
		"no url":           {add("x", &frameportv1.CameraSpec{}), invalid, apierr.InvalidURL, "spec.url", ""},
		"unknown scheme":   {add("x", &frameportv1.CameraSpec{Url: "http://192.0.2.1/"}), invalid, apierr.InvalidURL, "spec.url", "rtsp"},
		"login twice":      {add("x", &frameportv1.CameraSpec{Url: "rtsp://u:c4n4ry@192.0.2.1/", Credentials: &frameportv1.Credentials{Username: "u"}}), invalid, apierr.InvalidCredentials, "spec.url", "keep them in one place"},
		"no stored password": {add("x", spec(func(s *frameportv1.CameraSpec) {
			s.Credentials = &frameportv1.Credentials{Username: "u", PasswordSet: true}
		})), invalid, apierr.InvalidCredentials, "spec.credentials.password_set", "give the password"},
		"unknown transport":  {add("x", spec(func(s *frameportv1.CameraSpec) { s.Transport = 99 })), invalid, apierr.InvalidTransport, "spec.transport", "is 99"},
		"negative ring":      {add("x", spec(func(s *frameportv1.CameraSpec) { s.Frame = &frameportv1.FrameSpec{RingSize: -1} })), invalid, apierr.InvalidFrameSpec, "spec.frame.ring_size", ""},
		"negative max width": {add("x", spec(func(s *frameportv1.CameraSpec) { s.Frame = &frameportv1.FrameSpec{MaxWidth: -640} })), invalid, apierr.InvalidFrameSpec, "spec.frame.max_width", ""},
		"fps not a number":   {add("x", spec(func(s *frameportv1.CameraSpec) { s.Decode = &frameportv1.DecodePolicy{MaxFps: math.NaN()} })), invalid, apierr.InvalidDecodePolicy, "spec.decode.max_fps", ""},
		"broken linger": {add("x", spec(func(s *frameportv1.CameraSpec) {
			s.Decode = &frameportv1.DecodePolicy{Linger: &durationpb.Duration{Seconds: 1, Nanos: -1}}
		})), invalid, apierr.InvalidDecodePolicy, "spec.decode.linger", "no valid duration"},
		"on demand": {add("x", spec(func(s *frameportv1.CameraSpec) {
			s.Decode = &frameportv1.DecodePolicy{Mode: frameportv1.DecodeMode_DECODE_MODE_ON_DEMAND}
		})), codes.Unimplemented, apierr.DecodeModeUnimplemented, "spec.decode.mode", ""},
		"unknown mask path":    {update(&frameportv1.CameraSpec{}, "labels", "frame.colour"), invalid, apierr.UnknownFieldPath, "update_mask", `"frame.colour" is no field of CameraSpec`},
		"read-only mask path":  {update(&frameportv1.CameraSpec{}, "credentials.password_set"), invalid, apierr.UnknownFieldPath, "update_mask", `"credentials.password_set"`},
		"update to no url":     {update(&frameportv1.CameraSpec{}, "url"), invalid, apierr.InvalidURL, "spec.url", ""},
		"negative page":        {list(&frameportv1.ListCamerasRequest{PageSize: -1}), invalid, apierr.InvalidPageSize, "page_size", "is -1; give 1 to 1000"},
		"foreign page token":   {list(&frameportv1.ListCamerasRequest{PageToken: "x!"}), invalid, apierr.InvalidPageToken, "page_token", "next_page_token as it came"},
		"page token of an id":  {list(&frameportv1.ListCamerasRequest{PageToken: "MTo"}), invalid, apierr.InvalidPageToken, "page_token", ""},
		"selector":             {list(&frameportv1.ListCamerasRequest{LabelSelector: "a=b,,c"}), invalid, apierr.InvalidLabelSelector, "label_selector", ""},
		"frame of no id":       {get(&frameportv1.GetFrameRequest{CameraId: "no such thing"}), invalid, apierr.InvalidCameraID, "camera_id", ""},
		"quality 0":            {output(&frameportv1.OutputSpec{Quality: proto.Int32(0)}), invalid, apierr.InvalidQuality, "output.quality", "output.quality: is 0; give 1 (smallest) to 100 (best)"},
		"quality 101":          {output(&frameportv1.OutputSpec{Quality: proto.Int32(101)}), invalid, apierr.InvalidQuality, "output.quality", "is 101"},
		"negative width":       {output(&frameportv1.OutputSpec{Width: -1}), invalid, apierr.InvalidSize, "output.width", "is -1; give 1 to 8192 pixels"},
		"huge height":          {output(&frameportv1.OutputSpec{Height: 8193}), invalid, apierr.InvalidSize, "output.height", "is 8193"},
		"unknown format":       {output(&frameportv1.OutputSpec{Format: 77}), invalid, apierr.InvalidFormat, "output.format", "is 77"},
		"format of shares":     {output(&frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_I420}), invalid, apierr.InvalidFormat, "output.format", "use NV12"},
		"unknown fit":          {output(&frameportv1.OutputSpec{Fit: 77}), invalid, apierr.InvalidFit, "output.fit", "is 77"},
		"empty crop":           {output(&frameportv1.OutputSpec{Crop: &frameportv1.Rectangle{}}), invalid, apierr.InvalidCrop, "output.crop", "width and height 1 or more"},
		"crop outside":         {output(&frameportv1.OutputSpec{Crop: &frameportv1.Rectangle{X: 60, Width: 5, Height: 5}}), invalid, apierr.InvalidCrop, "output.crop", "60,0 5x5 is not inside the camera's frame of 64x48"},
		"crop beyond int32":    {output(&frameportv1.OutputSpec{Crop: &frameportv1.Rectangle{X: math.MaxInt32, Width: math.MaxInt32, Height: 1}}), invalid, apierr.InvalidCrop, "output.crop", "not inside"},
		"max age 0":            {get(&frameportv1.GetFrameRequest{MaxAge: durationOf(0)}), invalid, apierr.InvalidMaxAge, "max_age", "is 0s"},
		"negative max age":     {get(&frameportv1.GetFrameRequest{MaxAge: durationOf(-time.Second)}), invalid, apierr.InvalidMaxAge, "max_age", "is -1s"},
		"negative wait":        {get(&frameportv1.GetFrameRequest{Wait: durationOf(-time.Second)}), invalid, apierr.InvalidWait, "wait", "give 0 to 5m0s"},
		"long wait":            {get(&frameportv1.GetFrameRequest{Wait: durationOf(time.Hour)}), invalid, apierr.InvalidWait, "wait", "is 1h0m0s"},
		"broken wait":          {get(&frameportv1.GetFrameRequest{Wait: &durationpb.Duration{Nanos: 1 << 30}}), invalid, apierr.InvalidWait, "wait", "no valid duration"},
		"negative message":     {get(&frameportv1.GetFrameRequest{MaxMessageBytes: -1}), invalid, apierr.InvalidMaxMessageBytes, "max_message_bytes", "is -1"},
		"stream: negative fps": {stream(&frameportv1.StreamFramesRequest{MaxFps: -1}), invalid, apierr.InvalidMaxFPS, "max_fps", "is -1"},
		"stream: infinite fps": {stream(&frameportv1.StreamFramesRequest{MaxFps: math.Inf(1)}), invalid, apierr.InvalidMaxFPS, "max_fps", "+Inf"},
		"stream: bad id":       {stream(&frameportv1.StreamFramesRequest{CameraIds: []string{"door", "x y"}}), invalid, apierr.InvalidCameraID, "camera_id", ""},
		"stream: unknown id":   {stream(&frameportv1.StreamFramesRequest{CameraIds: []string{"door", "nobody"}}), codes.NotFound, apierr.CameraNotFound, "", `"nobody"`},
		"stream: crop outside": {stream(&frameportv1.StreamFramesRequest{Output: &frameportv1.OutputSpec{Crop: &frameportv1.Rectangle{Width: 65, Height: 1}}}), invalid, apierr.InvalidCrop, "output.crop", "not inside"},
		"watch: quality": {func() error {
			_, err := h.watch(&frameportv1.WatchFramesStart{Output: &frameportv1.OutputSpec{Quality: proto.Int32(-3)}}).Recv()
			return err
		}, invalid, apierr.InvalidQuality, "start.output.quality", "is -3"},
		"watch worker": {func() error {
			s, err := h.worker.WatchWorker(ctx, &frameportv1.WatchWorkerRequest{Interval: durationOf(time.Millisecond)})
			if err == nil {
				_, err = s.Recv()
			}
			return err
		}, invalid, apierr.InvalidInterval, "interval", "is 1ms; give 100ms to 1h0m0s"},
		"batches": {func() error {
			s, err := h.frame.StreamBatches(ctx)
			if err == nil {
				_, err = s.Recv()
			}
			return err
		}, codes.Unimplemented, apierr.MethodUnimplemented, "", "not implemented in this version"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.call()
			wantReason(t, err, tc.code, tc.reason)
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("text %q, want %q in it", err, tc.text)
			}
			if strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("the password is in %q", err)
			}
			v := apierr.Violations(err)
			if tc.field != "" && (len(v) == 0 || v[0].Field != tc.field) {
				t.Errorf("violations %v, want field %s", v, tc.field)
			}
		})
	}
	if c, err := cameras.Get("door"); err != nil || len(cameras.List()) != 1 || c.Spec.URL != "rtsp://192.0.2.1/door" {
		t.Errorf("bad input changed something: %v, %v", cameras.List(), err)
	}
	// All problems at once.
	err := add("Bad Id", &frameportv1.CameraSpec{Url: "ftp://x", Transport: 50, Frame: &frameportv1.FrameSpec{RingSize: 65}})()
	if v := apierr.Violations(err); len(v) != 4 {
		t.Errorf("violations %v", v)
	}
	// A request that is larger than the server takes.
	err = add("x", &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/" + strings.Repeat("x", MaxRequestBytes)})()
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("large request: %v", err)
	}
}

// The manager's bound, which is config.DefaultMaxCameras by default, reaches clients with
// its reason, and so does its end.
func TestLimitsOfTheSetOfCameras(t *testing.T) {
	const most = config.DefaultMaxCameras
	m := camera.NewManager(camera.ManagerConfig{
		NewSource: func(config.Camera, *slog.Logger) (camera.Source, error) {
			return nil, errors.New("no camera is to be dialled")
		},
	})
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), func(c *Config) { c.Cameras = Manager(m) })
	add := func(id string) error {
		_, err := h.camera.AddCamera(t.Context(), &frameportv1.AddCameraRequest{CameraId: id, Spec: &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/"}})
		return err
	}
	for n := range most - 1 {
		if _, err := m.Add(t.Context(), fmt.Sprintf("c%d", n), config.Camera{URL: "rtsp://192.0.2.1/"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := add("last"); err != nil {
		t.Error(err)
	}
	err := add("one-more")
	wantReason(t, err, codes.ResourceExhausted, apierr.TooManyCameras)
	if !strings.Contains(err.Error(), "4096 are allowed") || len(m.List()) != most {
		t.Errorf("%d cameras, %v", len(m.List()), err)
	}
	if err := m.Remove(t.Context(), "last"); err != nil {
		t.Error(err)
	}
	if err := add("one-more"); err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := m.Run(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantReason(t, add("too-late"), codes.Unavailable, apierr.ShuttingDown)
}
