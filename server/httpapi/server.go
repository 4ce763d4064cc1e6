package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/server/quota"
)

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 60 * time.Second
	// maxHeaderBytes bounds a request, which has no body. net/http adds headerSlop to what it
	// is told.
	maxHeaderBytes = 16 << 10
	headerSlop     = 4 << 10
	// bodyTime is how long a body may take that nobody wants: it is read for the client
	// to see the answer.
	bodyTime = time.Second
)

// Server is the HTTP side of a worker.
type Server struct {
	cfg      Config
	http     *http.Server
	lobby    *quota.Lobby
	page     *page
	anyHost  bool
	stopping chan struct{}
	probe    chan struct{} // holds a token while nobody probes; see healthz
}

// New makes a server; [Server.Run] starts it.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.EnsureDefaults()
	s := &Server{cfg: cfg, lobby: newLobby(cfg), stopping: make(chan struct{}), probe: make(chan struct{}, 1), page: newPage()}
	s.probe <- struct{}{}
	addr, isTCP := cfg.Listener.Addr().(*net.TCPAddr)
	s.anyHost = !isTCP || !addr.IP.IsLoopback() || slices.Contains(cfg.Hosts, "*") || cfg.Access != nil

	mux := http.NewServeMux()
	for _, route := range s.routes() {
		mux.Handle(route.pattern, s.allowed(route))
	}
	s.http = &http.Server{
		Handler:           s.guard(mux),
		ConnContext:       withConn,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes - headerSlop,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Lobby has the places of the server's connections, for metrics.
func (s *Server) Lobby() *quota.Lobby { return s.lobby }

// Run serves until ctx ends; then streams end and other requests may finish. What
// has not ended after the configured time is cut. It returns nil after an orderly
// end. A server runs once.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	listener := s.lobby.Listener(s.cfg.Listener)
	if s.cfg.TLS != nil {
		listener = tls.NewListener(listener, s.cfg.TLS)
	}
	go func() { served <- s.http.Serve(listener) }()
	var err error
	select {
	case err = <-served: // the listener failed
		served = nil
	case <-ctx.Done():
	}
	close(s.stopping)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	if s.http.Shutdown(drain) != nil {
		s.cfg.Logger.Warn("http clients cut at shutdown", "after", s.cfg.Drain)
		_ = s.http.Close() // only the connections' errors, which are of no interest any more
	}
	if served != nil {
		err = <-served
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// guard does what is the same for all requests: methods, bodies, host names, headers
// against sniffing, a deadline for the answer, panics.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				s.cfg.Logger.ErrorContext(r.Context(), "panic in a request", "path", r.URL.Path, "panic", p)
				panic(http.ErrAbortHandler) // closes the connection, logs nothing more
			}
		}()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		s.extend(w)
		if r.ContentLength != 0 {
			// net/http would wait for the body before the next request, without a limit.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
			w.Header().Set("Connection", "close")
		}
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			fail(w, r, http.StatusMethodNotAllowed, problem{Reason: reasonMethod, Message: "only GET and HEAD are served here; cameras are changed over gRPC (frameport camera add)"})
		case r.ContentLength != 0:
			fail(w, r, http.StatusBadRequest, problem{Reason: reasonBody, Message: "a request has no body here"})
		case !s.hostAllowed(r.Host):
			fail(w, r, http.StatusMisdirectedRequest, problem{Reason: reasonHost, Message: "this address is served under localhost and IP addresses only, so that no web page can reach it through a name of its own; use http://127.0.0.1"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// extend gives the client time to take what is written next.
func (s *Server) extend(w http.ResponseWriter) {
	// An error means that the connection is gone, which the write will say as well.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.SlowConsumer))
}

// Note: [Host names]
//
// A listener on loopback needs no login, unless one was asked for, because only this
// machine reaches it. A web
// page in a browser on this machine does too: it lets its own name resolve to
// 127.0.0.1 and is then of the same origin as we are (DNS rebinding). Such requests
// carry the page's name in Host, so on loopback only names are served that no
// stranger can own.
func (s *Server) hostAllowed(hostport string) bool {
	if s.anyHost {
		return true
	}
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	return slices.Contains(s.cfg.Hosts, host)
}

// Reasons that only HTTP has; the others are those of package apierr.
const (
	reasonNoRoute apierr.Reason = "NO_SUCH_PATH"
	reasonMethod  apierr.Reason = "METHOD_NOT_ALLOWED"
	reasonBody    apierr.Reason = "UNEXPECTED_BODY"
	reasonHost    apierr.Reason = "UNKNOWN_HOST"
	reasonStuck   apierr.Reason = "STUCK"
	reasonBusy    apierr.Reason = "NOT_READY"
)
