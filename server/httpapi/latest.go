package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/server"
)

// latest serves the newest frame of a camera as JPEG.
func (s *Server) latest(w http.ResponseWriter, r *http.Request) {
	feed := s.feed(w, r)
	if feed == nil {
		return
	}
	out, err := outputOf(r.URL.Query())
	if err != nil {
		failOutput(w, r, err)
		return
	}
	f := feed.Ring().Latest()
	if f == nil {
		failNoFrame(w, r, server.Disclosed(auth.FromContext(r.Context()), feed.Snapshot()))
		return
	}
	defer f.Release()
	h := w.Header()
	frameHeaders(h, f)
	if matches(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	picture, err := s.cfg.Renderer.Render(r.Context(), f, out)
	if err != nil {
		clear(h)
		s.failRender(w, r, err)
		return
	}
	h.Set("Content-Type", "image/jpeg")
	h.Set("Content-Length", strconv.Itoa(len(picture.Data)))
	s.extend(w) // rendering may have waited for its turn
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(picture.Data); err == nil {
		s.cfg.Hooks.FrameSent("latest.jpg", len(picture.Data))
	}
}

// feed returns the frames of the camera in the path, or answers and returns nil. A
// camera that the caller may not see does not exist.
func (s *Server) feed(w http.ResponseWriter, r *http.Request) server.Feed {
	id := r.PathValue("camera")
	if config.ValidCameraID(id) != nil {
		failNotFound(w, r, id)
		return nil
	}
	feed, err := s.cfg.Cameras.Feed(id)
	if err != nil || !visible(r.Context(), feed) {
		failNotFound(w, r, id)
		return nil
	}
	return feed
}

// visible says whether the caller may see a camera now.
func visible(ctx context.Context, feed server.Feed) bool {
	caller := auth.FromContext(ctx)
	return caller.SeesAll() || caller.Sees(server.View, feed.ID(), feed.Snapshot().Spec.Labels)
}

func (s *Server) failRender(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, convert.ErrRequest):
		failOutput(w, r, err)
	case r.Context().Err() != nil: // nobody reads the answer
	case errors.Is(err, gpu.ErrDeviceLost): // the worker is about to end
		fail(w, r, http.StatusServiceUnavailable, problem{Reason: apierr.ShuttingDown, Message: "the worker is shutting down"})
	default:
		s.cfg.Logger.ErrorContext(r.Context(), "frame not rendered", "path", r.URL.Path, "error", err)
		fail(w, r, http.StatusInternalServerError, problem{Reason: apierr.RenderFailed, Message: "the frame could not be made into a picture; the worker's log says more"})
	}
}

// frameHeaders says which frame an answer is. Positions start again when the worker
// restarts, so the tag has the time as well.
func frameHeaders(h http.Header, f *frame.Frame) {
	h.Set("Cache-Control", "no-store")
	h.Set("ETag", fmt.Sprintf(`"%d-%d-%x"`, f.Epoch, f.Sequence, f.Received.UnixMicro()))
	h.Set("Last-Modified", f.Received.UTC().Format(http.TimeFormat))
	h.Set("X-Frame-Epoch", strconv.FormatUint(f.Epoch, 10))
	h.Set("X-Frame-Sequence", strconv.FormatUint(f.Sequence, 10))
	h.Set("X-Capture-Time", f.Capture.UTC().Format(time.RFC3339Nano))
	h.Set("X-Capture-Time-Source", f.Source.String())
}

// matches reports whether an If-None-Match header names tag (RFC 9110, 13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == "*" || candidate == tag {
			return true
		}
	}
	return false
}
