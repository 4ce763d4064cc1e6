package httpapi

import (
	"io"
	"net/http"
	"time"

	"github.com/frameport/frameport/api/apierr"
)

// probeTimeout is how long the set of cameras may take to answer before the process
// counts as stuck.
const probeTimeout = 2 * time.Second

// healthz says whether the process is alive: whether the set of cameras answers. A
// camera that is broken does not count; restarting the worker would not mend it.
// One probe runs at a time, so a stuck worker does not collect goroutines.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	timer := time.NewTimer(probeTimeout)
	defer timer.Stop()
	stuck := func() {
		fail(w, r, http.StatusServiceUnavailable, problem{Reason: reasonStuck, Message: "the set of cameras does not answer; the worker should be restarted"})
	}
	select {
	case <-s.probe:
	case <-timer.C:
		stuck()
		return
	}
	answered := make(chan struct{})
	go func() {
		s.cfg.Cameras.List()
		s.probe <- struct{}{}
		close(answered)
	}()
	select {
	case <-answered:
		ok(w, r)
	case <-timer.C:
		stuck()
	}
}

// readyz says whether the worker wants work.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	select {
	case <-s.stopping:
		fail(w, r, http.StatusServiceUnavailable, problem{Reason: apierr.ShuttingDown, Message: "the worker is shutting down"})
		return
	default:
	}
	if err := s.cfg.Ready(); err != nil {
		fail(w, r, http.StatusServiceUnavailable, problem{Reason: reasonBusy, Message: err.Error()})
		return
	}
	ok(w, r)
}

func ok(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, "ok\n") // the client may be gone
	}
}
