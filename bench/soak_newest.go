package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// compareNewest asks once a second what the newest frame of a camera is and then for a
// frame, of one camera after the other, until ctx is done.
func (s *soak) compareNewest(ctx context.Context, ids []string) error {
	for i := 0; pause(ctx, time.Second) == nil; i++ {
		id := ids[i%len(ids)]
		known, err := s.cameras.GetCamera(ctx, &frameportv1.GetCameraRequest{CameraId: id})
		if ended(ctx, err) {
			return nil
		}
		if err != nil {
			return err
		}
		r, err := s.frames.GetFrame(ctx, &frameportv1.GetFrameRequest{CameraId: id, Output: small()})
		switch {
		case ended(ctx, err):
			return nil
		case status.Code(err) == codes.Unavailable: // it has not had a frame yet
			continue
		case err != nil:
			return err
		}
		s.found.saw(sawNewest, 1)
		s.found.add(id, older(r.GetFrame(), known.GetCamera())...)
	}
	return nil
}

// older judges I4: a frame that was asked for when a status was known is at most as many
// frames behind the newest one of that status as the ring keeps. Frames are told apart by
// when they were received: a status has the camera's epoch, which may not have a frame
// yet, so what an older epoch had left in the ring is not judged.
func older(f *frameportv1.Frame, known *frameportv1.Camera) []string {
	newest, ring := known.GetStatus(), uint64(known.GetSpec().GetFrame().GetRingSize())
	if newest.GetLastFrameTime() == nil || !f.GetReceivedTime().AsTime().Before(newest.GetLastFrameTime().AsTime()) ||
		f.GetEpoch() != newest.GetEpoch() || newest.GetSequence() <= f.GetSequence()+ring {
		return nil
	}
	return []string{fmt.Sprintf("I4: frame %d of epoch %d was delivered after frame %d was published, and the ring keeps %d",
		f.GetSequence(), f.GetEpoch(), newest.GetSequence(), ring)}
}
