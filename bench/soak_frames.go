package main

import (
	"context"
	"fmt"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/invariant"
	"github.com/frameport/frameport/internal/testvideo"
)

// small is a picture that costs little and whose bar code can be read.
func small() *frameportv1.OutputSpec {
	return &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8, Width: 160}
}

// infoOf is what a client knows of a frame. Whole means that no frame was published
// between the one before and this one that the client was not given.
func infoOf(f *frameportv1.Frame) (info frame.Info, whole bool) {
	info = frame.Info{ID: frame.ID{Epoch: f.GetEpoch(), Sequence: f.GetSequence()}, Corrupt: f.GetCorrupt(), KeyFrame: f.GetKeyFrame()}
	info.PTS, info.Received = f.GetPts().AsDuration(), f.GetReceivedTime().AsTime()
	return info, f.GetSkipped().GetSlowConsumer() == 0 && f.GetSkipped().GetPolicy() == 0
}

// reading is what a client judges of one hurt camera.
type reading struct {
	frames invariant.Frames
	shows  int // number in the camera's bar codes
	epoch  uint64
	epochs int // that were seen to begin
	codes  int // that could be read
}

// next judges a small frame: I1, I2, I5. Flipped bits and pictures that are missing without
// a trace leave bar codes that can't be read, in frames that nobody can know to be damaged;
// another camera's is never right.
func (r *reading) next(f *frameportv1.Frame) []string {
	info, whole := infoOf(f)
	broken := r.frames.Next(info, whole)
	if info.Epoch > r.epoch {
		r.epoch = info.Epoch
		r.epochs++
	}
	shown, ok := shownBy(f)
	if !ok {
		return broken
	}
	r.codes++
	if shown != r.shows {
		broken = append(broken, fmt.Sprintf("I2: frame %v shows camera %d, not %d", info.ID, shown, r.shows))
	}
	return broken
}

// shownBy reads the number of the camera that a small frame shows.
func shownBy(f *frameportv1.Frame) (camera int, ok bool) {
	if len(f.GetPlanes()) == 0 || f.GetPlanes()[0].GetOffset() > int64(len(f.GetData())) {
		return 0, false
	}
	p := f.GetPlanes()[0]
	camera, _, err := testvideo.ReadBarcodeLuma(f.GetData()[p.GetOffset():], int(f.GetWidth()), int(p.GetHeight()), int(p.GetStride()))
	return camera, err == nil
}

// followHurt reads all frames of a hurt camera until ctx is done.
func (s *soak) followHurt(ctx context.Context, id string, shows int) error {
	stream, err := s.frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{CameraIds: []string{id}, Output: small()})
	if err != nil {
		return err
	}
	r := reading{shows: shows}
	frames := 0
	defer func() {
		s.found.saw(sawFrames, frames)
		s.found.saw(sawCodes, r.codes)
		s.found.saw(sawEpochs, r.epochs)
	}()
	for {
		m, err := stream.Recv()
		if ended(ctx, err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reader of %s: %w", id, err)
		}
		frames++
		s.found.add(id, r.next(m.GetFrame())...)
	}
}
