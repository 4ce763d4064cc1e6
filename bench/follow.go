package main

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/testvideo"
)

// watched is what a reader saw of a camera.
type watched struct {
	frames int
	broken []string // invariants
	ages   []age    // of its frames
}

// age is how old a frame was when a reader had it.
type age struct {
	at time.Time
	ms float64 // since the worker received it
}

// follow reads a camera's JPEG until ctx is done and checks that frames come in order and
// show the camera that they name.
func (w *worker) follow(ctx context.Context, id string, camera int) (seen watched, err error) {
	stream, err := w.frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{CameraIds: []string{id}, MaxFps: 1})
	if err != nil {
		return seen, err
	}
	var last position
	for {
		r, err := stream.Recv()
		if ended(ctx, err) {
			return seen, nil
		}
		if err != nil {
			return seen, fmt.Errorf("reader of %s: %w", id, err)
		}
		f := r.GetFrame()
		at := time.Now()
		seen.ages = append(seen.ages, age{at, at.Sub(f.GetReceivedTime().AsTime()).Seconds() * 1000})
		now := position{f.GetEpoch(), f.GetSequence()}
		if now.epoch < last.epoch || now.epoch == last.epoch && now.sequence <= last.sequence {
			seen.broken = append(seen.broken, fmt.Sprintf("%s: frame %v after frame %v", id, now, last))
		}
		last = now
		seen.frames++
		img, err := jpeg.Decode(bytes.NewReader(f.GetData()))
		if err != nil {
			seen.broken = append(seen.broken, fmt.Sprintf("%s: frame %v: %v", id, now, err))
			continue
		}
		if shown, _, err := testvideo.ReadBarcode(img); err != nil || shown != camera || f.GetCameraId() != id {
			seen.broken = append(seen.broken, fmt.Sprintf("%s: frame %v shows camera %d, not %d: %v", id, now, shown, camera, err))
		}
	}
}
