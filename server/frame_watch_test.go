package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

// watch is an open WatchFrames stream.
type watch struct {
	t *testing.T
	frameportv1.FrameService_WatchFramesClient
}

func (h *harness) watch(start *frameportv1.WatchFramesStart) watch {
	h.t.Helper()
	stream, err := h.frame.WatchFrames(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	w := watch{h.t, stream}
	w.send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{Start: start}})
	return w
}

func (w watch) send(r *frameportv1.WatchFramesRequest) {
	w.t.Helper()
	if err := w.Send(r); err != nil && !errors.Is(err, io.EOF) {
		w.t.Fatal(err)
	}
}

func (w watch) grant(n int32) {
	w.t.Helper()
	w.send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: n}})
}

func (w watch) frame() *frameportv1.Frame {
	w.t.Helper()
	r, err := w.Recv()
	if err != nil {
		w.t.Fatal(err)
	}
	return r.GetFrame()
}

func wantReason(t *testing.T, err error, code codes.Code, reason apierr.Reason) {
	t.Helper()
	got, _ := apierr.ReasonOf(err)
	if status.Code(err) != code || got != reason {
		t.Errorf("got %v, want %v with reason %s", err, code, reason)
	}
}

func TestWatchFramesAnswersEachCreditWithTheNewestFrame(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(100))
	door := cameras.camera("door")
	door.publish(frame.Drops{})
	w := h.watch(&frameportv1.WatchFramesStart{CameraIds: []string{"door"}})
	if f := w.frame(); f.GetSequence() != 1 || !proto.Equal(f.GetSkipped(), &frameportv1.Skipped{}) {
		t.Fatalf("first frame: %v", f)
	}
	// Without credit nothing is sent; the next credit is answered with the newest.
	door.publish(frame.Drops{Policy: 3})
	door.publish(frame.Drops{Network: 5})
	door.publish(frame.Drops{Decode: 7})
	w.grant(1)
	f := w.frame()
	if f.GetSequence() != 4 {
		t.Fatalf("sequence %d, want the newest, 4", f.GetSequence())
	}
	want := &frameportv1.Skipped{Policy: 3, SlowConsumer: 2, Network: 5, Decode: 7}
	if !proto.Equal(f.GetSkipped(), want) {
		t.Fatalf("skipped %v, want %v", f.GetSkipped(), want)
	}
	// A credit that is there before the frame is answered when it comes.
	w.grant(1)
	door.publish(frame.Drops{})
	if f := w.frame(); f.GetSequence() != 5 || !proto.Equal(f.GetSkipped(), &frameportv1.Skipped{}) {
		t.Fatalf("got %v", f)
	}
	if f.GetSentTime().AsTime().Before(f.GetDecodedTime().AsTime()) || time.Since(f.GetSentTime().AsTime()) > time.Minute {
		t.Errorf("sent %v, decoded %v", f.GetSentTime().AsTime(), f.GetDecodedTime().AsTime())
	}
	// The stream ends when the client's side is closed and the credits are used.
	w.grant(2)
	if err := w.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for want := uint64(6); want <= 7; want++ {
		door.publish(frame.Drops{})
		if f := w.frame(); f.GetSequence() != want {
			t.Fatalf("sequence %d, want %d", f.GetSequence(), want)
		}
	}
	if _, err := w.Recv(); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, want the end", err)
	}
}

func TestWatchFramesCredits(t *testing.T) {
	for _, tc := range []struct {
		name    string
		initial *int32
		grants  []int32
		frames  int // frames that come when as many are published, one by one
		reason  apierr.Reason
	}{
		{name: "default is one", frames: 1},
		{name: "none to begin with", initial: proto.Int32(0), frames: 0},
		{name: "five", initial: proto.Int32(5), frames: 5},
		{name: "added up", initial: proto.Int32(2), grants: []int32{3}, frames: 5},
		{name: "most", initial: proto.Int32(64), frames: 64},
		{name: "negative to begin with", initial: proto.Int32(-1), reason: apierr.InvalidCredits},
		{name: "too many to begin with", initial: proto.Int32(65), reason: apierr.InvalidCredits},
		{name: "zero granted", grants: []int32{0}, reason: apierr.InvalidCredits},
		{name: "negative granted", grants: []int32{-5}, reason: apierr.InvalidCredits},
		{name: "huge granted", grants: []int32{1 << 30}, reason: apierr.InvalidCredits},
		{name: "too many outstanding", initial: proto.Int32(60), grants: []int32{5}, reason: apierr.InvalidCredits},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cameras := newFakeCameras(t, "door")
			h := newHarness(t, cameras, newFakeRenderer(10))
			w := h.watch(&frameportv1.WatchFramesStart{CameraIds: []string{"door"}, Credits: tc.initial})
			for _, n := range tc.grants {
				w.grant(n)
			}
			if tc.reason != "" {
				_, err := w.Recv()
				wantReason(t, err, codes.InvalidArgument, tc.reason)
				return
			}
			for i := range tc.frames {
				cameras.camera("door").publish(frame.Drops{})
				if f := w.frame(); f.GetSequence() != uint64(i+1) {
					t.Fatalf("frame %d has sequence %d", i+1, f.GetSequence())
				}
			}
			// One more frame finds no credit: the stream ends without it.
			cameras.camera("door").publish(frame.Drops{})
			if err := w.CloseSend(); err != nil {
				t.Fatal(err)
			}
			if r, err := w.Recv(); !errors.Is(err, io.EOF) {
				t.Fatalf("got %v, %v after the credits were used", r.GetFrame().GetSequence(), err)
			}
		})
	}
}

func TestWatchFramesIsFair(t *testing.T) {
	cameras := newFakeCameras(t, "a", "b", "c")
	h := newHarness(t, cameras, newFakeRenderer(10))
	all := func() {
		for _, id := range []string{"a", "b", "c"} {
			cameras.camera(id).publish(frame.Drops{})
		}
	}
	all()
	w := h.watch(&frameportv1.WatchFramesStart{})
	count := map[string]int{}
	for range 30 {
		count[w.frame().GetCameraId()]++
		all() // every camera has something new all the time
		cameras.camera("a").publish(frame.Drops{})
		w.grant(1)
	}
	for id, n := range count {
		if n != 10 {
			t.Errorf("camera %s got %d of 30 turns", id, n)
		}
	}
}

func TestWatchFramesFollowsLabels(t *testing.T) {
	cameras := newFakeCameras(t)
	in := config.Camera{URL: "rtsp://192.0.2.1/", Labels: map[string]string{"site": "in"}}
	cameras.add("a", in)
	cameras.add("b", config.Camera{URL: "rtsp://192.0.2.1/"})
	h := newHarness(t, cameras, newFakeRenderer(10))
	w := h.watch(&frameportv1.WatchFramesStart{LabelSelector: "site=in", Credits: proto.Int32(64)})
	cameras.camera("b").publish(frame.Drops{})
	cameras.camera("a").publish(frame.Drops{})
	if f := w.frame(); f.GetCameraId() != "a" {
		t.Fatalf("frame of %s", f.GetCameraId())
	}
	// b gets the label: its newest frame comes. c joins as a new camera.
	if _, err := cameras.Update(t.Context(), "b", func(c config.Camera) (config.Camera, error) { c.Labels = in.Labels; return c, nil }); err != nil {
		t.Fatal(err)
	}
	if f := w.frame(); f.GetCameraId() != "b" {
		t.Fatalf("frame of %s", f.GetCameraId())
	}
	cameras.add("c", in).publish(frame.Drops{})
	if f := w.frame(); f.GetCameraId() != "c" {
		t.Fatalf("frame of %s", f.GetCameraId())
	}
	// a goes; b and c go on.
	if err := cameras.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	cameras.camera("c").publish(frame.Drops{})
	if f := w.frame(); f.GetCameraId() != "c" || f.GetSequence() != 2 {
		t.Fatalf("frame %d of %s", f.GetSequence(), f.GetCameraId())
	}
}

func TestWatchFramesEndsWithItsLastNamedCamera(t *testing.T) {
	cameras := newFakeCameras(t, "a", "b")
	h := newHarness(t, cameras, newFakeRenderer(10))
	w := h.watch(&frameportv1.WatchFramesStart{CameraIds: []string{"a", "b"}, Credits: proto.Int32(9)})
	cameras.camera("a").publish(frame.Drops{})
	w.frame()
	for _, id := range []string{"a", "b"} {
		if err := cameras.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Recv()
	wantReason(t, err, codes.NotFound, apierr.CameraRemoved)
}

func TestWatchFramesMaxFPS(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(10))
	door := cameras.camera("door")
	door.publish(frame.Drops{})
	start := time.Now() // before the stream, whose first frame may be seen late
	w := h.watch(&frameportv1.WatchFramesStart{MaxFps: 5, Credits: proto.Int32(64)})
	w.frame()
	door.publish(frame.Drops{})
	door.publish(frame.Drops{})
	door.publish(frame.Drops{})
	f := w.frame()
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("second frame after %v at 5 frames per second", took)
	}
	if f.GetSequence() != 4 || !proto.Equal(f.GetSkipped(), &frameportv1.Skipped{Policy: 2}) {
		t.Errorf("sequence %d, skipped %v; want 4 and 2 by policy", f.GetSequence(), f.GetSkipped())
	}
}

func TestWatchFramesBadFirstMessage(t *testing.T) {
	h := newHarness(t, newFakeCameras(t, "door"), newFakeRenderer(10))
	start := &frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{Start: &frameportv1.WatchFramesStart{}}}
	for name, tc := range map[string]struct {
		send   []*frameportv1.WatchFramesRequest
		reason apierr.Reason
	}{
		"nothing":       {nil, apierr.StartRequired},
		"empty":         {[]*frameportv1.WatchFramesRequest{{}}, apierr.StartRequired},
		"credits first": {[]*frameportv1.WatchFramesRequest{{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}}}, apierr.StartRequired},
		"start twice":   {[]*frameportv1.WatchFramesRequest{start, start}, apierr.StartRepeated},
		"then empty":    {[]*frameportv1.WatchFramesRequest{start, {}}, apierr.InvalidCredits},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := h.frame.WatchFrames(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range tc.send {
				watch{t, stream}.send(m)
			}
			if len(tc.send) == 0 {
				_ = stream.CloseSend()
			}
			_, err = stream.Recv()
			wantReason(t, err, codes.InvalidArgument, tc.reason)
		})
	}
}

func TestStreamFramesSharesOneEncodeAmong200Readers(t *testing.T) {
	const readers, frames = 200, 5
	cameras := newFakeCameras(t, "door")
	r := newFakeRenderer(20_000)
	h := newHarness(t, cameras, r)
	conns := []frameportv1.FrameServiceClient{h.frame, frameportv1.NewFrameServiceClient(h.dial()), frameportv1.NewFrameServiceClient(h.dial())}
	got := make(chan uint64, readers)
	errs := make(chan error, readers)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range readers {
		go func() {
			stream, err := conns[i%len(conns)].StreamFrames(ctx, &frameportv1.StreamFramesRequest{CameraIds: []string{"door"}})
			for err == nil {
				var m *frameportv1.StreamFramesResponse
				if m, err = stream.Recv(); err == nil {
					if len(m.GetFrame().GetData()) != r.size || m.GetFrame().GetData()[0] != byte(m.GetFrame().GetSequence()) {
						err = fmt.Errorf("frame %d has other data", m.GetFrame().GetSequence())
						break
					}
					got <- m.GetFrame().GetSequence()
				}
			}
			errs <- err
		}()
	}
	for seq := range uint64(frames) {
		cameras.camera("door").publish(frame.Drops{})
		for range readers {
			select {
			case n := <-got:
				if n != seq+1 {
					t.Fatalf("sequence %d, want %d", n, seq+1)
				}
			case err := <-errs:
				t.Fatal(err)
			}
		}
	}
	if n := r.encodes.Load(); n != frames {
		t.Errorf("%d encodes of %d frames", n, frames)
	}
	cancel()
	for range readers {
		if err := <-errs; status.Code(err) != codes.Canceled {
			t.Error(err)
		}
	}
}
