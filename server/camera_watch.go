package server

import (
	"context"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/failpoint"
)

// WatchCameras implements the RPC. There is no queue of events: the watch remembers
// what it has told its client about each camera, and when something has changed it
// tells the difference. A slow client therefore gets the newest state and costs one
// snapshot per camera.
func (s *cameraService) WatchCameras(r *frameportv1.WatchCamerasRequest, stream grpc.ServerStreamingServer[frameportv1.WatchCamerasResponse]) error {
	choice, err := newChoice(r.GetCameraIds(), r.GetLabelSelector())
	if err != nil {
		return err
	}
	ctx := stream.Context()
	end, err := s.subscribe(ctx, frameportv1.CameraService_WatchCameras_FullMethodName, nil)
	if err != nil {
		return err
	}
	defer end()
	changed := make(chan struct{}, 1)
	stop := s.cfg.Cameras.Watch(changed)
	defer stop()

	w := cameraWatch{told: map[string]camera.Snapshot{}}
	for {
		looked := time.Now()
		behind := false
		for _, e := range w.difference(s.chosen(ctx, choice)) {
			err := s.send(ctx, frameportv1.CameraService_WatchCameras_FullMethodName, func() error { return stream.Send(e.message(s.describe(ctx, e.camera))) })
			if err != nil {
				return err
			}
			w.note(e)
			// What is left may be out of date when the client takes its time.
			if behind = time.Since(looked) > settle; behind {
				break
			}
		}
		if behind {
			continue
		}
		if !w.synced {
			w.synced = true
			err := s.send(ctx, frameportv1.CameraService_WatchCameras_FullMethodName, func() error {
				return stream.Send(&frameportv1.WatchCamerasResponse{
					Type: frameportv1.CameraEventType_CAMERA_EVENT_TYPE_SYNCED, Time: timestamppb.New(failpoint.Now()),
				})
			})
			if err != nil {
				return err
			}
		}
		if err := s.pause(ctx, changed); err != nil {
			return err
		}
	}
}

// pause waits for a change and then until a burst of them has settled.
func (s *Server) pause(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
	case <-s.stopping:
		return shuttingDown()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-time.After(settle):
		return nil
	case <-s.stopping:
		return shuttingDown()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// chosen returns the cameras that are chosen and visible now, by id, as the caller may
// know them.
func (s *Server) chosen(ctx context.Context, c choice) []camera.Snapshot {
	caller := auth.FromContext(ctx)
	chosen := slices.DeleteFunc(s.cfg.Cameras.List(), func(snapshot camera.Snapshot) bool {
		return !c.matches(snapshot.ID, snapshot.Spec) || !caller.Sees(View, snapshot.ID, snapshot.Spec.Labels)
	})
	for i, snapshot := range chosen {
		chosen[i] = Disclosed(caller, snapshot)
	}
	return chosen
}

// cameraWatch is what one client has been told.
type cameraWatch struct {
	told   map[string]camera.Snapshot
	synced bool // the current state has been told completely
}

// cameraEvent is one difference between what a client was told and what is.
type cameraEvent struct {
	kind   frameportv1.CameraEventType
	camera camera.Snapshot
	cause  string
	time   time.Time
	merged uint64 // earlier changes that this one stands for
}

func (e cameraEvent) message(c *frameportv1.Camera) *frameportv1.WatchCamerasResponse {
	return &frameportv1.WatchCamerasResponse{Type: e.kind, Cause: e.cause, Camera: c, Time: timestamppb.New(e.time), Merged: e.merged}
}

// difference returns what a client must be told so that it knows now: cameras that
// are gone first, then the others by id. A camera that was removed and added again
// between two looks is both.
func (w *cameraWatch) difference(now []camera.Snapshot) []cameraEvent {
	var out []cameraEvent
	clock := failpoint.Now() // of changes whose time nobody noted; it is at most a moment ago
	gone := maps.Clone(w.told)
	for _, c := range now {
		if old, known := w.told[c.ID]; known && old.AddedTime.Equal(c.AddedTime) {
			delete(gone, c.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		out = append(out, cameraEvent{kind: frameportv1.CameraEventType_CAMERA_EVENT_TYPE_REMOVED, camera: gone[id], time: clock})
	}
	for _, c := range now {
		old, known := w.told[c.ID]
		if _, replaced := gone[c.ID]; replaced {
			known = false
		}
		e := cameraEvent{camera: c, time: clock}
		if known && c.Changes > old.Changes {
			e.merged = c.Changes - old.Changes - 1
		}
		switch {
		case !known && !w.synced:
			e.kind, e.cause = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_CURRENT, c.Cause
			e.time = latest(c.StateTime, c.AddedTime)
		case !known:
			e.kind, e.time = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_ADDED, c.AddedTime
		case old.Revision == c.Revision:
			continue
		case !old.Spec.Equal(c.Spec):
			e.kind = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_SPEC_CHANGED
		case !old.StateTime.Equal(c.StateTime):
			e.kind, e.cause, e.time = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_STATUS_CHANGED, c.Cause, c.StateTime
		default:
			e.kind = frameportv1.CameraEventType_CAMERA_EVENT_TYPE_STATUS_CHANGED
			if old.Fault != c.Fault {
				e.cause = c.Fault.Message
			}
		}
		out = append(out, e)
	}
	return out
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// note remembers that e has been told.
func (w *cameraWatch) note(e cameraEvent) {
	if e.kind == frameportv1.CameraEventType_CAMERA_EVENT_TYPE_REMOVED {
		delete(w.told, e.camera.ID)
		return
	}
	w.told[e.camera.ID] = e.camera
}

// choice is which cameras a request means: those that satisfy both parts.
type choice struct {
	ids      map[string]bool // nil = all
	selector config.Selector
}

func newChoice(ids []string, selector string) (choice, error) {
	var c choice
	for _, id := range ids {
		if err := config.ValidCameraID(id); err != nil {
			return c, err
		}
		if c.ids == nil {
			c.ids = make(map[string]bool, len(ids))
		}
		c.ids[id] = true
	}
	var err error
	c.selector, err = config.ParseSelector(selector)
	return c, err
}

func (c choice) matches(id string, spec config.Camera) bool {
	return (c.ids == nil || c.ids[id]) && c.selector.Matches(spec.Labels)
}
