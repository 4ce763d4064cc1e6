package server

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/secret"
)

// refusedEvery bounds how often refused calls are logged.
const refusedEvery = time.Second

// admit finds out who makes a call and whether that role may call the method at all.
// The context that it returns knows the caller, also beside an error.
func (s *Server) admit(ctx context.Context, method string, need Permission) (context.Context, error) {
	if need == auth.Nobody { // somebody forgot the table
		return ctx, apierr.New(codes.PermissionDenied, apierr.PermissionDenied, "nobody may call this method", apierr.Meta(apierr.MetaMethod, method))
	}
	caller, err := s.identify(ctx)
	if err == nil {
		ctx = auth.NewContext(ctx, caller)
	}
	if need == Anyone {
		s.probed(ctx)
		return ctx, nil
	}
	if err == nil {
		err = caller.May(need)
	}
	if err != nil {
		return ctx, s.refusal(ctx, method, need, err)
	}
	return ctx, s.place(ctx, method)
}

// identify finds out who makes a call.
func (s *Server) identify(ctx context.Context) (*auth.Identity, error) {
	switch {
	case s.cfg.Access != nil:
		return s.cfg.Access.Authenticate(evidence(ctx))
	case local(ctx):
		return auth.Trusted("local"), nil
	}
	return auth.Trusted("anonymous"), nil
}

// evidence is what a call brings to say who makes it.
func evidence(ctx context.Context) auth.Evidence {
	var e auth.Evidence
	md, _ := metadata.FromIncomingContext(ctx)
	if sent := md.Get("authorization"); len(sent) > 0 {
		// Two of them, or another scheme, are a wrong token and not none.
		e.Token = secret.New("")
		if scheme, token, ok := strings.Cut(sent[0], " "); ok && len(sent) == 1 && strings.EqualFold(scheme, "bearer") {
			e.Token = secret.New(strings.TrimSpace(token))
		}
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return e
	}
	e.Unix = p.Addr.Network() == "unix"
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.VerifiedChains) > 0 {
		e.Certificate = info.State.VerifiedChains[0][0]
	}
	return e
}

// refusal is the answer to a caller that package auth refuses.
func (s *Server) refusal(ctx context.Context, method string, need Permission, err error) error {
	code, reason := codes.Unauthenticated, apierr.TokenInvalid
	text := "this worker does not take this token or certificate, or not any more"
	switch {
	case errors.Is(err, auth.ErrMissing):
		reason, text = apierr.TokenRequired, `this worker wants a token: send it with each call as "authorization: Bearer TOKEN"`
	case errors.Is(err, auth.ErrExpired):
		reason, text = apierr.TokenExpired, "the time of this token or certificate is over; ask the worker's operator for a new one"
	case errors.Is(err, auth.ErrRole):
		code, reason = codes.PermissionDenied, apierr.PermissionDenied
		text = fmt.Sprintf("%s needs the role %s, which this token or certificate does not have", path.Base(method), need)
	}
	s.noteRefused(ctx, method, reason)
	return apierr.New(code, reason, text, apierr.Meta(apierr.MetaMethod, method))
}

// noteRefused counts a refused call and logs it, at most once a second.
func (s *Server) noteRefused(ctx context.Context, method string, reason apierr.Reason) {
	s.cfg.Hooks.Refused(string(reason))
	if n := s.refused.note(time.Now()); n > 0 {
		s.cfg.Logger.WarnContext(ctx, "call refused", "method", method, "who", auth.FromContext(ctx).Name(), "from", from(ctx), "reason", reason, "since_last", n)
	}
}

// ended says whether a call ended because its caller was refused meanwhile.
func ended(cause error) bool {
	_, ours := apierr.ReasonOf(cause)
	return ours
}

// audit writes one line for every attempt to change something: who, from where, what,
// and how it went. Specs are left out: they are long, and the next field that is added
// to them may be a secret.
func (s *Server) audit(ctx context.Context, method string, req any, err error) {
	id := ""
	if r, ok := req.(interface{ GetCameraId() string }); ok && config.ValidCameraID(r.GetCameraId()) == nil {
		id = r.GetCameraId()
	}
	outcome := "OK"
	if reason, ok := apierr.ReasonOf(err); ok {
		outcome = string(reason)
	} else if err != nil {
		outcome = "FAILED"
	}
	s.cfg.Logger.InfoContext(ctx, "audit", "call", path.Base(method), "camera", id, "who", auth.FromContext(ctx).Name(), "from", from(ctx), "outcome", outcome)
}

// from is where a call comes from.
func from(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr.String()
	}
	return "unknown"
}

// refusals counts refused calls between two log lines.
type refusals struct {
	mu     sync.Mutex
	n      int
	logged time.Time
}

// note counts one more and returns how many there were when it is time to log them,
// and 0 otherwise.
func (r *refusals) note(now time.Time) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if now.Sub(r.logged) < refusedEvery {
		return 0
	}
	n, r.n, r.logged = r.n, 0, now
	return n
}

// rightsChange makes those who wait for changes of the cameras also hear of changes of
// rights: streams look again at what they may show.
type rightsChange struct {
	Cameras
	access Access
}

// Watch implements [Cameras].
func (c rightsChange) Watch(ch chan<- struct{}) (stop func()) {
	cameras, rights := c.Cameras.Watch(ch), c.access.Watch(ch)
	return func() { cameras(); rights() }
}
