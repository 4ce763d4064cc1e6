package mapping

import (
	"errors"
	"image"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/render"
)

func fullSpec() *frameportv1.CameraSpec {
	return &frameportv1.CameraSpec{
		Url:         "rtsps://192.0.2.1/live",
		Credentials: &frameportv1.Credentials{Username: "admin", Password: "pass"},
		Transport:   frameportv1.Transport_TRANSPORT_TCP,
		Tls:         &frameportv1.TlsSpec{Mode: frameportv1.TlsMode_TLS_MODE_PIN, PinSha256: strings.Repeat("ab", 32)},
		Labels:      map[string]string{"site": "berlin"},
		Decode:      &frameportv1.DecodePolicy{Mode: frameportv1.DecodeMode_DECODE_MODE_KEYFRAMES, MaxFps: 2.5, Linger: durationpb.New(time.Minute)},
		Frame: &frameportv1.FrameSpec{MaxWidth: 640, MaxHeight: 480, RingSize: 8, Color: &frameportv1.ColorSpec{
			Matrix: frameportv1.ColorMatrix_COLOR_MATRIX_BT709, Range: frameportv1.ColorRange_COLOR_RANGE_FULL,
		}},
		Backend: frameportv1.BackendKind_BACKEND_KIND_CUDA,
		Device:  "GPU-1",
	}
}

func TestSpecComesBackWithoutThePassword(t *testing.T) {
	c, err := NewSpec(fullSpec())
	if err != nil {
		t.Fatal(err)
	}
	if c.Password.Reveal() != "pass" || c.Username != "admin" {
		t.Errorf("login %q", c.Username)
	}
	want := fullSpec()
	want.Credentials.Password, want.Credentials.PasswordSet = "", true
	want.Decode.Linger = nil // only with ON_DEMAND
	if got := Spec(c); !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestLoginInTheURL(t *testing.T) {
	c, err := NewSpec(&frameportv1.CameraSpec{Url: "rtsp://admin:p%40ss@192.0.2.1/live"})
	if err != nil || c.URL != "rtsp://192.0.2.1/live" || c.Username != "admin" || c.Password.Reveal() != "p@ss" {
		t.Errorf("%v, %v", c, err)
	}
}

// Every path that the contract names must change exactly its field, and every field
// of CameraSpec that can be written must have a path.
func TestChangeByMask(t *testing.T) {
	present := config.Camera{URL: "rtsp://192.0.2.9/", Username: "old", Password: secret.New("old"), Labels: map[string]string{"a": "b"}}
	present.EnsureDefaults()
	for path := range setters() {
		change, err := Change(fullSpec(), &fieldmaskpb.FieldMask{Paths: []string{path}})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got, err := change(present)
		if err != nil || got.Equal(present) {
			t.Errorf("%s changes nothing (%v)", path, err)
		}
		// Setting it again from what is unset goes back to the default.
		reset, err := Change(nil, &fieldmaskpb.FieldMask{Paths: []string{path}})
		if err != nil {
			t.Errorf("%s from nothing: %v", path, err)
			continue
		}
		if back, err := reset(got); err != nil || back.Equal(got) {
			t.Errorf("%s is not reset by an unset field (%v)", path, err)
		}
	}
	if present.Labels["a"] != "b" {
		t.Error("a change altered the present spec")
	}
	var walk func(d protoreflect.MessageDescriptor, prefix string)
	walk = func(d protoreflect.MessageDescriptor, prefix string) {
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			path := prefix + string(f.Name())
			if path == "credentials.password_set" {
				continue
			}
			if setters()[path] == nil {
				t.Errorf("no path %s", path)
			}
			if f.Message() != nil && !f.IsMap() && f.Message().ParentFile().Package() == "frameport.v1" {
				walk(f.Message(), path+".")
			}
		}
	}
	walk((&frameportv1.CameraSpec{}).ProtoReflect().Descriptor(), "")
}

func TestChange(t *testing.T) {
	present := config.Camera{URL: "rtsp://192.0.2.9/", Username: "old", Password: secret.New("old")}
	for name, tc := range map[string]struct {
		spec *frameportv1.CameraSpec
		mask []string
		want func(*config.Camera)
	}{
		"nothing": {&frameportv1.CameraSpec{}, nil, func(*config.Camera) {}},
		"no spec": {nil, nil, func(*config.Camera) {}},
		"one nested field": {
			&frameportv1.CameraSpec{Decode: &frameportv1.DecodePolicy{MaxFps: 7}}, nil,
			func(c *config.Camera) { c.Decode.MaxFPS = 7 },
		},
		"password kept": {
			&frameportv1.CameraSpec{Credentials: &frameportv1.Credentials{Username: "new", PasswordSet: true}},
			[]string{"credentials"},
			func(c *config.Camera) { c.Username = "new" },
		},
		"password kept without a mask": {
			&frameportv1.CameraSpec{Credentials: &frameportv1.Credentials{Username: "new", PasswordSet: true}}, nil,
			func(c *config.Camera) { c.Username = "new" },
		},
		"password cleared": {
			&frameportv1.CameraSpec{},
			[]string{"credentials.password"},
			func(c *config.Camera) { c.Password = secret.String{} },
		},
		"password replaced": {
			&frameportv1.CameraSpec{Credentials: &frameportv1.Credentials{Password: "new", PasswordSet: true}},
			[]string{"credentials.password"},
			func(c *config.Camera) { c.Password = secret.New("new") },
		},
		"login inside the url": {
			&frameportv1.CameraSpec{Url: "rtsp://new:pw@192.0.2.2/"},
			[]string{"url"},
			func(c *config.Camera) {
				c.URL, c.Username, c.Password = "rtsp://192.0.2.2/", "new", secret.New("pw")
			},
		},
		"login stays with another url": {
			&frameportv1.CameraSpec{Url: "rtsp://192.0.2.2/"}, nil,
			func(c *config.Camera) { c.URL = "rtsp://192.0.2.2/" },
		},
		"all": {
			&frameportv1.CameraSpec{Url: "rtsp://192.0.2.2/"},
			[]string{"*"},
			func(c *config.Camera) { *c = config.Camera{URL: "rtsp://192.0.2.2/"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			change, err := Change(tc.spec, &fieldmaskpb.FieldMask{Paths: tc.mask})
			if err != nil {
				t.Fatal(err)
			}
			want := present
			tc.want(&want)
			if got, err := change(present); err != nil || !got.Equal(want) || got.Password.Reveal() != want.Password.Reveal() {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
	for _, path := range []string{"", "Url", "spec.url", "decode.", "labels.site", "credentials.password_set", "frame.color.alpha"} {
		_, err := Change(fullSpec(), &fieldmaskpb.FieldMask{Paths: []string{"url", path}})
		if e, ok := errors.AsType[*PathError](err); !ok || e.Path != path || !strings.Contains(err.Error(), "use one of backend, credentials,") {
			t.Errorf("path %q: %v", path, err)
		}
		if path == "" {
			continue
		}
		if _, err := Change(fullSpec(), &fieldmaskpb.FieldMask{Paths: []string{"*", path}}); err == nil {
			t.Errorf("path %q beside * was not refused", path)
		}
	}
}

// Every value of an enumeration is known, but for those whose time has not come.
func TestEnumTablesAreComplete(t *testing.T) {
	for name, tc := range map[string]struct {
		got  int
		want map[int32]string
		more int // values that the worker has no counterpart for
	}{
		"Transport":   {len(transports()), frameportv1.Transport_name, 0},
		"TlsMode":     {len(tlsModes()), frameportv1.TlsMode_name, 0},
		"DecodeMode":  {len(decodeModes()), frameportv1.DecodeMode_name, 0},
		"BackendKind": {len(backends()), frameportv1.BackendKind_name, 0},
		"ColorMatrix": {len(matrices()), frameportv1.ColorMatrix_name, 0},
		"ColorRange":  {len(ranges()), frameportv1.ColorRange_name, 0},
		"ImageFormat": {len(formats()), frameportv1.ImageFormat_name, 1},
		"frames":      {len(layouts()), frameportv1.ImageFormat_name, 2},
		"Fit":         {len(fits()), frameportv1.Fit_name, 0},
		"CameraState": {len(states()), frameportv1.CameraState_name, 1},
		"FaultClass":  {len(faultClasses()), frameportv1.FaultClass_name, 0},
		"Codec":       {len(codecs()), frameportv1.Codec_name, 2},
	} {
		if tc.got+tc.more != len(tc.want) {
			t.Errorf("%s: %d rows for %d values", name, tc.got, len(tc.want))
		}
	}
	if toWire(transports(), config.TransportAuto) != frameportv1.Transport_TRANSPORT_AUTO {
		t.Error("a default is sent as UNSPECIFIED")
	}
}

func TestCameraStatus(t *testing.T) {
	now := time.Now()
	s := camera.Snapshot{
		ID: "door", State: camera.StateFailed, StateTime: now, Codec: media.CodecH265, Width: 640, Height: 360, StreamWidth: 1280, StreamHeight: 720,
		Fault: camera.FaultStatus{Class: fault.Auth, Message: "no", Count: 3, First: now, Last: now, NextAttempt: now},
		GOP:   camera.GOP{Frames: 50, Duration: 2 * time.Second}, Epoch: 4, LastFrameID: frame.ID{Epoch: 4, Sequence: 9}, LastFrame: now,
		Clock: camera.ClockStatus{Source: media.ClockRTCP, Offset: -time.Second, ErrorBound: time.Millisecond}, Transport: "TCP", Backend: "CPU",
		Memory: camera.Memory{Device: camera.DeviceMemory{Decoder: 1, Ring: 2, Other: 3}, Host: 4},
	}
	if got := Camera(s).GetStatus(); got.GetEpoch() != 4 || got.GetSequence() != 9 {
		t.Errorf("frame %d of epoch %d", got.GetSequence(), got.GetEpoch())
	}
	s.Epoch = 5 // no frame yet
	if got := Camera(s).GetStatus(); got.GetEpoch() != 5 || got.GetSequence() != 0 || !got.GetLastFrameTime().AsTime().Equal(now) {
		t.Errorf("frame %d of epoch %d, in which there is none yet", got.GetSequence(), got.GetEpoch())
	}
	s.Epoch = 4
	// Give every counter another value and look for all of them on the wire.
	v := reflect.ValueOf(&s.Counters).Elem()
	n := uint64(100)
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.Struct {
				fill(v.Field(i))
				continue
			}
			v.Field(i).SetUint(n)
			n++
		}
	}
	fill(v)
	got := Camera(s).GetStatus()
	var values []uint64
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f.Message() != nil {
				walk(v.Message())
			} else {
				values = append(values, v.Uint())
			}
			return true
		})
	}
	walk(got.GetCounters().ProtoReflect())
	slices.Sort(values)
	for i, v := range values {
		if v != 100+uint64(i) {
			t.Fatalf("counters %v", values)
		}
	}
	if len(values) != int(n-100) {
		t.Errorf("%d of %d counters are on the wire", len(values), n-100)
	}
	if got.GetState() != frameportv1.CameraState_CAMERA_STATE_FAILED || got.GetFault().GetClass() != frameportv1.FaultClass_FAULT_CLASS_AUTH ||
		got.GetFault().GetCount() != 3 || got.GetLastFault() != nil || got.GetCodec() != frameportv1.Codec_CODEC_H265 || got.GetWidth() != 640 || got.GetStreamHeight() != 720 ||
		got.GetSequence() != 9 || got.GetGop().GetFrames() != 50 || got.GetClock().GetOffset().AsDuration() != -time.Second ||
		got.GetTransport() != frameportv1.Transport_TRANSPORT_TCP || got.GetBackend() != frameportv1.BackendKind_BACKEND_KIND_CPU ||
		got.GetMemory().GetHostBytes() != 4 || !got.GetStateTime().AsTime().Equal(now) {
		t.Errorf("status %v", got)
	}
	fresh := Camera(camera.Snapshot{ID: "new"}).GetStatus()
	if fresh.GetLastFrameTime() != nil || fresh.GetFault() != nil || fresh.GetTransport() != 0 || fresh.GetBackend() != 0 ||
		fresh.GetClock().GetSource() != frameportv1.CaptureTimeSource_CAPTURE_TIME_SOURCE_UNSPECIFIED || fresh.GetState() != frameportv1.CameraState_CAMERA_STATE_CONNECTING {
		t.Errorf("fresh status %v", fresh)
	}
}

func TestOutputsThatMeanTheSameAreEqual(t *testing.T) {
	jpeg, err := Output(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*frameportv1.OutputSpec{
		{},
		{Format: frameportv1.ImageFormat_IMAGE_FORMAT_JPEG},
		{Quality: proto.Int32(85)},
		{Fit: frameportv1.Fit_FIT_COVER},
	} {
		if got, err := Output(s); err != nil || got != jpeg {
			t.Errorf("%v gives %+v, %v; want %+v", s, got, err, jpeg)
		}
	}
	raw, _ := Output(&frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_NV12})
	if other, err := Output(&frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_NV12, Quality: proto.Int32(3)}); err != nil || other != raw {
		t.Errorf("quality matters for raw pixels: %+v", other)
	}
}

func TestTransform(t *testing.T) {
	for name, tc := range map[string]struct {
		out  render.Output
		want [4]float64 // scale x, y, offset x, y
	}{
		"whole":     {render.Output{}, [4]float64{1, 1, 0, 0}},
		"half":      {render.Output{Width: 640}, [4]float64{2, 2, 0, 0}},
		"crop":      {render.Output{Crop: image.Rect(100, 50, 300, 150)}, [4]float64{1, 1, 100, 50}},
		"cropped":   {render.Output{Crop: image.Rect(100, 50, 300, 150), Width: 400, Height: 200}, [4]float64{.5, .5, 100, 50}},
		"stretch":   {render.Output{Width: 640, Height: 720, Fit: convert.FitStretch}, [4]float64{2, 1, 0, 0}},
		"cover":     {render.Output{Width: 360, Height: 360, Fit: convert.FitCover}, [4]float64{2, 2, 280, 0}},
		"letterbox": {render.Output{Width: 640, Height: 640, Fit: convert.FitLetterbox}, [4]float64{2, 2, 0, -280}},
	} {
		got := transform(1280, 720, tc.out)
		for i, v := range []float64{got.GetScaleX(), got.GetScaleY(), got.GetOffsetX(), got.GetOffsetY()} {
			if math.Abs(v-tc.want[i]) > 1e-9 {
				t.Errorf("%s: %v, want %v", name, got, tc.want)
				break
			}
		}
	}
}

func TestFrame(t *testing.T) {
	now := time.Now()
	info := &frame.Info{
		ID: frame.ID{Epoch: 2, Sequence: 3}, Width: 1280, Height: 720, Decoded: now, KeyFrame: true, Corrupt: true,
		Times: media.Times{PTS: time.Second, Capture: now, Received: now, Source: media.ClockRTCP, CaptureError: time.Millisecond},
	}
	nv12 := &render.Picture{
		Format: render.FormatNV12, Width: 640, Height: 360, Data: []byte{1}, Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited},
		Planes: []render.PlaneLayout{{Offset: 0, Stride: 640, Height: 360}, {Offset: 640 * 360, Stride: 640, Height: 180}},
	}
	f := Frame("door", info, nv12, render.Output{Format: render.FormatNV12, Width: 640})
	if f.GetColor().GetMatrix() != frameportv1.ColorMatrix_COLOR_MATRIX_BT709 || len(f.GetPlanes()) != 2 || f.GetPlanes()[1].GetOffset() != 640*360 ||
		f.GetTransform().GetScaleX() != 2 || f.GetSourceWidth() != 1280 || f.GetCaptureTimeSource() != frameportv1.CaptureTimeSource_CAPTURE_TIME_SOURCE_RTCP ||
		f.GetCaptureTimeError().AsDuration() != time.Millisecond || !f.GetKeyFrame() || !f.GetCorrupt() || &f.Data[0] != &nv12.Data[0] || f.GetSentTime() != nil {
		t.Errorf("frame %v", f)
	}
	rgb := Frame("door", info, &render.Picture{Format: render.FormatRGB24, Color: media.JFIF()}, render.Output{})
	if c := rgb.GetColor(); c.GetMatrix() != 0 || c.GetRange() != frameportv1.ColorRange_COLOR_RANGE_FULL {
		t.Errorf("colour of RGB %v", c)
	}
}
