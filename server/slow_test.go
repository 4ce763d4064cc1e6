package server

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
)

func TestStreamFramesEndsForAClientThatNeverReads(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(100_000), func(c *Config) { c.SlowConsumer = 200 * time.Millisecond })
	door := cameras.camera("door")
	stuck, err := frameportv1.NewFrameServiceClient(h.dial(grpc.WithStaticStreamWindowSize(64<<10))).
		StreamFrames(t.Context(), &frameportv1.StreamFramesRequest{CameraIds: []string{"door"}})
	if err != nil {
		t.Fatal(err)
	}
	// Another client goes on at full speed while the first one is stuck.
	other := h.watch(&frameportv1.WatchFramesStart{CameraIds: []string{"door"}})
	received := uint64(0)
	for h.slow.Load() == 0 {
		id := door.publish(frame.Drops{})
		f := other.frame()
		if f.GetSequence() != id.Sequence {
			t.Fatalf("the other client got frame %d, not %d", f.GetSequence(), id.Sequence)
		}
		other.grant(1)
		received++
	}
	// When the client reads at last it gets what was in flight and then the reason.
	last, inFlight := uint64(0), 0
	for {
		m, err := stuck.Recv()
		if err != nil {
			wantReason(t, err, codes.ResourceExhausted, apierr.SlowConsumer)
			break
		}
		if m.GetFrame().GetSequence() <= last {
			t.Errorf("frame %d after %d", m.GetFrame().GetSequence(), last)
		}
		last = m.GetFrame().GetSequence()
		inFlight++
	}
	// The client's window of 64 KiB and gRPC's buffer of 64 KiB hold 2 frames of 100 kB.
	if inFlight > 4 {
		t.Errorf("%d frames were buffered for a client that did not read", inFlight)
	}
	if received < uint64(inFlight) {
		t.Errorf("the other client got %d frames only", received)
	}
	eventually(t, "frames are released", func() bool { return cameras.account.Frames() <= 4 })
}

func TestSkippedIsExactForASlowReader(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(50_000))
	door := cameras.camera("door")
	stream, err := frameportv1.NewFrameServiceClient(h.dial(grpc.WithStaticStreamWindowSize(64<<10))).
		StreamFrames(t.Context(), &frameportv1.StreamFramesRequest{CameraIds: []string{"door"}})
	if err != nil {
		t.Fatal(err)
	}
	door.publish(frame.Drops{})
	first, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	total := &frameportv1.Skipped{}
	got := uint64(1)
	const frames = 300
	for range frames {
		door.publish(frame.Drops{Policy: 1, Network: 2, Decode: 3})
	}
	last := first.GetFrame()
	for last.GetSequence() != frames+1 {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		s := m.GetFrame().GetSkipped()
		if m.GetFrame().GetSequence() != last.GetSequence()+1+s.GetSlowConsumer() {
			t.Fatalf("frame %d after %d, but slow_consumer is %d", m.GetFrame().GetSequence(), last.GetSequence(), s.GetSlowConsumer())
		}
		last = m.GetFrame()
		got++
		total.Policy += s.GetPolicy()
		total.SlowConsumer += s.GetSlowConsumer()
		total.Network += s.GetNetwork()
		total.Decode += s.GetDecode()
	}
	want := &frameportv1.Skipped{Policy: frames, Network: 2 * frames, Decode: 3 * frames, SlowConsumer: frames + 1 - got}
	if !proto.Equal(total, want) {
		t.Errorf("skipped %v, want %v", total, want)
	}
	if total.GetSlowConsumer() == 0 {
		t.Error("nothing was skipped; the test shows nothing")
	}
}

// A client whose connection is open and whose HTTP/2 windows are closed, below gRPC: it
// opens a stream with a window of nothing. While its picture is rendered it holds one
// frame, however many come, and afterwards none: one picture lies in gRPC, one waits for
// that, and nothing more is made for it until it is cut.
func TestDeadClientCostsOneFrame(t *testing.T) {
	const ringSize = 4 // of a fake camera
	var (
		cameras  *fakeCameras
		slow     atomic.Int64
		renderer = newFakeRenderer(1_000_000)
	)
	inBubble(t, func(t *testing.T, l *pipeListener) {
		conn := l.dial("127.0.0.1")
		stopped := make(chan time.Time, 1)
		fr := http2.NewFramer(conn, conn)
		go func() { // what the server says is read, but no window is opened
			defer conn.Close()
			for {
				if _, err := fr.ReadFrame(); err != nil {
					break
				}
			}
			if took := time.Since(<-stopped); took > DefaultDrain+time.Second {
				t.Errorf("shutdown took %v", took)
			}
		}()
		_, _ = io.WriteString(conn, http2.ClientPreface)
		if err := fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
			t.Fatal(err)
		}
		c := rawOver(t, conn, fr)
		c.request(c.open(frameportv1.FrameService_StreamFrames_FullMethodName), &frameportv1.StreamFramesRequest{CameraIds: []string{"door"}})

		door := cameras.camera("door")
		publish := func(n int, held int64) {
			t.Helper()
			for range n {
				door.publish(frame.Drops{})
				<-time.After(40 * time.Millisecond) // of the bubble
				synctest.Wait()
				if got := cameras.account.Frames(); got > ringSize+held {
					t.Fatalf("%d frames live, of which the ring has %d", got, ringSize)
				}
			}
			if got := cameras.account.Frames(); got != ringSize+held {
				t.Errorf("%d frames live, want the ring's %d and %d", got, ringSize, held)
			}
		}
		publish(20, 1) // the first one is being rendered
		close(renderer.hold)
		synctest.Wait()
		publish(200, 0)
		if n := renderer.encodes.Load(); n != 2 || slow.Load() != 0 {
			t.Errorf("%d pictures were made for a client that takes none, which was cut %d times", n, slow.Load())
		}
		<-time.After(DefaultSlowConsumer) // of the bubble
		publish(20, 0)
		if n := renderer.encodes.Load(); n != 2 || slow.Load() != 1 {
			t.Errorf("%d pictures after it was cut %d times", n, slow.Load())
		}
		stopped <- time.Now()
	}, func(c *Config) {
		cameras = c.Cameras.(*fakeCameras)
		renderer.hold = make(chan struct{})
		c.Renderer = renderer
		c.Hooks.SlowConsumer = func(string) { slow.Add(1) }
	})
}

func TestShutdownUnderLoad(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(10_000))
	door := cameras.camera("door")
	const each = 20
	results := make(chan error, 10*each)
	start := func(name string, open func(ctx context.Context) (recv func() error, err error)) {
		for range each {
			recv, err := open(context.Background())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			go func() {
				var err error
				for err == nil {
					err = recv()
				}
				results <- fmt.Errorf("%s: %w", name, err)
			}()
		}
	}
	start("stream", func(ctx context.Context) (func() error, error) {
		s, err := h.frame.StreamFrames(ctx, &frameportv1.StreamFramesRequest{})
		return func() error { _, err := s.Recv(); return err }, err
	})
	start("watch", func(ctx context.Context) (func() error, error) {
		s, err := h.frame.WatchFrames(ctx)
		if err == nil {
			err = s.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{Start: &frameportv1.WatchFramesStart{}}})
		}
		return func() error {
			_, err := s.Recv()
			if err == nil {
				_ = s.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}})
			}
			return err
		}, err
	})
	start("silent watch", func(ctx context.Context) (func() error, error) {
		s, err := h.frame.WatchFrames(ctx)
		return func() error { _, err := s.Recv(); return err }, err
	})
	start("cameras", func(ctx context.Context) (func() error, error) {
		s, err := h.camera.WatchCameras(ctx, &frameportv1.WatchCamerasRequest{})
		return func() error { _, err := s.Recv(); return err }, err
	})
	conn := frameportv1.NewFrameServiceClient(h.dial())
	start("get", func(ctx context.Context) (func() error, error) {
		return func() error {
			_, err := conn.GetFrame(ctx, &frameportv1.GetFrameRequest{CameraId: "door", NewerThan: &frameportv1.FramePosition{Epoch: 1, Sequence: 1 << 60}, Wait: durationOf(time.Minute)})
			return err
		}, nil
	})
	health, err := healthv1.NewHealthClient(h.dial()).Watch(t.Context(), &healthv1.HealthCheckRequest{Service: "frameport.v1.FrameService"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := health.Recv(); err != nil || r.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("health: %v, %v", r, err)
	}
	stopPublishing, opened := make(chan struct{}), make(chan struct{})
	published := make(chan struct{})
	go func() {
		defer close(published)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			if n == 20 {
				close(opened)
			}
			select {
			case <-tick.C:
				door.publish(frame.Drops{})
			case <-stopPublishing:
				return
			}
		}
	}()
	<-opened
	begin := time.Now()
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	close(stopPublishing)
	<-published
	for range 5 * each {
		err := <-results
		reason, _ := apierr.ReasonOf(err)
		if status.Code(err) != codes.Unavailable || reason != apierr.ShuttingDown {
			t.Errorf("a client saw %v", err)
		}
	}
}
