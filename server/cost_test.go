package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/internal/kservetest"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/server/quota"
)

// abroad makes connections look as if they came from another machine.
type abroad struct {
	net.Listener
	ip net.IP
}

type abroadConn struct {
	net.Conn
	from *net.TCPAddr
}

func (c abroadConn) RemoteAddr() net.Addr { return c.from }

func (l abroad) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return abroadConn{conn, &net.TCPAddr{IP: l.ip, Port: conn.RemoteAddr().(*net.TCPAddr).Port}}, nil
}

// clientsAt puts the clients of the first listener on another machine.
func clientsAt(ip string) func(*Config) {
	return func(c *Config) { c.Listeners[0] = abroad{c.Listeners[0], net.ParseIP(ip)} }
}

func allowing(l quota.Limits) func(*Config) {
	return func(c *Config) { c.Clients = quota.NewClients(l) }
}

func clockOver(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := frameportv1.NewWorkerServiceClient(conn).GetClock(ctx, &frameportv1.GetClockRequest{})
	return err
}

// A token may use so many connections, another one has its own, and a call that is
// refused is answered. When one is closed there is room again.
func TestConnectionsOfAToken(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), withTokens(t), allowing(quota.Limits{Connections: 2}))
	first, second, third := h.as("viewer"), h.as("viewer"), h.as("viewer")
	for _, conn := range []*grpc.ClientConn{first, second, first} {
		if err := clockOver(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	err := clockOver(t.Context(), third)
	wantReason(t, err, codes.ResourceExhausted, apierr.TooManyClientConnections)
	if !strings.Contains(err.Error(), "close those that are not needed") || apierr.Metadata(err)[apierr.MetaLimit] != "2" {
		t.Errorf("%v, %v", err, apierr.Metadata(err))
	}
	if err := clockOver(t.Context(), h.as("boss")); err != nil {
		t.Error(err)
	}
	// Its stream is refused, too, and a call of another token over the same connection is not.
	stream, err := frameportv1.NewCameraServiceClient(third).WatchCameras(t.Context(), &frameportv1.WatchCamerasRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	wantReason(t, err, codes.ResourceExhausted, apierr.TooManyClientConnections)
	_ = first.Close()
	eventually(t, "there is room", func() bool { return clockOver(t.Context(), third) == nil })
	if !strings.Contains(h.logs.String(), "reason=TOO_MANY_CLIENT_CONNECTIONS") {
		t.Error("nothing in the log")
	}
}

// Without a login it is the host that counts, and this machine's programs don't.
func TestConnectionsOfAHost(t *testing.T) {
	for ip, limited := range map[string]bool{"192.0.2.7": true, "127.0.0.1": false} {
		h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), clientsAt(ip), allowing(quota.Limits{Connections: 2}))
		for n := range 100 {
			err := clockOver(t.Context(), h.dial())
			if limited && n >= 2 {
				wantReason(t, err, codes.ResourceExhausted, apierr.TooManyClientConnections)
				break
			}
			if err != nil {
				t.Fatalf("%s: connection %d: %v", ip, n, err)
			}
		}
	}
}

// The caller of a unix socket is the operator, who is never locked out, also when the
// rest of the world has a token; but a token that is sent over it is that token.
func TestSocketsHaveNoLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), withTokens(t), allowing(quota.Limits{Connections: 1}), func(c *Config) {
		l, err := ListenUnix(t.Context(), path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		c.Listeners = append(c.Listeners, l)
	})
	h.address = "unix:" + path
	for range 5 {
		if err := clockOver(t.Context(), h.dial()); err != nil {
			t.Fatal(err)
		}
	}
	if err := clockOver(t.Context(), h.as("viewer")); err != nil {
		t.Fatal(err)
	}
	wantReason(t, clockOver(t.Context(), h.as("viewer")), codes.ResourceExhausted, apierr.TooManyClientConnections)
}

// Connections that bring no token don't use up those of clients who do.
func TestStrangersWait(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), withTokens(t), clientsAt("192.0.2.7"))
	for range 40 {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	eventually(t, "they are counted", func() bool { return h.server.Lobby().Refused() == 40-16 && h.server.Lobby().Waiting() == 16 })
	// A neighbour with a token gets in, when they have had the time to log in.
	conn := h.as("viewer")
	eventually(t, "a client of the same host is let in", func() bool { return clockOver(t.Context(), conn) == nil })
	if n := h.server.Lobby().Waiting(); n >= 16 {
		t.Errorf("%d wait: nobody gave way", n)
	}
}

// Health is answered to a host that has as many connections as it may.
func TestHealthWithoutAPlace(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), clientsAt("192.0.2.7"), allowing(quota.Limits{Connections: 1}))
	if err := clockOver(t.Context(), h.dial()); err != nil {
		t.Fatal(err)
	}
	probe := h.dial()
	wantReason(t, clockOver(t.Context(), probe), codes.ResourceExhausted, apierr.TooManyClientConnections)
	if _, err := healthv1.NewHealthClient(probe).Check(t.Context(), &healthv1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Error(err)
	}
}

// streamsOf opens a stream of a method about camera id, waits for its first answer, and
// leaves it open until ctx ends.
func streamsOf(ctx context.Context, h *harness, conn *grpc.ClientConn, method, id string) error {
	h.t.Helper()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(requests(id)[method].message); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !descriptor(h.t, method).IsStreamingClient() {
		_ = stream.CloseSend() // an error is that of RecvMsg, too
	}
	return stream.RecvMsg(dynamicpb.NewMessage(descriptor(h.t, method).Output()))
}

// All methods that deliver are on one account, and the limit of one camera holds across
// them.
func TestStreamsOfAToken(t *testing.T) {
	cameras := newFakeCameras(t, "door", "yard", "gate")
	for _, id := range []string{"door", "yard", "gate"} {
		cameras.camera(id).publish(frame.Drops{})
	}
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t), allowing(quota.Limits{Streams: 3, CameraStreams: 3}), func(c *Config) { c.Tensors = &fakeTensors{} })
	_, address := kservetest.Start(t, kservetest.Config{Models: map[string]*kservetest.Model{"means": kservetest.Means(4, 4)}})
	h.server.cfg.InferenceServers = []*inference.Server{inferenceClient(t, "first", address, 0)}
	viewer := h.as("viewer")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const (
		frames  = frameportv1.FrameService_StreamFrames_FullMethodName
		watch   = frameportv1.FrameService_WatchFrames_FullMethodName
		batches = frameportv1.FrameService_StreamBatches_FullMethodName
		states  = frameportv1.CameraService_WatchCameras_FullMethodName
		worker  = frameportv1.WorkerService_WatchWorker_FullMethodName
	)
	for _, s := range [][2]string{{frames, "door"}, {watch, "door"}, {batches, "door"}, {frames, "yard"}, {states, "door"}} {
		if err := streamsOf(ctx, h, viewer, s[0], s[1]); err != nil {
			t.Fatalf("%s: %v", s[0], err)
		}
	}
	// Of door there are 3; 2 beyond the first of door and the states are 3.
	for _, method := range []string{
		frames, watch, batches, frameportv1.FrameService_ShareFrames_FullMethodName, frameportv1.InferenceService_StreamInferences_FullMethodName,
	} {
		err := streamsOf(ctx, h, viewer, method, "door")
		wantReason(t, err, codes.ResourceExhausted, apierr.TooManyClientStreams)
		if apierr.Metadata(err)[apierr.MetaCameraID] != "door" {
			t.Errorf("%s: %v", method, err)
		}
	}
	for _, s := range [][2]string{{frames, "yard"}, {states, "yard"}, {worker, ""}} {
		err := streamsOf(ctx, h, viewer, s[0], s[1])
		wantReason(t, err, codes.ResourceExhausted, apierr.TooManyClientStreams)
		if apierr.Metadata(err)[apierr.MetaCameraID] != "" {
			t.Errorf("%s: %v", s[0], err)
		}
	}
	if err := streamsOf(ctx, h, viewer, frames, "gate"); err != nil { // the first one of another camera
		t.Error(err)
	}
	if err := streamsOf(ctx, h, h.as("controller"), states, "door"); err != nil {
		t.Error(err)
	}
	cancel()
	eventually(t, "what has ended does not count", func() bool {
		return streamsOf(t.Context(), h, viewer, frames, "door") == nil
	})
}

// A stream that has ended is on no account, of whichever method it was.
func TestStreamsThatHaveEnded(t *testing.T) {
	h := newSharingWith(t, folderOf(t), 0, func(c *Config) {
		withTokens(t)(c)
		allowing(quota.Limits{Streams: 1, CameraStreams: 1})(c)
	}, "door")
	door := h.cameras.camera("door")
	door.publish(frame.Drops{})
	_, address := kservetest.Start(t, kservetest.Config{Models: map[string]*kservetest.Model{"means": kservetest.Means(4, 4)}})
	h.server.cfg.InferenceServers = []*inference.Server{inferenceClient(t, "first", address, 0)}
	viewer := h.as("viewer")

	const sharing = frameportv1.FrameService_ShareFrames_FullMethodName
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _ = streamsOf(ctx, h.harness, viewer, sharing, "door") }() // there is nothing to share
	eventually(t, "the camera to be asked", func() bool { return door.sharing.Load() > 0 })
	cancel()
	// Each takes the only place for door, or beside it, and waits for the one before.
	for _, method := range []string{
		frameportv1.FrameService_StreamFrames_FullMethodName, frameportv1.FrameService_WatchFrames_FullMethodName, frameportv1.FrameService_StreamBatches_FullMethodName,
		frameportv1.InferenceService_StreamInferences_FullMethodName, frameportv1.FrameService_StreamFrames_FullMethodName,
		frameportv1.CameraService_WatchCameras_FullMethodName, frameportv1.WorkerService_WatchWorker_FullMethodName, frameportv1.CameraService_WatchCameras_FullMethodName,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		eventually(t, "room for "+method, func() bool {
			err := streamsOf(ctx, h.harness, viewer, method, "door")
			if err != nil {
				wantReason(t, err, codes.ResourceExhausted, apierr.TooManyClientStreams)
			}
			return err == nil
		})
		cancel()
	}
}

// A program with one stream for each of more than 64 cameras is no case for the limit.
func TestAFleetReadCameraByCamera(t *testing.T) {
	cameras := newFakeCameras(t)
	for i := range 90 {
		cameras.add(fmt.Sprint("camera-", i), specOf()).publish(frame.Drops{})
	}
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t))
	viewer := h.as("viewer")
	for i := range 90 {
		if err := streamsOf(t.Context(), h, viewer, frameportv1.FrameService_StreamFrames_FullMethodName, fmt.Sprint("camera-", i)); err != nil {
			t.Fatalf("camera %d: %v", i, err)
		}
	}
}

// control is a client that may change cameras.
func (h *harness) adding(name string) func(id string, labels ...string) error {
	c := frameportv1.NewCameraServiceClient(h.as(name))
	return func(id string, labels ...string) error {
		spec := &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/" + id}
		if len(labels) > 0 {
			spec.Labels = map[string]string{"site": labels[0]}
		}
		_, err := c.AddCamera(h.t.Context(), &frameportv1.AddCameraRequest{CameraId: id, Spec: spec})
		return err
	}
}

// A token of role control changes cameras so fast and no faster; admin as it likes.
func TestChangesOfAToken(t *testing.T) {
	cameras := newFakeCameras(t)
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t), allowing(quota.Limits{Changes: 3}))
	add := h.adding("controller")
	for i := range 2 {
		if err := add(fmt.Sprint("camera-", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := add("Bad id"); status.Code(err) != codes.InvalidArgument { // which dials nothing
		t.Error(err)
	}
	update := func() error {
		_, err := frameportv1.NewCameraServiceClient(h.as("controller")).UpdateCamera(t.Context(),
			&frameportv1.UpdateCameraRequest{CameraId: "camera-0", Spec: &frameportv1.CameraSpec{Labels: map[string]string{"a": "b"}}})
		return err
	}
	if err := update(); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{add("camera-3"), update()} {
		wantReason(t, err, codes.ResourceExhausted, apierr.TooManyChanges)
		if after, ok := apierr.RetryDelay(err); !ok || after <= 0 || after.Seconds() > 20 {
			t.Errorf("come back after %v", after)
		}
	}
	// What is there can be taken away, whatever else.
	if _, err := frameportv1.NewCameraServiceClient(h.as("controller")).RemoveCamera(t.Context(), &frameportv1.RemoveCameraRequest{CameraId: "camera-1"}); err != nil {
		t.Error(err)
	}
	boss := h.adding("boss")
	for i := range 20 {
		if err := boss(fmt.Sprint("of-boss-", i)); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(h.logs.String(), "call=AddCamera camera=camera-3 who=controller") {
		t.Error("no audit line of a refused change")
	}
}

// max_cameras counts the cameras of the token, whoever added them, and also after a
// restart, since nothing is remembered of who did.
func TestCamerasOfAToken(t *testing.T) {
	keys, err := auth.OpenKeys(authtest.File(t, tokenFile("name: tenant, role: control, cameras: {labels: site=east}, max_cameras: 3, hash: "+authtest.Hash("tenant-token"))))
	if err != nil {
		t.Fatal(err)
	}
	cameras := newFakeCameras(t, "elsewhere", "far")
	cameras.add("east-declared", config.Camera{URL: "rtsp://192.0.2.1/", Labels: map[string]string{"site": "east"}})
	h := newHarness(t, cameras, newFakeRenderer(10), func(c *Config) { c.Access = &auth.Gate{Keys: keys} })
	add, boss := h.adding("tenant"), h.adding("boss")
	if err := add("east-1", "east"); err != nil {
		t.Fatal(err)
	}
	// Many at once are not more than one after the other.
	results := make(chan error, 8)
	for i := range cap(results) {
		go func() { results <- add(fmt.Sprint("east-many-", i), "east") }()
	}
	added := 0
	for range cap(results) {
		if err := <-results; err == nil {
			added++
		} else {
			wantReason(t, err, codes.ResourceExhausted, apierr.TooManyClientCameras)
			if m := apierr.Metadata(err); m[apierr.MetaLimit] != "3" || !strings.Contains(err.Error(), "raise its max_cameras") {
				t.Errorf("%v, %v", err, m)
			}
		}
	}
	if added != 1 {
		t.Errorf("%d of 8 were added, there was room for 1", added)
	}
	if err := add("east-1", "east"); err != nil { // it is there, with the same spec
		t.Errorf("added again: %v", err)
	}
	wantReason(t, add("east-declared", "east"), codes.AlreadyExists, apierr.CameraAlreadyExists)
	if err := boss("east-of-boss", "east"); err != nil {
		t.Error(err)
	}
	if err := boss("west", "west"); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"east-1", "east-of-boss"} { // 4 of 3: two must go
		wantReason(t, add("east-new", "east"), codes.ResourceExhausted, apierr.TooManyClientCameras)
		_ = cameras.Remove(t.Context(), id)
	}
	if err := add("east-new", "east"); err != nil {
		t.Error(err)
	}
}

// A stored password can't be guessed by adding its camera again: not by more tries than
// the camera would bear, and not by all of them at once.
func TestGuessingPasswords(t *testing.T) {
	cameras := newFakeCameras(t)
	spec := config.Camera{URL: "rtsp://192.0.2.1/", Username: "admin", Password: secret.New("c4nary")}
	spec.EnsureDefaults()
	cameras.add("door", spec)
	cameras.add("yard", spec)
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t))
	conns := map[string]*grpc.ClientConn{"controller": h.as("controller"), "boss": h.as("boss")}
	add := func(who, id, password string) error {
		_, err := frameportv1.NewCameraServiceClient(conns[who]).AddCamera(t.Context(), &frameportv1.AddCameraRequest{CameraId: id, Spec: &frameportv1.CameraSpec{
			Url: spec.URL, Credentials: &frameportv1.Credentials{Username: "admin", Password: password},
		}})
		return err
	}
	for range 5 { // a script that runs again and again
		if err := add("controller", "door", "c4nary"); err != nil {
			t.Fatal(err)
		}
	}
	results := make(chan error, 20)
	for i := range cap(results) {
		go func() { results <- add("controller", "door", fmt.Sprint("guess-", i)) }()
	}
	told := 0
	for range cap(results) {
		err := <-results
		wantReason(t, err, codes.AlreadyExists, apierr.CameraAlreadyExists)
		if strings.Contains(err.Error(), "with another spec") {
			told++
		}
	}
	if told != maxGuesses {
		t.Errorf("%d guesses were judged", told)
	}
	right, wrong := add("controller", "door", "c4nary"), add("controller", "door", "wrong")
	wantReason(t, right, codes.AlreadyExists, apierr.CameraAlreadyExists)
	if right.Error() != wrong.Error() {
		t.Errorf("the right one is told: %v; a wrong one: %v", right, wrong)
	}
	for _, c := range [][2]string{{"controller", "yard"}, {"boss", "door"}} { // another camera; who may do everything
		if err := add(c[0], c[1], "c4nary"); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// What has been guessed is forgotten in time.
func TestGuessesAreForgotten(t *testing.T) {
	var g guesses
	now := time.Now()
	for range maxGuesses {
		if g.over("door", now) {
			t.Fatal("over too early")
		}
		g.wrong("door", now)
	}
	if !g.over("door", now.Add(guessTime-1)) || g.over("door", now.Add(guessTime)) || g.over("yard", now) {
		t.Error("not for its time, or for others")
	}
	g.wrong("yard", now.Add(guessTime))
	if len(g.of) != 1 {
		t.Errorf("left over: %v", g.of)
	}
}

// Bytes that are no message are the client's fault, not the worker's, and nobody learns
// more of them without a login.
func TestRequestsThatCantBeRead(t *testing.T) {
	h := newHarness(t, newFakeCameras(t), newFakeRenderer(10), withTokens(t), func(c *Config) { c.Tensors = &fakeTensors{} })
	conn, nobody := h.as("boss"), h.as("")
	for _, method := range h.registered() {
		for name, bytes := range map[string]string{"broken": "\xff", "mark": unreadable} {
			err := send(t.Context(), conn, method, []byte(bytes))
			wantReason(t, err, codes.InvalidArgument, apierr.InvalidMessage)
			if access()[method] != Anyone {
				if err := send(t.Context(), nobody, method, []byte(bytes)); status.Code(err) != codes.Unauthenticated {
					t.Errorf("%s, %s, without a token: %v", method, name, err)
				}
			}
		}
	}
	err := send(t.Context(), conn, frameportv1.CameraService_GetCamera_FullMethodName, []byte("\x0a\x02\xff\xfe")) // an id that is not UTF-8
	wantReason(t, err, codes.InvalidArgument, apierr.InvalidMessage)
}
