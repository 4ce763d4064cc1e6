package server

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

// revocable is a server whose auth file can be replaced.
type revocable struct {
	*harness
	path string
	keys *auth.Keys
}

func newRevocable(t *testing.T, cameras *fakeCameras, text string) *revocable {
	t.Helper()
	r := &revocable{path: authtest.File(t, text)}
	var err error
	if r.keys, err = auth.OpenKeys(r.path); err != nil {
		t.Fatal(err)
	}
	r.harness = newHarness(t, cameras, newFakeRenderer(10), func(c *Config) {
		c.Access, c.Tensors = &auth.Gate{Keys: r.keys}, &fakeTensors{}
	})
	return r
}

// file puts another file in force.
func (r *revocable) file(text string) {
	r.t.Helper()
	authtest.Write(r.t, r.path, []byte(text))
	if changed, err := r.keys.Reload(); !changed || err != nil {
		r.t.Fatalf("changed %v, %v", changed, err)
	}
}

// tokenOf is an auth file with one token, of whoever.
func tokenOf(rights string) string {
	return fmt.Sprintf("tokens: [{name: app, hash: %s, %s}]", authtest.Hash("app-token"), rights)
}

// receive receives until the stream ends.
func receive[M any](stream interface{ Recv() (M, error) }) (end chan error) {
	end = make(chan error, 1)
	go func() {
		for {
			if _, err := stream.Recv(); err != nil {
				end <- err
				return
			}
		}
	}()
	return end
}

// streams opens every kind of stream that a camera's viewer can have, by name.
func streams(t *testing.T, conn *grpc.ClientConn, ids ...string) map[string]chan error {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil && !errors.Is(err, io.EOF) { // which Recv explains
			t.Fatal(err)
		}
	}
	cameras, frames, worker := frameportv1.NewCameraServiceClient(conn), frameportv1.NewFrameServiceClient(conn), frameportv1.NewWorkerServiceClient(conn)
	events, err := cameras.WatchCameras(ctx, &frameportv1.WatchCamerasRequest{CameraIds: ids})
	must(err)
	stream, err := frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{CameraIds: ids})
	must(err)
	watch, err := frames.WatchFrames(ctx)
	must(err)
	must(watch.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{Start: &frameportv1.WatchFramesStart{CameraIds: ids}}}))
	batches, err := frames.StreamBatches(ctx)
	must(err)
	must(batches.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{
		Start: &frameportv1.StreamBatchesStart{CameraIds: ids, Tensor: &frameportv1.TensorSpec{Width: 8, Height: 8}},
	}}))
	share, err := frames.ShareFrames(ctx)
	must(err)
	must(share.Send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Open{Open: &frameportv1.ShareOpen{CameraId: "door"}}}))
	state, err := worker.WatchWorker(ctx, &frameportv1.WatchWorkerRequest{})
	must(err)
	idle, err := frames.WatchFrames(ctx) // that has not even begun
	must(err)
	must(idle.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{Start: &frameportv1.WatchFramesStart{CameraIds: ids, Credits: int32p(0)}}}))
	return map[string]chan error{
		"WatchCameras": receive(events), "StreamFrames": receive(stream), "WatchFrames": receive(watch), "StreamBatches": receive(batches),
		"ShareFrames": receive(share), "WatchWorker": receive(state), "WatchFrames without credits": receive(idle),
	}
}

// open waits until n streams follow the camera.
func (r *revocable) open(id string, n int) {
	r.t.Helper()
	eventually(r.t, "the streams are open", func() bool { return r.cameras.camera(id).ring.Readers() >= n })
}

// A token that is taken out of the file loses its open streams, and a call that waits
// for a frame gets none.
func TestWithdrawnTokenLosesItsStreams(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	r := newRevocable(t, cameras, tokenOf("role: view"))
	conn := r.as("app")
	all := streams(t, conn, "door")
	waiting := make(chan error, 1)
	go func() {
		_, err := frameportv1.NewFrameServiceClient(conn).GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: "door", Wait: durationpb.New(maxWait)})
		waiting <- err
	}()
	r.open("door", 6) // five streams, and GetFrame
	r.file("tokens: []")
	for name, end := range all {
		if err := <-end; !strings.Contains(err.Error(), "does not take this token") {
			t.Errorf("%s ended with %v", name, err)
		} else {
			wantReason(t, err, codes.Unauthenticated, apierr.TokenInvalid)
		}
	}
	cameras.camera("door").publish(frame.Drops{})
	if err := <-waiting; err == nil {
		t.Error("GetFrame returned a picture")
	}
}

// A token whose cameras become fewer keeps what it may have.
func TestNarrowedTokenLosesCameras(t *testing.T) {
	cameras := newFakeCameras(t, "door", "yard")
	r := newRevocable(t, cameras, tokenOf("role: control"))
	conn := r.as("app")
	frames := frameportv1.NewFrameServiceClient(conn)
	one, err := frames.StreamFrames(t.Context(), &frameportv1.StreamFramesRequest{CameraIds: []string{"door"}})
	if err != nil {
		t.Fatal(err)
	}
	every, err := frames.StreamFrames(t.Context(), &frameportv1.StreamFramesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := frameportv1.NewCameraServiceClient(conn).WatchCameras(t.Context(), &frameportv1.WatchCamerasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := events.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	r.open("door", 2)
	r.file(tokenOf("role: view, cameras: {ids: [yard]}"))
	_, err = one.Recv()
	wantReason(t, err, codes.NotFound, apierr.CameraRemoved)
	if e, err := events.Recv(); err != nil || e.GetType() != removedEvent || e.GetCamera().GetCameraId() != "door" {
		t.Errorf("event %v, %v", e, err)
	}
	eventually(t, "the stream of all has let go of the camera", func() bool { return cameras.camera("door").ring.Readers() == 0 })
	cameras.camera("door").publish(frame.Drops{})
	cameras.camera("yard").publish(frame.Drops{})
	if f, err := every.Recv(); err != nil || f.GetFrame().GetCameraId() != "yard" {
		t.Errorf("frame of %q, %v", f.GetFrame().GetCameraId(), err)
	}
}

// A camera that is given other labels leaves the streams of those who see by labels.
func TestRelabelledCameraLeavesStreams(t *testing.T) {
	cameras := newFakeCameras(t)
	cameras.add("door", config.Camera{URL: "rtsp://192.0.2.1/", Labels: map[string]string{"site": "north"}})
	r := newRevocable(t, cameras, tokenOf("role: view, cameras: {labels: site=north}"))
	all := streams(t, r.as("app"), "door")
	r.open("door", 5)
	if _, err := cameras.Update(t.Context(), "door", func(c config.Camera) (config.Camera, error) {
		c.Labels = map[string]string{"site": "south"}
		return c, nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"StreamFrames", "WatchFrames", "StreamBatches", "ShareFrames", "WatchFrames without credits"} {
		wantReason(t, <-all[name], codes.NotFound, apierr.CameraRemoved)
	}
}

// Streams end when the token's time is over, without a change of the file.
func TestExpiredTokenLosesItsStreams(t *testing.T) {
	r := newRevocable(t, newFakeCameras(t, "door"), tokenOf("role: view, expires: "+time.Now().Add(2*time.Second).Format(time.RFC3339)))
	for _, end := range streams(t, r.as("app"), "door") {
		wantReason(t, <-end, codes.Unauthenticated, apierr.TokenExpired)
	}
}
