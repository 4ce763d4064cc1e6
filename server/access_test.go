package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/internal/kservetest"
)

// tokenFile has a token for each role; the token is the name with "-token". Those of
// north see the cameras with label site=north, that of mine the camera with this id.
func tokenFile(more ...string) string {
	var b strings.Builder
	b.WriteString("tokens:\n")
	for _, e := range []string{
		"name: viewer, role: view",
		"name: controller, role: control",
		"name: boss, role: admin",
		"name: mine, role: view, cameras: {ids: [mine]}",
		"name: mine-control, role: control, cameras: {ids: [mine]}",
		"name: north, role: view, cameras: {labels: site=north}",
		"name: north-control, role: control, cameras: {labels: site=north}",
		"name: old, role: admin, expires: 2020-01-01",
	} {
		name, _, _ := strings.Cut(strings.TrimPrefix(e, "name: "), ",")
		fmt.Fprintf(&b, "  - {%s, hash: %s}\n", e, authtest.Hash(name+"-token"))
	}
	for _, e := range more {
		fmt.Fprintf(&b, "  - {%s}\n", e)
	}
	return b.String()
}

// withTokens makes a server one that asks for the tokens of tokenFile.
func withTokens(t *testing.T) func(*Config) {
	keys, err := auth.OpenKeys(authtest.File(t, tokenFile()))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Access = &auth.Gate{Keys: keys, TrustUnix: true} }
}

// bearer sends an authorization header.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return false }

// as is a connection of somebody; "" = without a token.
func (h *harness) as(name string) *grpc.ClientConn {
	if name == "" {
		return h.dial()
	}
	return h.dial(grpc.WithPerRPCCredentials(bearer("Bearer " + name + "-token")))
}

// registered are the full names of all methods of the server.
func (h *harness) registered() (names []string) {
	for service, info := range h.server.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			names = append(names, "/"+service+"/"+m.Name)
		}
	}
	slices.Sort(names)
	return names
}

// TestEveryMethodIsInTheAccessTable is the rule for whoever adds an RPC.
func TestEveryMethodIsInTheAccessTable(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10))
	names := h.registered()
	if len(names) < 19 {
		t.Fatalf("only %d methods found: %v", len(names), names)
	}
	for _, name := range names {
		if access()[name] == auth.Nobody {
			t.Errorf("%s is not in the access table: who may call it?", name)
		}
	}
}

// A method that is missing in the table is refused, whoever calls.
func TestMethodsOutsideTheTableAreRefused(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10))
	delete(h.server.access, frameportv1.WorkerService_GetClock_FullMethodName)
	delete(h.server.access, frameportv1.WorkerService_WatchWorker_FullMethodName)
	_, err := h.worker.GetClock(t.Context(), &frameportv1.GetClockRequest{})
	wantReason(t, err, codes.PermissionDenied, apierr.PermissionDenied)
	stream, err := h.worker.WatchWorker(t.Context(), &frameportv1.WatchWorkerRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	wantReason(t, err, codes.PermissionDenied, apierr.PermissionDenied)
}

// invoke calls any method with one message and returns the first answer, or the error.
func invoke(t *testing.T, conn *grpc.ClientConn, method string, req proto.Message) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return "", err
	}
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	_ = stream.CloseSend() // an error is that of RecvMsg, too
	resp := dynamicpb.NewMessage(descriptor(t, method).Output())
	err = stream.RecvMsg(resp)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return protojson.Format(resp), err
}

func descriptor(t *testing.T, method string) protoreflect.MethodDescriptor {
	t.Helper()
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
}

// requests are a sound request for each method, about one camera where that can be
// said. Those that answer for any camera are marked.
func requests(id string) map[string]struct {
	message proto.Message
	always  bool // it answers, without a word of the camera
} {
	type request = struct {
		message proto.Message
		always  bool
	}
	spec := &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/"}
	ids := []string{id}
	listServices := &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}
	tensor := &frameportv1.TensorSpec{Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Width: 4, Height: 4}
	return map[string]request{
		frameportv1.CameraService_AddCamera_FullMethodName:    {message: &frameportv1.AddCameraRequest{CameraId: id, Spec: spec}},
		frameportv1.CameraService_UpdateCamera_FullMethodName: {message: &frameportv1.UpdateCameraRequest{CameraId: id, Spec: spec}},
		frameportv1.CameraService_RemoveCamera_FullMethodName: {message: &frameportv1.RemoveCameraRequest{CameraId: id}},
		frameportv1.CameraService_GetCamera_FullMethodName:    {message: &frameportv1.GetCameraRequest{CameraId: id}},
		frameportv1.CameraService_ListCameras_FullMethodName:  {&frameportv1.ListCamerasRequest{}, true},
		frameportv1.CameraService_WatchCameras_FullMethodName: {&frameportv1.WatchCamerasRequest{CameraIds: ids}, true},
		frameportv1.FrameService_GetFrame_FullMethodName:      {message: &frameportv1.GetFrameRequest{CameraId: id}},
		frameportv1.FrameService_StreamFrames_FullMethodName:  {message: &frameportv1.StreamFramesRequest{CameraIds: ids}},
		frameportv1.FrameService_WatchFrames_FullMethodName: {message: &frameportv1.WatchFramesRequest{
			Request: &frameportv1.WatchFramesRequest_Start{Start: &frameportv1.WatchFramesStart{CameraIds: ids}},
		}},
		frameportv1.FrameService_StreamBatches_FullMethodName: {message: &frameportv1.StreamBatchesRequest{
			Request: &frameportv1.StreamBatchesRequest_Start{Start: &frameportv1.StreamBatchesStart{CameraIds: ids, Tensor: tensor}},
		}},
		frameportv1.FrameService_ShareFrames_FullMethodName: {message: &frameportv1.ShareFramesRequest{
			Request: &frameportv1.ShareFramesRequest_Open{Open: &frameportv1.ShareOpen{CameraId: id}},
		}},
		frameportv1.InferenceService_StreamInferences_FullMethodName: {message: &frameportv1.StreamInferencesRequest{
			Request: &frameportv1.StreamInferencesRequest_Start{Start: &frameportv1.StreamInferencesStart{
				CameraIds: ids, Tensor: tensor, ModelName: "means", Delivery: frameportv1.Delivery_DELIVERY_INLINE,
			}},
		}},
		frameportv1.WorkerService_GetWorker_FullMethodName:                {&frameportv1.GetWorkerRequest{}, true},
		frameportv1.WorkerService_WatchWorker_FullMethodName:              {&frameportv1.WatchWorkerRequest{}, true},
		frameportv1.WorkerService_GetClock_FullMethodName:                 {&frameportv1.GetClockRequest{}, true},
		reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName: {listServices, true},
		reflectionV1Alpha:                    {listServices, true},
		healthv1.Health_Check_FullMethodName: {&healthv1.HealthCheckRequest{}, true},
		healthv1.Health_List_FullMethodName:  {&healthv1.HealthListRequest{}, true},
		healthv1.Health_Watch_FullMethodName: {&healthv1.HealthCheckRequest{}, true},
	}
}

// TestEveryMethodAsksWhoCalls calls all that is registered as those who must not.
func TestEveryMethodAsksWhoCalls(t *testing.T) {
	cameras := newFakeCameras(t, "mine", "theirs", "theirs-2")
	cameras.camera("theirs").publish(frame.Drops{}) // the other has no frame yet
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t), func(c *Config) { c.Tensors = &fakeTensors{} })
	_, address := kservetest.Start(t, kservetest.Config{Models: map[string]*kservetest.Model{"means": kservetest.Means(4, 4)}})
	h.server.cfg.InferenceServers = []*inference.Server{inferenceClient(t, "first", address, 0)}
	nobody, old, mine, viewer := h.as(""), h.as("old"), h.as("mine-control"), h.as("viewer")
	wrong := map[string]*grpc.ClientConn{}
	for _, header := range []string{"Bearer wrong", "Bearer ", "boss-token", "Basic boss-token", "Bearer boss-token, Bearer boss-token"} {
		wrong[header] = h.dial(grpc.WithPerRPCCredentials(bearer(header)))
	}
	for _, method := range h.registered() {
		req, known := requests("theirs")[method]
		if !known {
			t.Errorf("%s has no request in this test", method)
			continue
		}
		if access()[method] == Anyone {
			for _, conn := range []*grpc.ClientConn{nobody, old, mine} {
				if text, err := invoke(t, conn, method, req.message); err != nil || strings.Contains(text, "theirs") {
					t.Errorf("%s for anyone: %s, %v", method, text, err)
				}
			}
			continue
		}
		_, err := invoke(t, nobody, method, req.message)
		wantReason(t, err, codes.Unauthenticated, apierr.TokenRequired)
		_, err = invoke(t, old, method, req.message)
		wantReason(t, err, codes.Unauthenticated, apierr.TokenExpired)
		for header, conn := range wrong {
			if _, err = invoke(t, conn, method, req.message); status.Code(err) != codes.Unauthenticated {
				t.Errorf("%s with %q: %v", method, header, err)
			}
		}
		if access()[method] == Control {
			_, err = invoke(t, viewer, method, req.message)
			wantReason(t, err, codes.PermissionDenied, apierr.PermissionDenied)
		}
		if access()[method] == View && !req.always && method != frameportv1.FrameService_ShareFrames_FullMethodName { // whose frames nobody has placed
			if text, err := invoke(t, viewer, method, req.message); err != nil || !strings.Contains(text, "theirs") {
				t.Errorf("%s for who may: %.200s, %v", method, text, err)
			}
		}
		// A camera of others and one that there is not are the same to us.
		text, theirs := invoke(t, mine, method, req.message)
		_, empty := invoke(t, mine, method, requests("theirs-2")[method].message)
		_, unknown := invoke(t, mine, method, requests("nobody")[method].message)
		switch {
		case strings.Contains(text, "theirs"):
			t.Errorf("%s shows a camera of others: %s", method, text)
		case req.always && theirs != nil:
			t.Errorf("%s: %v", method, theirs)
		case !req.always && theirs == nil:
			t.Errorf("%s does not ask whose camera it is", method)
		case strings.ReplaceAll(fmt.Sprint(theirs), "theirs", "X") != strings.ReplaceAll(fmt.Sprint(unknown), "nobody", "X"),
			strings.ReplaceAll(fmt.Sprint(empty), "theirs-2", "X") != strings.ReplaceAll(fmt.Sprint(unknown), "nobody", "X"):
			t.Errorf("%s answers differ: %v, %v and %v", method, theirs, empty, unknown)
		case !req.always && method != frameportv1.CameraService_AddCamera_FullMethodName:
			wantReason(t, theirs, codes.NotFound, apierr.CameraNotFound)
		}
	}
	if n, _ := cameras.Get("theirs"); n.ID != "theirs" || len(cameras.List()) != 3 {
		t.Error("somebody changed the cameras of others")
	}
	if logs := h.logs.String(); strings.Contains(logs, "-token") || strings.Contains(logs, "Bearer") {
		t.Error("a token is in the log")
	}
}

func TestTwoAuthorizationHeadersAreRefused(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), withTokens(t))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer boss-token", "authorization", "Bearer wrong")
	_, err := h.worker.GetClock(ctx, &frameportv1.GetClockRequest{})
	wantReason(t, err, codes.Unauthenticated, apierr.TokenInvalid)
}

// What a selector hides does not exist in lists, selectors, counts and streams.
func TestSelectorsMatchOnlyVisibleCameras(t *testing.T) {
	cameras := newFakeCameras(t)
	for id, site := range map[string]string{"a": "north", "b": "south"} {
		cameras.add(id, config.Camera{URL: "rtsp://192.0.2.1/" + id, Username: "u", Labels: map[string]string{"site": site}})
	}
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t))
	conn := h.as("north")
	ctx := t.Context()
	for selector, want := range map[string]int{"": 1, "site=north": 1, "site=south": 0, "site!=north": 0, "!gone": 1} {
		l, err := frameportv1.NewCameraServiceClient(conn).ListCameras(ctx, &frameportv1.ListCamerasRequest{LabelSelector: selector})
		if err != nil || int(l.GetTotalSize()) != want || len(l.GetCameras()) != want {
			t.Errorf("%q: %v, %v", selector, l, err)
		}
	}
	w, err := frameportv1.NewWorkerServiceClient(conn).GetWorker(ctx, &frameportv1.GetWorkerRequest{})
	if err != nil || w.GetWorker().GetCameras().GetTotal() != 1 {
		t.Errorf("counted %v, %v", w.GetWorker().GetCameras(), err)
	}
	events, err := frameportv1.NewCameraServiceClient(conn).WatchCameras(ctx, &frameportv1.WatchCamerasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []frameportv1.CameraEventType{current, synced} {
		if e, err := events.Recv(); err != nil || e.GetType() != kind || e.GetCamera().GetCameraId() == "b" {
			t.Errorf("event %v, %v", e, err)
		}
	}
	cameras.camera("b").publish(frame.Drops{})
	cameras.camera("a").publish(frame.Drops{})
	frames, err := frameportv1.NewFrameServiceClient(conn).StreamFrames(ctx, &frameportv1.StreamFramesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if f, err := frames.Recv(); err != nil || f.GetFrame().GetCameraId() != "a" {
			t.Fatalf("frame of %s, %v", f.GetFrame().GetCameraId(), err)
		}
		cameras.camera("b").publish(frame.Drops{})
		cameras.camera("a").publish(frame.Drops{})
	}
	// Where a camera is, is for those who may change it.
	get := func(who string) *frameportv1.CameraSpec {
		c, err := frameportv1.NewCameraServiceClient(h.as(who)).GetCamera(ctx, &frameportv1.GetCameraRequest{CameraId: "a"})
		if err != nil {
			t.Fatal(err)
		}
		return c.GetCamera().GetSpec()
	}
	if s := get("north"); s.GetUrl() != "" || s.GetCredentials() != nil || s.GetLabels()["site"] != "north" {
		t.Errorf("a viewer sees %v", s)
	}
	if s := get("north-control"); s.GetUrl() != "rtsp://192.0.2.1/a" || s.GetCredentials().GetUsername() != "u" {
		t.Errorf("a controller sees %v", s)
	}
}

// Nobody gets a camera into or out of the reach of a token with that token.
func TestChangesStayInScope(t *testing.T) {
	cameras := newFakeCameras(t)
	north := map[string]string{"site": "north"}
	cameras.add("a", config.Camera{URL: "rtsp://192.0.2.1/", Labels: north})
	var refused atomic.Int64
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t), func(c *Config) {
		c.Hooks.Refused = func(reason string) {
			if reason == string(apierr.PermissionDenied) {
				refused.Add(1)
			}
		}
	})
	c := frameportv1.NewCameraServiceClient(h.as("north-control"))
	ctx := t.Context()
	add := func(id string, labels map[string]string) error {
		_, err := c.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/", Labels: labels}})
		return err
	}
	wantReason(t, add("b", nil), codes.PermissionDenied, apierr.PermissionDenied)
	err := add("b", map[string]string{"site": "south"})
	wantReason(t, err, codes.PermissionDenied, apierr.PermissionDenied)
	if !strings.Contains(err.Error(), "site=north") {
		t.Errorf("which labels would do is not said: %v", err)
	}
	if err := add("b", north); err != nil {
		t.Error(err)
	}
	relabel := func(site string) error {
		_, err := c.UpdateCamera(ctx, &frameportv1.UpdateCameraRequest{CameraId: "a", Spec: &frameportv1.CameraSpec{Labels: map[string]string{"site": site}}})
		return err
	}
	wantReason(t, relabel("south"), codes.PermissionDenied, apierr.PermissionDenied)
	if snapshot, _ := cameras.Get("a"); snapshot.Spec.Labels["site"] != "north" {
		t.Error("the camera left the token's reach")
	}
	if n := refused.Load(); n != 3 {
		t.Errorf("%d refusals are counted, 2 adds and 1 update were refused", n)
	}
	if _, err := c.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: "a"}); err != nil {
		t.Error(err)
	}
	for _, line := range []string{
		"msg=audit call=AddCamera camera=b who=north-control from=127.0.0.1:", "outcome=PERMISSION_DENIED",
		"call=UpdateCamera camera=a who=north-control", "call=RemoveCamera camera=a who=north-control",
	} {
		if !strings.Contains(h.logs.String(), line) {
			t.Errorf("no audit line with %q", line)
		}
	}
	_, err = frameportv1.NewCameraServiceClient(h.as("viewer")).RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: "b"})
	wantReason(t, err, codes.PermissionDenied, apierr.PermissionDenied)
	if !strings.Contains(h.logs.String(), "call=RemoveCamera camera=b who=viewer") {
		t.Error("no audit line of a refused change")
	}
}

func TestOnlyAdminSeesTheInside(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), withTokens(t), func(c *Config) {
		c.Worker = func() *frameportv1.Worker {
			return &frameportv1.Worker{
				Version: "test", InstanceId: "x", Devices: []*frameportv1.Device{{Uuid: "GPU-1"}}, FrameHostBytes: 1, LiveFrames: 1,
				Backend: &frameportv1.BackendStatus{Kind: frameportv1.BackendKind_BACKEND_KIND_CUDA, Reason: "GPU-1"}, Access: &frameportv1.AccessStatus{Insecure: true},
			}
		}
	})
	for who, all := range map[string]bool{"viewer": false, "controller": false, "boss": true} {
		r, err := frameportv1.NewWorkerServiceClient(h.as(who)).GetWorker(t.Context(), &frameportv1.GetWorkerRequest{})
		w := r.GetWorker()
		if err != nil || w.GetInstanceId() != "x" || w.GetBackend().GetKind() != frameportv1.BackendKind_BACKEND_KIND_CUDA {
			t.Errorf("%s: %v, %v", who, w, err)
		}
		if got := len(w.GetDevices()) == 1; got != all || (w.GetBackend().GetReason() != "") != all || w.GetAccess().GetInsecure() != all || (w.GetLiveFrames() > 0) != all {
			t.Errorf("%s sees %v", who, w)
		}
	}
}
