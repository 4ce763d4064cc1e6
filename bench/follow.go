package main

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/invariant"
	"github.com/frameport/frameport/internal/testvideo"
)

// watched is what a reader saw of a camera.
type watched struct {
	frames int
	ages   []age // of its frames
}

// age is how old a frame was when a reader had it.
type age struct {
	at time.Time
	ms float64 // since the worker received it
}

// viewing is what a client judges of a camera that nobody hurts, of which it reads JPEG.
type viewing struct {
	id     string
	shows  int // number in the camera's bar codes
	frames invariant.Frames
}

// next judges I1, I2 and I5: frames come in order and show the camera that they name.
func (v *viewing) next(f *frameportv1.Frame) []string {
	info, whole := infoOf(f)
	broken := v.frames.Next(info, whole)
	img, err := jpeg.Decode(bytes.NewReader(f.GetData()))
	if err != nil {
		return append(broken, fmt.Sprintf("I2: frame %v: %v", info.ID, err))
	}
	if shown, _, err := testvideo.ReadBarcode(img); err != nil || shown != v.shows || f.GetCameraId() != v.id {
		broken = append(broken, fmt.Sprintf("I2: frame %v of %s shows camera %d, not %d: %v", info.ID, f.GetCameraId(), shown, v.shows, err))
	}
	return broken
}

// follow reads a camera's JPEG until ctx is done.
func (w *worker) follow(ctx context.Context, id string, shows int, found *findings) (seen watched, err error) {
	stream, err := w.frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{CameraIds: []string{id}, MaxFps: 1})
	if err != nil {
		return seen, err
	}
	v := viewing{id: id, shows: shows}
	for {
		r, err := stream.Recv()
		if ended(ctx, err) {
			return seen, nil
		}
		if err != nil {
			return seen, fmt.Errorf("reader of %s: %w", id, err)
		}
		at := time.Now()
		seen.ages = append(seen.ages, age{at, at.Sub(r.GetFrame().GetReceivedTime().AsTime()).Seconds() * 1000})
		seen.frames++
		found.add(id, v.next(r.GetFrame())...)
	}
}
