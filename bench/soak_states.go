package main

import (
	"context"
	"strings"
	"sync"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/invariant"
)

// askStatuses is how often the statuses of all cameras are asked for, beside being told.
const askStatuses = 10 * time.Second

// told is what the worker says of its cameras by one way, and what that breaks: I6, I7 and
// the counts of I1. It also keeps when attempts were announced for.
type told struct {
	found  *findings
	judges map[string]*invariant.States

	mu    sync.Mutex
	waits map[string][]wait // by camera, in order
}

func newTold(f *findings) *told {
	return &told{found: f, judges: map[string]*invariant.States{}, waits: map[string][]wait{}}
}

// take judges a camera's status. By is a moment at which it was known.
func (t *told) take(c *frameportv1.Camera, by time.Time) {
	id := c.GetCameraId()
	if t.judges[id] == nil {
		t.judges[id] = &invariant.States{}
	}
	t.found.add(id, t.judges[id].Next(statusOf(c.GetStatus()), by)...)
	if f := c.GetStatus().GetFault(); f.GetNextAttemptTime() != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		w := wait{f.GetLastTime().AsTime(), f.GetNextAttemptTime().AsTime(), f.GetClass()}
		if old := t.waits[id]; len(old) == 0 || old[len(old)-1] != w {
			t.waits[id] = append(old, w)
		}
	}
}

// event judges what WatchCameras tells.
func (t *told) event(e *frameportv1.WatchCamerasResponse, by time.Time) {
	switch {
	case e.GetCamera() == nil: // all have been told
	case e.GetType() == frameportv1.CameraEventType_CAMERA_EVENT_TYPE_REMOVED:
		t.forget(e.GetCamera().GetCameraId())
	default:
		t.take(e.GetCamera(), by)
	}
}

// forget is for cameras that are gone: another one of that name is new.
func (t *told) forget(id string) {
	delete(t.judges, id)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waits, id)
}

func (t *told) announced(id string) []wait {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waits[id]
}

// watchStates is told of every change until ctx is done.
func (s *soak) watchStates(ctx context.Context) error {
	stream, err := s.cameras.WatchCameras(ctx, &frameportv1.WatchCamerasRequest{})
	if err != nil {
		return err
	}
	for {
		e, err := stream.Recv()
		if ended(ctx, err) {
			return nil
		}
		if err != nil {
			return err
		}
		s.told.event(e, time.Now())
		s.found.saw(sawStates, 1)
	}
}

// askForStates asks for all statuses now and then until ctx is done, and looks at the
// pages for people too.
func (s *soak) askForStates(ctx context.Context) error {
	asked := newTold(s.found)
	for {
		here := map[string]bool{}
		for token := ""; ; {
			r, err := s.cameras.ListCameras(ctx, &frameportv1.ListCamerasRequest{PageSize: 1000, PageToken: token})
			if ended(ctx, err) {
				return nil
			}
			if err != nil {
				return err
			}
			now := time.Now()
			for _, c := range r.GetCameras() {
				here[c.GetCameraId()] = true
				asked.take(c, now)
			}
			s.found.saw(sawStatuses, len(r.GetCameras()))
			if token = r.GetNextPageToken(); token == "" {
				break
			}
		}
		for id := range asked.judges {
			if !here[id] {
				asked.forget(id)
			}
		}
		if err := s.searchPages(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if pause(ctx, askStatuses) != nil {
			return nil
		}
	}
}

// statusOf is a status in the terms of package camera.
func statusOf(s *frameportv1.CameraStatus) invariant.Status {
	c, d := s.GetCounters(), s.GetCounters().GetDropped()
	out := invariant.Status{State: stateOf(s.GetState()), Epoch: s.GetEpoch(), Counters: camera.Counters{
		AccessUnits: c.GetAccessUnits(), KeyFrames: c.GetKeyFrames(),
		FramesDecoded: c.GetFramesDecoded(), FramesPublished: c.GetFramesPublished(), FramesCorrupt: c.GetFramesCorrupt(),
		Dropped: frame.Drops{Policy: d.GetPolicy(), Network: d.GetNetwork(), Decode: d.GetDecode()}, DroppedQueue: d.GetQueue(),
		PacketsReceived: c.GetPacketsReceived(), PacketsLost: c.GetPacketsLost(), BytesReceived: c.GetBytesReceived(),
		ConnectAttempts: c.GetConnectAttempts(), Reconnects: c.GetReconnects(),
	}}
	if f := s.GetFault(); f != nil {
		out.Fault = camera.FaultStatus{Class: classOf(f.GetClass()), Message: f.GetMessage(), Count: f.GetCount()}
		if f.GetNextAttemptTime() != nil {
			out.Fault.NextAttempt = f.GetNextAttemptTime().AsTime()
		}
	}
	return out
}

func stateOf(s frameportv1.CameraState) camera.State {
	for c := camera.StateConnecting; c < camera.StateStopped; c++ {
		if s.String() == "CAMERA_STATE_"+c.String() {
			return c
		}
	}
	return camera.StateStopped
}

func classOf(s frameportv1.FaultClass) fault.Class {
	for c := fault.Auth; c < fault.Policy; c++ {
		if s.String() == "FAULT_CLASS_"+strings.ToUpper(c.String()) {
			return c
		}
	}
	return fault.Policy
}
