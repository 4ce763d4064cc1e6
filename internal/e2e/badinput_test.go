//go:build cgo

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// Requests that are wrong in themselves: code, reason, field and a text that says
// what to do, over gRPC and on the command line where it can ask for the same.
func TestBadRequests(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	h := site.Camera("cam", "h264_1080p", camsim.Camera{})
	w.add("cam", &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	w.after("cam", nil, nil)

	ctx := t.Context()
	long := strings.Repeat("x", 300)
	add := func(id, url string) func() error {
		return func() error {
			_, err := w.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: &frameportv1.CameraSpec{Url: url}})
			return err
		}
	}
	update := func(spec *frameportv1.CameraSpec, path string) func() error {
		return func() error { return w.update("cam", spec, path) }
	}
	get := func(out *frameportv1.OutputSpec) func() error {
		return func() error {
			_, err := w.frames.GetFrame(ctx, &frameportv1.GetFrameRequest{CameraId: "cam", Output: out})
			return err
		}
	}
	const invalid = codes.InvalidArgument
	for _, tc := range []struct {
		name   string
		call   func() error
		code   codes.Code
		reason apierr.Reason
		field  string
		text   []string
		cli    []string // the same on the command line, nil = it has no words for it
		usage  bool     // which it refuses itself
	}{
		{
			"unknown scheme", add("x", "http://127.0.0.1/live"), invalid, apierr.InvalidURL, "spec.url",
			[]string{`scheme "http"`, "use rtsp or rtsps"},
			[]string{"camera", "add", "x", "http://127.0.0.1/live"},
			false,
		},
		{
			"empty id", add("", "rtsp://127.0.0.1/live"), invalid, apierr.InvalidCameraID, "camera_id",
			[]string{"is empty", "use 1 to 63 characters"},
			[]string{"camera", "add", "", "rtsp://127.0.0.1/live"},
			false,
		},
		{
			"id of 300 characters", add(long, "rtsp://127.0.0.1/live"), invalid, apierr.InvalidCameraID, "camera_id",
			[]string{"is 300 bytes long, 63 are allowed", "choose a shorter id"},
			[]string{"camera", "add", long, "rtsp://127.0.0.1/live"},
			false,
		},
		{
			"unknown path in the mask", update(&frameportv1.CameraSpec{}, "frame.colour"), invalid, apierr.UnknownFieldPath, "update_mask",
			[]string{`"frame.colour" is no field of CameraSpec`},
			[]string{"camera", "update", "cam", "--frame-colour=x"},
			true,
		},
		{
			"negative size", get(&frameportv1.OutputSpec{Width: -640}), invalid, apierr.InvalidSize, "output.width",
			[]string{"is -640", "give 1 to 8192"},
			[]string{"snapshot", "cam", "--width=-640", "-o", "-"},
			false,
		},
		{
			"negative size of frames", update(&frameportv1.CameraSpec{Frame: &frameportv1.FrameSpec{MaxWidth: -1}}, "frame.max_width"), invalid, apierr.InvalidFrameSpec, "spec.frame.max_width",
			[]string{"is -1", "use 1 to 8192 pixels, or 0"},
			[]string{"camera", "update", "cam", "--max-width=-1"},
			false,
		},
		{
			"crop outside the picture", get(&frameportv1.OutputSpec{Crop: &frameportv1.Rectangle{X: 1900, Width: 100, Height: 100}}), invalid, apierr.InvalidCrop, "output.crop",
			[]string{"1900,0 100x100 is not inside the camera's frame of 1920x1080"},
			nil, false,
		},
		{
			"quality 0", get(&frameportv1.OutputSpec{Quality: proto.Int32(0)}), invalid, apierr.InvalidQuality, "output.quality",
			[]string{"is 0", "give 1 (smallest) to 100 (best)"},
			[]string{"snapshot", "cam", "--quality=0", "-o", "-"},
			false,
		},
		{
			"quality 101", get(&frameportv1.OutputSpec{Quality: proto.Int32(101)}), invalid, apierr.InvalidQuality, "output.quality",
			[]string{"is 101", "give 1 (smallest) to 100 (best)"},
			[]string{"snapshot", "cam", "--quality=101", "-o", "-"},
			false,
		},
		{
			"a message larger than the client can take", get(&frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_RGB24}), codes.ResourceExhausted, apierr.FrameTooLarge, "",
			[]string{"6220800 bytes, the client takes 4194304", "raise its receive limit", "max_message_bytes", "smaller output.width"},
			[]string{"snapshot", "cam", "--format=rgb24", "--width=8192", "-o", "-"},
			false,
		},
		{
			"unknown camera", func() error {
				_, err := w.cameras.GetCamera(ctx, &frameportv1.GetCameraRequest{CameraId: "nobody"})
				return err
			}, codes.NotFound, apierr.CameraNotFound, "", []string{"nobody"}, []string{"camera", "show", "nobody"}, false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.call()
			reason, _ := apierr.ReasonOf(err)
			if status.Code(err) != tc.code || reason != tc.reason {
				t.Fatalf("%v with reason %q, want %v with %s", err, reason, tc.code, tc.reason)
			}
			contains(t, status.Convert(err).Message(), tc.text...)
			named := slices.ContainsFunc(apierr.Violations(err), func(v apierr.Violation) bool { return v.Field == tc.field })
			if tc.field != "" && !named {
				t.Errorf("no violation of %s: %v", tc.field, apierr.Violations(err))
			}
			if tc.cli == nil {
				return
			}
			r := w.command(tc.cli...)
			switch {
			case tc.usage:
				contains(t, r.err, "frameport: ", "--help")
			case tc.reason == apierr.FrameTooLarge: // the command takes more, so its numbers are others
				contains(t, r.err, "[ResourceExhausted FRAME_TOO_LARGE]", "113246208 bytes", "67108864 at most", "smaller output.width")
			default:
				contains(t, r.err, append(tc.text, fmt.Sprintf("[%v %s]", tc.code, tc.reason))...)
			}
			if want := map[bool]int{false: 1, true: 2}[tc.usage]; r.status != want || r.out != "" && !tc.usage {
				t.Errorf("status %d, want %d; wrote %q", r.status, want, r.out)
			}
		})
	}
	list, err := w.cameras.ListCameras(ctx, &frameportv1.ListCamerasRequest{})
	if err != nil || len(list.GetCameras()) != 1 || h.Stats().Plays != 1 {
		t.Errorf("cameras %v, %v, %+v", list, err, h.Stats())
	}
}

// Cameras that can't be used: each says why, in its status, to whoever asks for a
// frame, and on the command line; a good one beside them goes on.
func TestBadCameras(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	locked := NewSite(t, camsim.Config{Addr: "127.0.0.2:0"})
	w := start(t, nil)
	good := site.Camera("good", "h264_change_a", camsim.Camera{})
	w.add("good", &frameportv1.CameraSpec{Url: good.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	w.running("good")

	simulate := func(id string, b camsim.Behaviour) string {
		return site.Camera(id, "h264_change_a", camsim.Camera{Behaviour: b}).URL()
	}
	const failed = frameportv1.CameraState_CAMERA_STATE_FAILED
	cases := []struct {
		id, url string
		login   *frameportv1.Credentials
		class   frameportv1.FaultClass
		text    []string
	}{
		{"no-host", "rtsp://no-such-host.invalid/live", nil, frameportv1.FaultClass_FAULT_CLASS_UNREACHABLE, []string{"no-such-host.invalid", "name server"}},
		{
			"wrong-password", locked.Camera("cam", "h264_change_a", camsim.Camera{Username: "u", Password: "right"}).URL(),
			&frameportv1.Credentials{Username: "u", Password: "wrong-one"}, frameportv1.FaultClass_FAULT_CLASS_AUTH,
			[]string{"password"},
		},
		{"no-path", "rtsp://" + site.Addr() + "/nothing/here", nil, frameportv1.FaultClass_FAULT_CLASS_NOT_FOUND, []string{"404", "path"}},
		{"no-video", simulate("audio", camsim.Behaviour{SDP: camsim.SDPAudioOnly}), nil, frameportv1.FaultClass_FAULT_CLASS_UNSUPPORTED, []string{"no video"}},
		{"no-codec", simulate("codec", camsim.Behaviour{SDP: camsim.SDPUnsupported}), nil, frameportv1.FaultClass_FAULT_CLASS_UNSUPPORTED, []string{"H.264"}},
		{"huge", simulate("huge", camsim.Behaviour{HugePicture: true}), nil, frameportv1.FaultClass_FAULT_CLASS_LIMIT, []string{"16384", "8192"}},
	}
	for _, tc := range cases {
		w.add(tc.id, &frameportv1.CameraSpec{Url: tc.url, Credentials: tc.login, Transport: frameportv1.Transport_TRANSPORT_TCP})
	}
	for _, tc := range cases {
		t.Run(tc.id, func(t *testing.T) {
			w := w.in(t)
			c := w.faulty(tc.id, tc.class).GetStatus()
			if c.GetState() != failed || c.GetFault().GetCount() == 0 || c.GetFault().GetFirstTime() == nil {
				t.Errorf("%v", c)
			}
			contains(t, c.GetFault().GetMessage(), tc.text...)
			_, err := w.frames.GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: tc.id})
			reason, _ := apierr.ReasonOf(err)
			meta := apierr.Metadata(err)
			if status.Code(err) != codes.Unavailable || reason != apierr.NoFrameYet || meta[apierr.MetaFaultClass] != tc.class.String() || meta[apierr.MetaState] != failed.String() {
				t.Errorf("frame: %v with reason %q and %v", err, reason, meta)
			}
			contains(t, status.Convert(err).Message(), tc.text...)
			word := strings.TrimPrefix(tc.class.String(), "FAULT_CLASS_")
			if r := w.command("camera", "list"); r.status != 0 {
				t.Errorf("%+v", r)
			} else {
				contains(t, line(r.out, tc.id), append(tc.text, "FAILED", word+": ")...)
			}
			if r := w.command("snapshot", tc.id, "--wait=0s", "-o", "-"); r.status != 1 || r.out != "" {
				t.Errorf("%+v", r)
			} else {
				contains(t, r.err, append(tc.text, "[Unavailable NO_FRAME_YET]")...)
			}
		})
	}
	if s := w.running("good").GetStatus(); s.GetCounters().GetReconnects() != 0 || good.Stats().Plays != 1 {
		t.Errorf("the good camera: %v", s)
	}
}

// line returns the line of a table that begins with a word.
func line(table, word string) string {
	for l := range strings.Lines(table) {
		if strings.HasPrefix(l, word+" ") {
			return l
		}
	}
	return ""
}

// in is the same worker for a subtest.
func (w *worker) in(t *testing.T) *worker {
	return &worker{
		t: t, cmd: w.cmd, log: w.log, exited: w.exited, grpc: w.grpc, http: w.http,
		conn: w.conn, cameras: w.cameras, frames: w.frames, workers: w.workers,
	}
}
