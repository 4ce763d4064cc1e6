package rtsp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/failpoint"
)

// Note: [Message hooks]
//
// gortsplib calls OnRequest before it writes a request and OnResponse before it
// looks at a response, both with a pointer to the message it goes on to use and
// both on the goroutine that runs the session. That makes them the place for
// every rule the library lacks: a response is put into the form that makes the
// library do what we want. A redirect loses its Location, so that it comes back
// as a status and is judged in source.go; a session description is replaced by
// one with a single clean track; a challenge loses the methods that must not be
// used, or becomes a 403 when there must be no login at all.
//
// The tests pin this behaviour down: an update of the library that copies the
// message first turns them red.

// hook sets every callback of the library. ctx bounds the handshake.
func (a *attempt) hook(ctx context.Context, c *gortsplib.Client) {
	c.OnRequest = a.onRequest
	c.OnResponse = func(res *base.Response) {
		defer a.survive()
		a.onResponse(ctx, res)
	}
	c.OnServerRequest = onServerRequest
	// these three print to the standard logger when they are not set
	c.OnTransportSwitch = func(error) {}
	c.OnPacketsLost = a.onPacketsLost
	c.OnDecodeError = a.onDecodeError
}

// exchange is the request under way. Requests are strictly one after another
// until PLAY is answered, and afterwards there are only keepalives.
type exchange struct {
	method     base.Method
	authorized bool // it carried credentials
}

func (a *attempt) onRequest(req *base.Request) {
	if req.Method != base.Teardown {
		// The library sends that when it has given up, and Run looks at what failed by then.
		a.now = exchange{method: req.Method, authorized: len(req.Header["Authorization"]) > 0}
	}
	a.addOpaque(req)
	l := a.link.Load()
	if l == nil {
		return
	}
	switch {
	case req.Method == base.Teardown:
		l.teardown.Store(true)
	case a.playing.Load():
		a.keepalive.Store(max(1, int64(failpoint.Now().Sub(a.begun))))
	default:
		_ = l.SetReadDeadline(time.Now().Add(a.src.cfg.Timeouts.Response))
	}
}

// addOpaque returns a challenge's opaque unchanged (RFC 2617, 3.2.2); the library
// leaves it out.
func (a *attempt) addOpaque(req *base.Request) {
	if a.opaque != "" && len(req.Header["Authorization"]) > 0 {
		auth := slices.Clone(req.Header["Authorization"])
		auth[0] += `, opaque="` + a.opaque + `"`
		req.Header["Authorization"] = auth
	}
}

func (a *attempt) onResponse(ctx context.Context, res *base.Response) {
	if res.Header == nil {
		res.Header = base.Header{}
	}
	playing := a.playing.Load()
	if l := a.link.Load(); l != nil && !playing && l.closing.Load() == nil {
		_ = l.SetReadDeadline(time.Time{})
	}
	if res.StatusCode == base.StatusUnauthorized {
		a.challenged(ctx, res, playing)
		return
	}
	switch {
	case a.now.authorized && a.login == loginUnknown && res.StatusCode == base.StatusForbidden:
		a.reportLogin(loginForbidden)
	case a.now.authorized:
		a.loggedIn()
	}
	if playing {
		if res.StatusCode == base.StatusSessionNotFound {
			a.fail(fault.New(fault.Unreachable, "keepalive", errors.New("the camera has ended the session (status 454)")))
		}
		return
	}
	rewriteSession(res.Header)
	ok := res.StatusCode == base.StatusOK
	switch a.now.method {
	case base.Options:
		// many cameras do not know OPTIONS; what matters shows at DESCRIBE
		res.StatusCode = base.StatusOK
		if a.src.plainKeepalive.Load() {
			delete(res.Header, "Public") // makes the library send OPTIONS instead of GET_PARAMETER
		}
	case base.Describe:
		if ok {
			a.describe(res)
		} else if res.StatusCode >= 300 && res.StatusCode < 400 {
			a.location = strings.Join(res.Header["Location"], "")
			a.redirected = true
			delete(res.Header, "Location")
		}
	case base.Setup:
		if ok {
			rewriteTransport(res.Header, a.protocol == TransportMulticast)
		}
	case base.Play:
		if ok {
			a.playing.Store(true)
		}
	}
	if !ok {
		a.retryAfter = parseRetryAfter(res.Header)
	}
}

// describe replaces the body by a description of the one chosen track.
func (a *attempt) describe(res *base.Response) {
	s := parseSDP(res.Body)
	track, err := s.chooseVideo()
	if err != nil {
		a.fail(err)
		return
	}
	a.track = track
	a.aggregate = a.url.aggregate(track.sessionControl, first(res.Header, "Content-Base"), first(res.Header, "Content-Location"))
	control, err := resolve(a.aggregate, track.control)
	if err != nil {
		a.fail(err)
		return
	}
	a.control = control
	res.Body = track.write(control.String())
	res.Header["Content-Type"] = base.HeaderValue{"application/sdp"}
	delete(res.Header, "Content-Base")
}

func first(h base.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return strings.TrimSpace(v[0])
	}
	return ""
}

// onServerRequest lets the library answer what it would hang up over: it knows
// OPTIONS only, and cameras send others to see whether the client is alive.
func onServerRequest(req *base.Request) {
	switch req.Method {
	case base.GetParameter, base.SetParameter, base.Announce:
		req.Method = base.Options
	}
}
