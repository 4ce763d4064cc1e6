package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/render"
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
		failNoFrame(w, r, feed.Snapshot())
		return
	}
	f.Release()
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
		select {
		case <-s.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(); <-watched }()
	err = s.parts(ctx, w, feed.Ring(), out, fps)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.cfg.Hooks.SlowConsumer("mjpeg")
		s.cfg.Logger.DebugContext(ctx, "slow mjpeg client", "camera", feed.ID(), "reason", apierr.SlowConsumer)
	case ctx.Err() == nil && !errors.Is(err, frame.ErrClosed):
		s.cfg.Logger.DebugContext(ctx, "mjpeg stream ended", "camera", feed.ID(), "error", err)
	}
}

// parts writes pictures until the client, the camera or ctx is gone, and says which:
// it never returns nil.
func (s *Server) parts(ctx context.Context, w http.ResponseWriter, ring *frame.Ring, out render.Output, fps float64) error {
	var (
		interval time.Duration
		due      time.Time
		last     frame.ID
		control  = http.NewResponseController(w)
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
