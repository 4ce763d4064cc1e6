package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/server/mapping"
)

// GetFrame implements the RPC.
func (s *frameService) GetFrame(ctx context.Context, r *frameportv1.GetFrameRequest) (*frameportv1.GetFrameResponse, error) {
	if err := config.ValidCameraID(r.GetCameraId()); err != nil {
		return nil, err
	}
	out, err := newOutput("", r.GetOutput(), r.GetMaxMessageBytes())
	if err != nil {
		return nil, err
	}
	want, err := newWanted(r)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, View, r.GetCameraId()); err != nil {
		return nil, err
	}
	feed, err := s.cfg.Cameras.Feed(r.GetCameraId())
	if err != nil {
		return nil, s.cameraError(r.GetCameraId(), err)
	}
	f, err := s.qualifying(ctx, feed, want)
	if err != nil {
		return nil, s.cameraError(r.GetCameraId(), err)
	}
	defer f.Release()
	if err := s.authorize(ctx, View, r.GetCameraId()); err != nil { // it may have waited for minutes
		return nil, err
	}
	picture, err := out.render(ctx, s.cfg.Renderer, f)
	if err != nil {
		return nil, err
	}
	m := out.message(r.GetCameraId(), &f.Info, picture)
	m.Skipped = &frameportv1.Skipped{}
	if err := out.fits(m); err != nil {
		return nil, err
	}
	s.cfg.Hooks.FrameSent(frameportv1.FrameService_GetFrame_FullMethodName, len(m.GetData()))
	return &frameportv1.GetFrameResponse{Frame: m}, nil
}

// wanted is which frame of a camera qualifies.
type wanted struct {
	newerThan frame.ID
	maxAge    time.Duration // 0 = any
	wait      time.Duration
}

func newWanted(r *frameportv1.GetFrameRequest) (wanted, error) {
	w := wanted{newerThan: frame.ID{Epoch: r.GetNewerThan().GetEpoch(), Sequence: r.GetNewerThan().GetSequence()}}
	if d := r.GetMaxAge(); d != nil {
		w.maxAge = d.AsDuration()
		if d.CheckValid() != nil || w.maxAge <= 0 {
			return w, invalid(apierr.InvalidMaxAge, "max_age", "is %s; give more than 0, or leave it unset for any age", seconds(d))
		}
	}
	if d := r.GetWait(); d != nil {
		w.wait = d.AsDuration()
		if d.CheckValid() != nil || w.wait < 0 || w.wait > maxWait {
			return w, invalid(apierr.InvalidWait, "wait", "is %s; give 0 to %v", seconds(d), maxWait)
		}
	}
	return w, nil
}

func seconds(d *durationpb.Duration) string {
	if d.CheckValid() != nil {
		return fmt.Sprintf("no valid duration (%d s and %d ns)", d.GetSeconds(), d.GetNanos())
	}
	return d.AsDuration().String()
}

// qualifies judges a frame at time now. A position in an epoch that the camera has
// not reached is of another life of the camera, so every frame is newer.
func (w wanted) qualifies(f *frame.Frame, now time.Time) bool {
	if w.newerThan.Epoch <= f.Epoch && !f.After(w.newerThan) {
		return false
	}
	return w.maxAge == 0 || now.Sub(f.Received) <= w.maxAge
}

// qualifying returns the newest frame that qualifies, retained, and waits for it as
// long as wanted.
func (s *Server) qualifying(ctx context.Context, feed Feed, want wanted) (*frame.Frame, error) {
	ring := feed.Ring()
	newest := ring.Latest()
	if newest != nil && want.qualifies(newest, time.Now()) {
		return newest, nil
	}
	if feed.Snapshot().Spec.Decode.Mode == config.DecodeNone {
		if newest != nil {
			newest.Release()
		}
		return nil, decodeDisabled(feed.ID())
	}
	waiting, cancel := context.WithTimeout(ctx, want.wait)
	defer cancel()
	if want.wait > 0 { // a shutdown must not wait for whoever waits here
		s.background.Go(func() {
			select {
			case <-s.stopping:
				cancel()
			case <-waiting.Done():
			}
		})
	}
	var seen frame.ID
	for {
		had := newest != nil
		if had {
			seen = newest.ID
			newest.Release()
		}
		var err error
		newest, err = ring.Wait(waiting, seen)
		switch {
		case err == nil:
			if want.qualifies(newest, time.Now()) {
				return newest, nil
			}
		case errors.Is(err, camera.ErrStopping):
			return nil, shuttingDown()
		case errors.Is(err, frame.ErrClosed):
			return nil, camera.ErrRemoved
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case s.isStopping():
			return nil, shuttingDown()
		case had:
			return nil, waitExpired(Disclosed(auth.FromContext(ctx), feed.Snapshot()), want, seen)
		default:
			return nil, noFrameYet(Disclosed(auth.FromContext(ctx), feed.Snapshot()))
		}
	}
}

func decodeDisabled(id string) error {
	return apierr.New(codes.FailedPrecondition, apierr.DecodeDisabled,
		"the camera's decode mode is NONE, so it has no new frames; change decode.mode with UpdateCamera", apierr.Meta(apierr.MetaCameraID, id))
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

func waitExpired(c camera.Snapshot, want wanted, newest frame.ID) error {
	var what []string
	if want.newerThan != (frame.ID{}) {
		what = append(what, "newer than the one asked for")
	}
	if want.maxAge > 0 {
		what = append(what, fmt.Sprintf("at most %v old", want.maxAge))
	}
	why := ""
	if c.State != camera.StateRunning {
		why = fmt.Sprintf("; the camera is %v: %s", c.State, c.Cause)
	}
	return apierr.New(codes.DeadlineExceeded, apierr.WaitExpired,
		fmt.Sprintf("no frame %s within %v; the newest is epoch %d, sequence %d%s", strings.Join(what, " and "), want.wait, newest.Epoch, newest.Sequence, why),
		apierr.Meta(apierr.MetaCameraID, c.ID))
}

// noFrameYet says why a camera has no frame and when to ask again.
func noFrameYet(c camera.Snapshot) error {
	class, state := mapping.FaultClass(c.Fault.Class), mapping.State(c.State)
	text := fmt.Sprintf("camera %q has no frame yet: it is %s", c.ID, c.State)
	if c.Fault.Message != "" {
		text += ": " + c.Fault.Message
	}
	// As soon as the camera is tried again, but not so late that a client that was
	// told once misses a change of the spec.
	retry := min(max(time.Until(c.Fault.NextAttempt), 500*time.Millisecond), 10*time.Second)
	return apierr.New(codes.Unavailable, apierr.NoFrameYet, text,
		apierr.Meta(apierr.MetaCameraID, c.ID), apierr.Meta(apierr.MetaState, state.String()), apierr.Meta(apierr.MetaFaultClass, class.String()),
		apierr.RetryAfter(retry))
}
