package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/render"
	"github.com/frameport/frameport/server"
)

// boundary stands between the pictures of a stream.
const boundary = "frameport"

// mjpeg serves a camera as multipart/x-mixed-replace, which browsers show as video.
// Each picture is the newest when its turn comes; a slow client gets fewer of them.
func (s *Server) mjpeg(w http.ResponseWriter, r *http.Request) {
	feed := s.feed(w, r)
	if feed == nil {
		return
	}
	query := r.URL.Query()
	out, err := outputOf(query)
	if err != nil {
		failOutput(w, r, err)
		return
	}
	fps, err := fpsOf(query)
	if err != nil {
		failOutput(w, r, err)
		return
	}
	f := feed.Ring().Latest()
	if f == nil {
		failNoFrame(w, r, server.Disclosed(auth.FromContext(r.Context()), feed.Snapshot()))
		return
	}
	f.Release()
	end, err := s.cfg.Clients.Stream(callerOf(r, auth.FromContext(r.Context())), []string{feed.ID()})
	if err != nil {
		s.failCost(w, r, err)
		return
	}
	defer end()
	h := w.Header()
	h.Set("Content-Type", "multipart/x-mixed-replace; boundary="+boundary)
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close") // the stream ends with its connection
	if r.Method == http.MethodHead {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.endWhenOver(ctx, cancel)
	}()
	defer func() { cancel(); <-watched }()
	err = s.parts(ctx, w, feed, out, fps)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.cfg.Hooks.SlowConsumer("mjpeg")
		s.cfg.Logger.DebugContext(ctx, "slow mjpeg client", "camera", feed.ID(), "reason", apierr.SlowConsumer)
	case ctx.Err() == nil && !errors.Is(err, frame.ErrClosed) && !errors.Is(err, errHidden):
		s.cfg.Logger.DebugContext(ctx, "mjpeg stream ended", "camera", feed.ID(), "error", err)
	}
}

// errHidden ends a stream whose camera the caller may not see any more.
var errHidden = errors.New("the camera is not for this caller any more")

// endWhenOver calls cancel when the worker stops or the caller loses its right to
// streams, and returns then or when ctx ends.
func (s *Server) endWhenOver(ctx context.Context, cancel func()) {
	defer cancel()
	changed := make(chan struct{}, 1)
	over := time.NewTimer(time.Hour)
	over.Stop()
	defer over.Stop()
	if s.cfg.Access != nil {
		defer s.cfg.Access.Watch(changed)()
	}
	for {
		caller := auth.FromContext(ctx)
		if caller.May(server.View) != nil {
			return
		}
		if after, needed := caller.Recheck(); needed {
			over.Reset(after)
		}
		select {
		case <-changed:
		case <-over.C:
		case <-s.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

// parts writes pictures until the client, the camera or ctx is gone, and says which:
// it never returns nil.
func (s *Server) parts(ctx context.Context, w http.ResponseWriter, feed server.Feed, out render.Output, fps float64) error {
	var (
		interval time.Duration
		due      time.Time
		last     frame.ID
		control  = http.NewResponseController(w)
		ring     = feed.Ring()
	)
	if fps > 0 {
		interval = time.Duration(float64(time.Second) / fps)
	}
	// So that the camera counts this client also while it writes.
	defer ring.Watch(make(chan struct{}, 1))()
	// A browser shows a picture when it sees the boundary behind it, so that is
	// written at once and not before the next picture.
	if _, err := fmt.Fprintf(w, "--%s\r\n", boundary); err != nil {
		return err
	}
	for {
		if err := pause(ctx, time.Until(due)); err != nil {
			return err
		}
		f, err := ring.Wait(ctx, last)
		if err != nil {
			return err
		}
		last = f.ID
		if !visible(ctx, feed) {
			f.Release()
			return errHidden
		}
		picture, err := s.cfg.Renderer.Render(ctx, f, out)
		captured := f.Capture
		f.Release()
		if err != nil {
			return err
		}
		s.extend(w)
		if _, err := fmt.Fprintf(w, "Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Frame-Epoch: %d\r\nX-Frame-Sequence: %d\r\nX-Capture-Time: %s\r\n\r\n",
			len(picture.Data), last.Epoch, last.Sequence, captured.UTC().Format(time.RFC3339Nano)); err != nil {
			return err
		}
		if _, err := w.Write(picture.Data); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "\r\n--%s\r\n", boundary); err != nil {
			return err
		}
		if err := control.Flush(); err != nil {
			return err
		}
		s.cfg.Hooks.FrameSent("mjpeg", len(picture.Data))
		if now := time.Now(); due.Add(interval).Before(now) {
			due = now.Add(interval)
		} else {
			due = due.Add(interval)
		}
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
