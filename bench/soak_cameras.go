package main

import (
	"context"
	"fmt"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/invariant"
	"github.com/frameport/frameport/internal/testvideo"
)

// soakClips are what decoded cameras show, in turn: one camera's pictures are not its
// neighbour's.
func soakClips() (clips []*testvideo.Clip, err error) {
	for _, name := range []string{
		"h264_change_b", "color_bars_bt709", "h264_change_a", "color_bars_bt601_full", "h264_slices", "h264_crop",
	} {
		c, err := testvideo.Load(name)
		if err != nil {
			return nil, err
		}
		clips = append(clips, c)
	}
	return clips, nil
}

// differ has the cameras of the site show clips in turn.
func (s *soak) differ(ctx context.Context, clips []*testvideo.Clip) error {
	for i, h := range s.cams {
		h.Set(func(b *camsim.Behaviour) { b.Clip = clips[i%len(clips)] })
	}
	for i, h := range s.cams {
		err := s.until(ctx, i, "other pictures", func(st *frameportv1.CameraStatus) bool { return int(st.GetWidth()) == h.Clip().Width })
		if err != nil {
			return err
		}
	}
	return nil
}

// more adds further cameras that show clips in turn, with a login unless it is nil.
func (s *soak) more(ctx context.Context, name string, count int, mode frameportv1.DecodeMode, login *invariant.Canary, clips ...*testvideo.Clip) (out []*camsim.Handle, err error) {
	for i := range count {
		cam := camsim.Camera{Clip: clips[i%len(clips)], FPS: soakFPS}
		if login != nil {
			cam.Username, cam.Password = login.User, login.Password
		}
		h, err := s.sim.Add(fmt.Sprintf("%s/%d", name, i+1), cam)
		if err != nil {
			return nil, err
		}
		spec := specOf(h.URL(), mode)
		if login != nil {
			spec.Credentials = credentials(*login)
		}
		id := fmt.Sprintf("%s-%d", name, i+1)
		if _, err := s.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: spec}); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}
