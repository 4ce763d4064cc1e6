package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// removal is what a client saw of a camera that was removed while it streamed.
type removal struct {
	removed time.Time // RemoveCamera had returned
	frames  []*frameportv1.Frame
	end     error // of the stream
	asked   error // of a GetFrame that was begun after that
}

// judge checks I3. A stream makes at most one picture at a time, of a frame that it took
// before: only that one may be sent when RemoveCamera has returned.
func (r removal) judge() (broken []string) {
	late := 0
	for _, f := range r.frames {
		if f.GetDecodedTime().AsTime().After(r.removed) {
			broken = append(broken, fmt.Sprintf("I3: frame %d was decoded %v after the camera was removed", f.GetSequence(), f.GetDecodedTime().AsTime().Sub(r.removed)))
		}
		if f.GetSentTime().AsTime().After(r.removed) {
			late++
		}
	}
	if late > 1 {
		broken = append(broken, fmt.Sprintf("I3: %d frames were sent after the camera was removed", late))
	}
	if reason, _ := apierr.ReasonOf(r.end); reason != apierr.CameraRemoved {
		broken = append(broken, fmt.Sprintf("I3: the stream of a camera that was removed ended with %v", r.end))
	}
	if status.Code(r.asked) != codes.NotFound {
		broken = append(broken, fmt.Sprintf("I3: a frame of a camera that was removed: %v", r.asked))
	}
	return broken
}

// beRemoved adds a camera, streams it, and removes it within the stream.
func (s *soak) beRemoved(ctx context.Context, lane int) error {
	id := fmt.Sprintf("streamed-%d", s.next.Add(1))
	shown := s.cams[lane]
	spec := specOf(shown.URL(), frameportv1.DecodeMode_DECODE_MODE_ALL)
	if _, err := s.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: spec}); err != nil {
		return err
	}
	r, err := s.removeWithin(ctx, id, reading{shows: shown.Clip().Camera})
	if err != nil {
		_, gone := s.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id})
		return errors.Join(fmt.Errorf("%s: %w", id, err), gone)
	}
	s.found.saw(sawRemovals, 1)
	s.found.add(id, r.judge()...)
	return nil
}

// removeWithin reads a camera until it has had three frames, removes it, and reads on to
// the end.
func (s *soak) removeWithin(ctx context.Context, id string, own reading) (r removal, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	stream, err := s.frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{CameraIds: []string{id}, Output: small()})
	if err != nil {
		return r, err
	}
	type done struct {
		at  time.Time
		err error
	}
	removed := make(chan done, 1)
	for {
		m, err := stream.Recv()
		if err != nil {
			r.end = err
			break
		}
		s.found.add(id, own.next(m.GetFrame())...)
		r.frames = append(r.frames, m.GetFrame())
		if len(r.frames) == 3 {
			go func() { // waited for below
				_, err := s.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id})
				removed <- done{time.Now(), err}
			}()
		}
	}
	if len(r.frames) < 3 {
		return r, fmt.Errorf("the stream ended after %d frames: %w", len(r.frames), r.end)
	}
	d := <-removed
	if d.err != nil {
		return r, d.err
	}
	r.removed = d.at
	_, r.asked = s.frames.GetFrame(ctx, &frameportv1.GetFrameRequest{CameraId: id, Output: small()})
	return r, nil
}
