package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/server/mapping"
)

// What the worker says of a camera: I1, I6 and I7, each broken once, told by events.
func TestSoakStates(t *testing.T) {
	in := func(state frameportv1.CameraState, change func(*frameportv1.CameraStatus)) *frameportv1.WatchCamerasResponse {
		s := &frameportv1.CameraStatus{State: state, Counters: &frameportv1.CameraCounters{}}
		if change != nil {
			change(s)
		}
		return &frameportv1.WatchCamerasResponse{
			Type:   frameportv1.CameraEventType_CAMERA_EVENT_TYPE_STATUS_CHANGED,
			Camera: &frameportv1.Camera{CameraId: "cam", Status: s},
		}
	}
	const connecting, running, failed, stopped = frameportv1.CameraState_CAMERA_STATE_CONNECTING, frameportv1.CameraState_CAMERA_STATE_RUNNING,
		frameportv1.CameraState_CAMERA_STATE_FAILED, frameportv1.CameraState_CAMERA_STATE_STOPPED
	removed := in(stopped, nil)
	removed.Type = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_REMOVED
	waiting := func(s *frameportv1.CameraStatus) {
		s.Fault = &frameportv1.Fault{Class: frameportv1.FaultClass_FAULT_CLASS_BUSY, LastTime: timestamppb.New(day), NextAttemptTime: timestamppb.New(day.Add(time.Minute))}
	}
	tried := func(s *frameportv1.CameraStatus) { waiting(s); s.Counters.ConnectAttempts = 1 }
	synced := &frameportv1.WatchCamerasResponse{Type: frameportv1.CameraEventType_CAMERA_EVENT_TYPE_SYNCED}
	for name, tc := range map[string]struct {
		events []*frameportv1.WatchCamerasResponse
		by     time.Time
		want   string
	}{
		"good":                   {[]*frameportv1.WatchCamerasResponse{synced, in(connecting, nil), in(running, nil), in(failed, nil)}, day, ""},
		"back to start":          {[]*frameportv1.WatchCamerasResponse{in(running, nil), in(connecting, nil)}, day, "I6"},
		"back to life":           {[]*frameportv1.WatchCamerasResponse{in(stopped, nil), in(running, nil)}, day, "I6"},
		"removed, another one":   {[]*frameportv1.WatchCamerasResponse{in(running, nil), removed, in(connecting, nil)}, day, ""},
		"too soon":               {[]*frameportv1.WatchCamerasResponse{in(failed, waiting), in(failed, tried)}, day.Add(time.Second), "I7"},
		"in time":                {[]*frameportv1.WatchCamerasResponse{in(failed, waiting), in(failed, tried)}, day.Add(time.Hour), ""},
		"an epoch falls":         {[]*frameportv1.WatchCamerasResponse{in(running, func(s *frameportv1.CameraStatus) { s.Epoch = 3 }), in(running, nil)}, day, "I1"},
		"a count falls":          {[]*frameportv1.WatchCamerasResponse{in(running, func(s *frameportv1.CameraStatus) { s.Counters.BytesReceived = 3 }), in(running, nil)}, day, "I1"},
		"a count of drops falls": {[]*frameportv1.WatchCamerasResponse{in(running, func(s *frameportv1.CameraStatus) { s.Counters.Dropped = &frameportv1.DropCounters{Queue: 1} }), in(running, nil)}, day, "I1"},
	} {
		found := &findings{}
		told := newTold(found)
		for _, e := range tc.events {
			told.event(e, tc.by)
		}
		verdict(t, name, found.all(), tc.want)
	}
	told := newTold(&findings{})
	for range 2 { // the same announcement comes with other news
		told.event(in(failed, waiting), day)
	}
	if got := told.announced("cam"); len(got) != 1 || !got[0].due.Equal(day.Add(time.Minute)) {
		t.Errorf("announced: %v", got)
	}
}

// States, classes and counters are read as the worker writes them.
func TestSoakStatusOf(t *testing.T) {
	for s := camera.StateConnecting; s <= camera.StateStopped; s++ {
		if got := stateOf(mapping.State(s)); got != s {
			t.Errorf("%v is read as %v", s, got)
		}
	}
	for c := fault.Auth; c <= fault.Policy; c++ {
		if got := classOf(mapping.FaultClass(c)); got != c {
			t.Errorf("%v is read as %v", c, got)
		}
	}
	want := camera.Counters{
		AccessUnits: 1, KeyFrames: 2, FramesDecoded: 3, FramesPublished: 4, FramesCorrupt: 5, DroppedQueue: 6,
		PacketsReceived: 7, PacketsLost: 8, BytesReceived: 9, ConnectAttempts: 10, Reconnects: 11,
	}
	want.Dropped.Policy, want.Dropped.Network, want.Dropped.Decode = 12, 13, 14
	if got := statusOf(mapping.Camera(camera.Snapshot{Counters: want}).GetStatus()).Counters; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// I7: what cameras see, compared with what was announced.
func TestSoakTooSoon(t *testing.T) {
	at := func(s float64) time.Time { return day.Add(time.Duration(s * float64(time.Second))) }
	busy, auth := frameportv1.FaultClass_FAULT_CLASS_BUSY, frameportv1.FaultClass_FAULT_CLASS_AUTH
	waits := []wait{{at(10), at(15), busy}, {at(16), at(20), busy}}
	for name, tc := range map[string]struct {
		waits []wait
		dials []moment
		want  string
	}{
		"good":               {waits, []moment{{at(9), at(9.1)}, {at(15), at(15.1)}, {at(20.1), at(20.2)}}, ""},
		"too soon":           {waits, []moment{{at(12), at(12.1)}}, "I7"},
		"too soon, later":    {waits, []moment{{at(15), at(15.1)}, {at(17), at(17.1)}}, "I7"},
		"perhaps before":     {waits, []moment{{at(9.9), at(10.1)}}, ""},
		"perhaps when due":   {waits, []moment{{at(14.9), at(15.1)}}, ""},
		"no wait at all":     {[]wait{{at(10), at(10.1), busy}}, nil, "I7"},
		"end of a long wait": {[]wait{{at(10), at(10.1), auth}}, nil, ""},
	} {
		verdict(t, name, tooSoon(tc.waits, tc.dials), tc.want)
	}
}

// I8: wrong logins are counted by host, over all of its cameras.
func TestSoakLogins(t *testing.T) {
	logins := func(minutes ...float64) (list []moment) {
		for _, m := range minutes {
			at := day.Add(time.Duration(m * float64(time.Minute)))
			list = append(list, moment{at, at.Add(lookAtCameras)})
		}
		return list
	}
	for name, tc := range map[string]struct {
		cameras []*counted
		want    string
	}{
		"three":             {[]*counted{{host: "a", logins: logins(0, 1, 29)}}, ""},
		"four":              {[]*counted{{host: "a", logins: logins(0, 1, 2, 29.9)}}, "I8"},
		"the fourth later":  {[]*counted{{host: "a", logins: logins(0, 1, 2, 30)}}, ""},
		"of two cameras":    {[]*counted{{host: "a", logins: logins(0, 2)}, {host: "a", logins: logins(1, 3)}}, "I8"},
		"of two hosts":      {[]*counted{{host: "a", logins: logins(0, 2)}, {host: "b", logins: logins(1, 3)}}, ""},
		"four, after three": {[]*counted{{host: "a", logins: logins(0, 1, 2, 40, 41, 42, 43)}}, "I8"},
	} {
		verdict(t, name, tooManyLogins(tc.cameras)["a"], tc.want)
	}
}

// I9: what a camera that nobody hurts has lost.
func TestSoakUnhurt(t *testing.T) {
	at := func(sent, units, published, slow uint64, change func(*frameportv1.CameraCounters)) traffic {
		c := &frameportv1.CameraCounters{AccessUnits: units, FramesPublished: published, Dropped: &frameportv1.DropCounters{Queue: slow}}
		if change != nil {
			change(c)
		}
		return traffic{sent: sent, got: c}
	}
	from := at(100, 100, 90, 5, nil)
	overflow := at(1100, 1100, 1090, 5, nil)
	overflow.overflows = 1
	for name, tc := range map[string]struct {
		now     traffic
		decoded bool
		want    string
	}{
		"good":                      {at(1100, 1100, 1090, 5, nil), true, ""},
		"one is lost":               {at(1100, 1099, 1090, 5, nil), true, "I9"},
		"too slow":                  {at(1100, 1100, 990, 105, nil), true, ""},
		"published too little":      {at(1100, 1100, 1065, 5, nil), true, "I9"},
		"within 2 % and four":       {at(1100, 1100, 1066, 5, nil), true, ""},
		"published too much":        {at(1100, 1100, 1115, 5, nil), true, "I9"},
		"nothing decoded":           {at(1100, 1100, 90, 5, nil), false, ""},
		"nothing decoded, one lost": {at(1100, 1099, 90, 5, nil), false, "I9"},
		"a reconnect":               {at(1100, 1100, 1090, 5, func(c *frameportv1.CameraCounters) { c.Reconnects = 1 }), true, "I9"},
		"a packet":                  {at(1100, 1100, 1090, 5, func(c *frameportv1.CameraCounters) { c.PacketsLost = 1 }), true, "I9"},
		"not taken":                 {overflow, true, "I9"},
	} {
		verdict(t, name, tc.now.lost(from, tc.decoded), tc.want)
	}
}

// leaky is a worker that tells the password, in an answer, a stream or an error.
type leaky struct {
	frameportv1.UnimplementedCameraServiceServer
	text string
}

func (l *leaky) GetCamera(_ context.Context, r *frameportv1.GetCameraRequest) (*frameportv1.GetCameraResponse, error) {
	if r.GetCameraId() == "error" {
		return nil, status.Error(codes.Internal, l.text)
	}
	return &frameportv1.GetCameraResponse{Camera: &frameportv1.Camera{CameraId: l.text}}, nil
}

func (l *leaky) WatchCameras(_ *frameportv1.WatchCamerasRequest, stream grpc.ServerStreamingServer[frameportv1.WatchCamerasResponse]) error {
	return stream.Send(&frameportv1.WatchCamerasResponse{Cause: l.text})
}

// I10: a password in the log, also in two parts, and in each kind of answer.
func TestSoakSecrets(t *testing.T) {
	forms := append(canary().Forms(), wrongCanary().Forms()...)
	for _, form := range forms {
		for _, cut := range []int{0, 1, len(form) / 2, len(form) - 1} {
			found := &findings{}
			w := &searched{search: newSearch(found, canary(), wrongCanary()), where: "log"}
			for _, part := range []string{"level=INFO msg=", form[:cut], form[cut:], " and more\n"} {
				if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
			}
			verdict(t, form, found.all(), "I10")
			if text := strings.Join(found.all(), ""); strings.Contains(text, form) {
				t.Errorf("the finding tells it: %s", text)
			}
		}
		for _, call := range []string{"answer", "error", "stream"} {
			verdict(t, call+" with "+form, callLeaky(t, call, form), "I10")
		}
	}
	for _, call := range []string{"answer", "error", "stream"} {
		verdict(t, "a good "+call, callLeaky(t, call, "a text"), "")
	}
}

func callLeaky(t *testing.T, call, text string) []string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	frameportv1.RegisterCameraServiceServer(server, &leaky{text: text})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	found := &findings{}
	conn, err := grpc.NewClient(listener.Addr().String(), newSearch(found, canary(), wrongCanary()).options()...)
	if err != nil {
		t.Fatal(err)
	}
	cameras := frameportv1.NewCameraServiceClient(conn)
	if call == "stream" {
		var stream grpc.ServerStreamingClient[frameportv1.WatchCamerasResponse]
		if stream, err = cameras.WatchCameras(t.Context(), &frameportv1.WatchCamerasRequest{}); err == nil {
			_, err = stream.Recv()
		}
	} else {
		_, err = cameras.GetCamera(t.Context(), &frameportv1.GetCameraRequest{CameraId: call})
	}
	if (err != nil) != (call == "error") {
		t.Errorf("%s: %v", call, err)
	}
	err = conn.Close()
	server.Stop()
	if err := errors.Join(err, <-ended); err != nil {
		t.Error(err)
	}
	return found.all()
}

// A run in which a check saw nothing has not passed.
func TestSoakResult(t *testing.T) {
	all := &findings{}
	for _, what := range sightings() {
		all.saw(what, 3)
	}
	if n, text := all.result(); n != 0 || strings.Contains(text, "broken") {
		t.Errorf("%d: %s", n, text)
	}
	for range 2 * keptFindings {
		all.add("cam-2", "I6: b", "I10: a")
	}
	if n, text := all.result(); n != 4*keptFindings || !strings.Contains(text, "10 like cam-2: I10: a, 10 like cam-2: I6: b") {
		t.Errorf("%d: %s", n, text)
	}
	if got := all.all(); len(got) != 2*keptFindings || got[0] != "cam-2: I10: a" {
		t.Errorf("kept: %q", got)
	}
	for _, missing := range sightings() {
		f := &findings{}
		for _, what := range sightings() {
			if what != missing {
				f.saw(what, 1)
			}
		}
		if n, text := f.result(); n != 1 || !strings.Contains(text, "there were none: "+missing) {
			t.Errorf("%s: %d: %s", missing, n, text)
		}
	}
}
