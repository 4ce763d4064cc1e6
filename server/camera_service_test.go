package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
)

const (
	added         = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_ADDED
	removedEvent  = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_REMOVED
	current       = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_CURRENT
	synced        = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_SYNCED
	specChanged   = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_SPEC_CHANGED
	statusChanged = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_STATUS_CHANGED
)

func TestCameraLifeWithoutThePasswordAnywhere(t *testing.T) {
	const canary = "c4n4ry/päss"
	cameras := newFakeCameras(t)
	h := newHarness(t, cameras, newFakeRenderer(10))
	ctx := t.Context()
	var seen strings.Builder // everything that came back
	spec := &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/live", Credentials: &frameportv1.Credentials{Username: "admin", Password: canary}}
	a, err := h.camera.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: "door", Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	seen.WriteString(protojson.Format(a))
	got := a.GetCamera().GetSpec()
	if !got.GetCredentials().GetPasswordSet() || got.GetCredentials().GetUsername() != "admin" || got.GetFrame().GetRingSize() != 4 ||
		got.GetTransport() != frameportv1.Transport_TRANSPORT_AUTO || got.GetDecode().GetMode() != frameportv1.DecodeMode_DECODE_MODE_ALL {
		t.Errorf("spec in force: %v", got)
	}
	// The same again is the same camera; another one is refused.
	if _, err := h.camera.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: "door", Spec: spec}); err != nil {
		t.Error(err)
	}
	spec.Url = "rtsp://192.0.2.1/other"
	_, err = h.camera.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: "door", Spec: spec})
	wantReason(t, err, codes.AlreadyExists, apierr.CameraAlreadyExists)
	fmt.Fprintln(&seen, err)

	// What was read can be written back: the password stays.
	u, err := h.camera.UpdateCamera(ctx, &frameportv1.UpdateCameraRequest{CameraId: "door", Spec: got, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}})
	if err != nil {
		t.Fatal(err)
	}
	seen.WriteString(protojson.Format(u))
	if stored, _ := cameras.Get("door"); stored.Spec.Password.Reveal() != canary {
		t.Error("the password was lost")
	}
	// An empty mask changes what is set, and only that.
	u, err = h.camera.UpdateCamera(ctx, &frameportv1.UpdateCameraRequest{CameraId: "door", Spec: &frameportv1.CameraSpec{
		Decode: &frameportv1.DecodePolicy{MaxFps: 5}, Labels: map[string]string{"site": "berlin"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s := u.GetCamera().GetSpec(); s.GetDecode().GetMaxFps() != 5 || s.GetLabels()["site"] != "berlin" || s.GetUrl() != "rtsp://192.0.2.1/live" {
		t.Errorf("after the update: %v", s)
	}
	l, err := h.camera.ListCameras(ctx, &frameportv1.ListCamerasRequest{LabelSelector: "site=berlin"})
	if err != nil || len(l.GetCameras()) != 1 {
		t.Fatalf("%v, %v", l, err)
	}
	seen.WriteString(protojson.Format(l))
	if _, err := h.camera.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: "door"}); err != nil {
		t.Fatal(err)
	}
	_, err = h.camera.GetCamera(ctx, &frameportv1.GetCameraRequest{CameraId: "door"})
	wantReason(t, err, codes.NotFound, apierr.CameraNotFound)
	_, err = h.camera.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: "door"})
	wantReason(t, err, codes.NotFound, apierr.CameraNotFound)

	if all := seen.String() + h.logs.String(); strings.Contains(all, "c4n4ry") {
		t.Errorf("the password got out: %s", all)
	}
	// One line for each attempt, and none for those who only look.
	var audit []string
	for _, m := range regexp.MustCompile(`(?m) msg=audit (.*) from=127\.0\.0\.1:\d+ outcome=(\S+)$`).FindAllStringSubmatch(h.logs.String(), -1) {
		audit = append(audit, m[1]+" "+m[2])
	}
	want := []string{
		"call=AddCamera camera=door who=local OK", "call=AddCamera camera=door who=local OK", "call=AddCamera camera=door who=local CAMERA_ALREADY_EXISTS",
		"call=UpdateCamera camera=door who=local OK", "call=UpdateCamera camera=door who=local OK",
		"call=RemoveCamera camera=door who=local OK", "call=RemoveCamera camera=door who=local CAMERA_NOT_FOUND",
	}
	if !slices.Equal(audit, want) || strings.Count(h.logs.String(), "msg=audit") != len(want) {
		t.Errorf("audit lines %q in\n%s", audit, h.logs)
	}
}

func TestListCamerasPages(t *testing.T) {
	cameras := newFakeCameras(t)
	for i := range 25 {
		cameras.add(fmt.Sprintf("cam-%02d", i), config.Camera{URL: "rtsp://192.0.2.1/", Labels: map[string]string{"odd": fmt.Sprint(i % 2)}})
	}
	h := newHarness(t, cameras, newFakeRenderer(10))
	var ids []string
	token := ""
	for pages := 0; ; pages++ {
		r, err := h.camera.ListCameras(t.Context(), &frameportv1.ListCamerasRequest{PageSize: 5, PageToken: token, LabelSelector: "odd=0"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.GetCameras() {
			ids = append(ids, c.GetCameraId())
		}
		if pages == 0 {
			if r.GetTotalSize() != 13 {
				t.Errorf("total %d, want 13", r.GetTotalSize())
			}
			// The camera that the next page begins after goes: nothing is lost.
			if err := cameras.Remove(t.Context(), ids[4]); err != nil {
				t.Fatal(err)
			}
		}
		if token = r.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(ids) != 13 || ids[0] != "cam-00" || ids[12] != "cam-24" {
		t.Errorf("listed %v", ids)
	}
	r, err := h.camera.ListCameras(t.Context(), &frameportv1.ListCamerasRequest{PageSize: 1 << 30})
	if err != nil || len(r.GetCameras()) != 24 {
		t.Errorf("%d cameras, %v", len(r.GetCameras()), err)
	}
}

func TestWatchCameras(t *testing.T) {
	cameras := newFakeCameras(t, "a")
	h := newHarness(t, cameras, newFakeRenderer(10))
	stream, err := h.camera.WatchCameras(t.Context(), &frameportv1.WatchCamerasRequest{CameraIds: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	want := func(kind frameportv1.CameraEventType, id string) *frameportv1.WatchCamerasResponse {
		t.Helper()
		e, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if e.GetType() != kind || e.GetCamera().GetCameraId() != id || e.GetTime() == nil {
			t.Fatalf("got %v of %q, want %v of %q", e.GetType(), e.GetCamera().GetCameraId(), kind, id)
		}
		return e
	}
	want(current, "a")
	want(synced, "")
	cameras.add("c", config.Camera{URL: "rtsp://192.0.2.1/"}) // not watched
	cameras.add("b", config.Camera{URL: "rtsp://192.0.2.1/"})
	want(added, "b")
	// Changes in quick succession arrive as the newest state.
	for i := range 100 {
		cameras.change("a", func(s *camera.Snapshot) {
			s.State, s.StateTime, s.Cause, s.Width = camera.StateRunning, time.Now(), fmt.Sprintf("change %d", i), i
		})
	}
	e := want(statusChanged, "a")
	for e.GetCause() != "change 99" {
		e = want(statusChanged, "a")
	}
	if e.GetCamera().GetStatus().GetWidth() != 99 {
		t.Errorf("width %d", e.GetCamera().GetStatus().GetWidth())
	}
	changed := time.Now()
	cameras.change("a", func(s *camera.Snapshot) {
		s.Fault = camera.FaultStatus{Class: fault.Decode, Message: "too slow"}
	})
	if e := want(statusChanged, "a"); e.GetCause() != "too slow" || e.GetTime().AsTime().Before(changed) {
		t.Errorf("cause %q", e.GetCause())
	}
	if _, err := cameras.Update(t.Context(), "b", func(c config.Camera) (config.Camera, error) { c.Decode.MaxFPS = 3; return c, nil }); err != nil {
		t.Fatal(err)
	}
	if e := want(specChanged, "b"); e.GetCause() != "" || e.GetCamera().GetSpec().GetDecode().GetMaxFps() != 3 {
		t.Errorf("spec %v", e.GetCamera().GetSpec())
	}
	if err := cameras.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if e := want(removedEvent, "b"); e.GetCamera().GetSpec().GetDecode().GetMaxFps() != 3 {
		t.Errorf("last spec %v", e.GetCamera().GetSpec())
	}
	// Removed and added again between two looks is both.
	cameras.mu.Lock()
	c := cameras.cameras["a"]
	c.snapshot.AddedTime = c.snapshot.AddedTime.Add(time.Second)
	cameras.changedLocked(c)
	cameras.mu.Unlock()
	want(removedEvent, "a")
	want(added, "a")
}
