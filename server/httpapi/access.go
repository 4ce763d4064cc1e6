package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/server"
)

// errNotAll is for callers from whom cameras are hidden, at what speaks of all.
var errNotAll = fmt.Errorf("%w: cameras are hidden from it", auth.ErrRole)

// route is a path that is served.
type route struct {
	pattern string
	// need is what the caller must be allowed; the zero value lets nobody in.
	need server.Permission
	// all asks for a caller from whom no camera is hidden: what is served speaks of all.
	all   bool
	serve http.HandlerFunc
}

// routes are all paths. Those of cameras ask for the camera, too.
func (s *Server) routes() []route {
	routes := []route{
		{pattern: "/api/{camera}/latest.jpg", need: server.View, serve: s.latest},
		{pattern: "/api/{camera}", need: server.View, serve: s.mjpeg},
		{pattern: "/cameras/{camera}/mjpeg", need: server.View, serve: s.mjpeg},
		// Supervisors ask for health, and it says nothing about cameras.
		{pattern: "/healthz", need: server.Anyone, serve: s.healthz},
		{pattern: "/readyz", need: server.Anyone, serve: s.readyz},
		{pattern: "/{$}", need: server.View, serve: s.index},
		{pattern: "/", need: server.View, serve: func(w http.ResponseWriter, r *http.Request) {
			fail(w, r, http.StatusNotFound, problem{Reason: reasonNoRoute, Message: "nothing is here; / lists the cameras, /api/CAMERA/latest.jpg is a camera's newest picture"})
		}},
	}
	if s.cfg.Metrics != nil {
		routes = append(routes, route{pattern: "/metrics", need: server.View, all: true, serve: s.cfg.Metrics.ServeHTTP})
	}
	return routes
}

// allowed serves a route to those who may have it.
func (s *Server) allowed(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var caller *auth.Identity
		var err error
		switch {
		case to.need == auth.Nobody: // somebody forgot to say who may
			err = auth.ErrRole
		case to.need == server.Anyone: // also when its host has as many connections as it may
		case s.cfg.Access == nil:
			caller = auth.Trusted("anonymous")
		default:
			if caller, err = s.cfg.Access.Authenticate(evidence(r)); err == nil {
				err = caller.May(to.need)
			}
			if err == nil && to.all && !caller.SeesAll() {
				err = errNotAll
			}
		}
		if err != nil {
			lastOfStrangers(w, r)
			s.refuse(w, r, err)
			return
		}
		if caller == nil { // who need not log in
			lastOfStrangers(w, r)
		} else if err := s.place(r, caller); err != nil {
			s.failCost(w, r, err)
			return
		}
		to.serve(w, r.WithContext(auth.NewContext(r.Context(), caller)))
	})
}

// evidence is what a request brings to say who makes it: a bearer token, or the token
// as the password of Basic, which browsers and cameras' viewers can send. It is never
// taken from the URL, which ends up in logs and histories.
func evidence(r *http.Request) auth.Evidence {
	var e auth.Evidence
	if sent := r.Header.Values("Authorization"); len(sent) > 0 {
		// Two of them, or another scheme, are a wrong token and not none.
		e.Token = secret.New("")
		scheme, token, _ := strings.Cut(sent[0], " ")
		if _, password, ok := r.BasicAuth(); ok {
			scheme, token = "bearer", password
		}
		if len(sent) == 1 && strings.EqualFold(scheme, "bearer") {
			e.Token = secret.New(strings.TrimSpace(token))
		}
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		e.Certificate = r.TLS.VerifiedChains[0][0]
	}
	return e
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code, p := http.StatusUnauthorized, problem{Reason: apierr.TokenInvalid, Message: "this worker does not take this token or certificate"}
	switch {
	case errors.Is(err, auth.ErrMissing):
		p.Reason, p.Message = apierr.TokenRequired, `this worker wants a token: send it as "Authorization: Bearer TOKEN", or as the password of Basic with any user name`
	case errors.Is(err, auth.ErrExpired):
		p.Reason, p.Message = apierr.TokenExpired, "the time of this token or certificate is over; ask the worker's operator for a new one"
	case errors.Is(err, auth.ErrRole):
		code = http.StatusForbidden
		p.Reason, p.Message = apierr.PermissionDenied, "this token or certificate is not for this path"
		if errors.Is(err, errNotAll) {
			p.Message += ", which tells of all cameras: use one without a camera selector"
		}
	}
	if code == http.StatusUnauthorized {
		w.Header().Add("WWW-Authenticate", `Bearer realm="frameport"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="frameport", charset="UTF-8"`)
	}
	s.cfg.Hooks.Refused(string(p.Reason))
	s.cfg.Logger.DebugContext(r.Context(), "request refused", "path", r.URL.Path, "from", r.RemoteAddr, "reason", p.Reason)
	fail(w, r, code, p)
}
