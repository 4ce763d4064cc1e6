package server

import (
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
)

// What resolvers, dialers and cameras said reaches those who may change the camera, and
// nobody else, on no path.
func TestFaultTexts(t *testing.T) {
	const canary = "lookup c4mera.lan on 10.9.8.7:53: no such host"
	for name, state := range map[string]camera.State{"failed": camera.StateFailed, "degraded": camera.StateDegraded, "stalled": camera.StateStalled} {
		t.Run(name, func(t *testing.T) {
			cameras := newFakeCameras(t, "mine", "dark")
			for _, id := range []string{"mine", "dark"} {
				cameras.change(id, func(s *camera.Snapshot) {
					s.State, s.Cause = state, canary
					s.Fault = camera.FaultStatus{Class: fault.Unreachable, Message: canary, Count: 3}
					s.LastFault = camera.FaultStatus{Class: fault.Protocol, Message: canary, Count: 1}
				})
			}
			cameras.camera("mine").publish(frame.Drops{})
			h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t), func(c *Config) { c.Tensors = &fakeTensors{} })
			old := &frameportv1.GetFrameRequest{CameraId: "mine", MaxAge: durationpb.New(1), Wait: durationpb.New(1)}
			tell := func(conn *grpc.ClientConn) (all string) {
				for _, method := range h.registered() {
					if access()[method] != View || method == frameportv1.FrameService_ShareFrames_FullMethodName || method == frameportv1.InferenceService_StreamInferences_FullMethodName {
						continue
					}
					for _, id := range []string{"mine", "dark"} {
						if streams := []string{
							frameportv1.FrameService_StreamFrames_FullMethodName, frameportv1.FrameService_WatchFrames_FullMethodName,
							frameportv1.FrameService_StreamBatches_FullMethodName,
						}; id == "dark" && strings.Contains(strings.Join(streams, " "), method) {
							continue // they wait for a frame
						}
						text, err := invoke(t, conn, method, requests(id)[method].message)
						all += text
						if err != nil {
							all += err.Error()
						}
					}
				}
				text, err := invoke(t, conn, frameportv1.FrameService_GetFrame_FullMethodName, old)
				if err == nil {
					t.Errorf("no error: %s", text)
				} else {
					all += err.Error()
				}
				return all
			}
			for _, who := range []string{"viewer", "mine"} {
				all := tell(h.as(who))
				for _, word := range []string{"c4mera", "10.9.8.7", "lookup", "no such host"} {
					if strings.Contains(all, word) {
						t.Errorf("%s is told %q: %s", who, word, all)
					}
				}
				if want := "the camera can't be reached"; strings.Count(all, want) < 5 {
					t.Errorf("%s is not told %q where a fault is", who, want)
				}
			}
			for _, who := range []string{"controller", "boss"} {
				if n := strings.Count(tell(h.as(who)), canary); n < 10 {
					t.Errorf("%s is told the fault %d times only", who, n)
				}
			}
		})
	}
}

// A fault that comes while somebody watches has no more words than one that was there.
func TestFaultTextsOfEvents(t *testing.T) {
	const canary = "dial tcp 10.9.8.7:554: connect: no route to host"
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t))
	next := func(conn *grpc.ClientConn) (event func() proto.Message) {
		stream, err := frameportv1.NewCameraServiceClient(conn).WatchCameras(t.Context(), &frameportv1.WatchCamerasRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return func() proto.Message {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
	view, control := next(h.as("viewer")), next(h.as("controller"))
	for range 2 { // what is there, and SYNCED
		view()
		control()
	}
	cameras.change("door", func(s *camera.Snapshot) {
		s.Revision++
		s.Fault = camera.FaultStatus{Class: fault.Unreachable, Message: canary}
	})
	if text := protojson.Format(view()); strings.Contains(text, "10.9.8.7") || strings.Count(text, "can't be reached") != 2 {
		t.Errorf("view: %s", text)
	}
	if text := protojson.Format(control()); strings.Count(text, canary) != 2 {
		t.Errorf("control: %s", text)
	}
}

// Each class has a text of its own.
func TestClassTexts(t *testing.T) {
	seen := map[string]fault.Class{}
	for c := fault.None; c <= fault.Policy; c++ {
		text := classText(c)
		if other, twice := seen[text]; twice {
			t.Errorf("%v and %v are both %q", c, other, text)
		}
		seen[text] = c
	}
}
