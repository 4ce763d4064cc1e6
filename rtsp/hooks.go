package rtsp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"github.com/frameport/frameport/fault"
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
	c.OnResponse = func(res *base.Response) { a.onResponse(ctx, res) }
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
	a.now = exchange{method: req.Method, authorized: len(req.Header["Authorization"]) > 0}
	if a.now.authorized && a.opaque != "" {
		// RFC 2617, 3.2.2: returned unchanged; the library leaves it out
		auth := slices.Clone(req.Header["Authorization"])
		auth[0] += `, opaque="` + a.opaque + `"`
		req.Header["Authorization"] = auth
	}
	l := a.link.Load()
	if l == nil {
		return
	}
	switch {
	case req.Method == base.Teardown:
		l.teardown.Store(true)
	case a.playing.Load():
		a.keepalive.Store(time.Now().UnixNano())
	default:
		_ = l.SetReadDeadline(time.Now().Add(a.src.cfg.Timeouts.Response))
	}
}

func (a *attempt) onResponse(ctx context.Context, res *base.Response) {
	if res.Header == nil {
		res.Header = base.Header{}
	}
	playing := a.playing.Load()
	if l := a.link.Load(); l != nil && !playing && l.closing.Load() == 0 {
		_ = l.SetReadDeadline(time.Time{})
	}
	if res.StatusCode == base.StatusUnauthorized {
		a.challenged(ctx, res, playing)
		return
	}
	if a.now.authorized {
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

// challenged judges a 401.
func (a *attempt) challenged(ctx context.Context, res *base.Response, playing bool) {
	offer := parseChallenges(res.Header["WWW-Authenticate"])
	switch {
	case a.now.authorized && (a.login == loginAccepted || offer.stale && !a.src.staleBefore.Swap(true)):
		// the same credentials have been accepted on this connection, or the camera
		// says itself that only the nonce is old
		a.login = loginAccepted
		a.fail(&fault.Error{
			Class: fault.Auth, Op: "login", Immediate: true,
			Err: errors.New("the camera's nonce has expired: connecting again"),
		})
	case a.now.authorized:
		a.login = loginRefused
		a.reportLogin(loginRefused)
		a.fail(fault.New(fault.Auth, "login", errors.New("the camera refuses the user name or password: correct them")))
	case playing:
		a.fail(&fault.Error{
			Class: fault.Auth, Op: "keepalive", Immediate: true,
			Err: errors.New("the camera asks for a login in the middle of the session: connecting again"),
		})
	case a.src.cfg.Username == "":
		a.fail(fault.New(fault.Auth, "login", errors.New("the camera asks for a login and none is set: set user name and password")))
	default:
		a.answerChallenge(ctx, res, offer)
		return
	}
	forbid(res)
}

// answerChallenge lets the library log in with the best method offered, or stops it.
func (a *attempt) answerChallenge(ctx context.Context, res *base.Response, offer challenges) {
	var refuse error
	switch {
	case len(offer.digest) > 0:
		res.Header["WWW-Authenticate"] = base.HeaderValue(offer.digest)
		a.opaque = offer.opaque
		a.run.digestSeen = true
	case offer.otherDigest:
		refuse = errors.New("the camera offers Digest only with an algorithm that is not supported: set it to MD5 or SHA-256")
	case len(offer.basic) > 0 && a.run.digestSeen:
		refuse = errors.New("the camera offered Digest before and asks for the password in clear now: refused")
	case len(offer.basic) > 0:
		res.Header["WWW-Authenticate"] = base.HeaderValue(offer.basic)
	default:
		refuse = errors.New("the camera asks for a login without saying how (no usable WWW-Authenticate): set it to Digest")
	}
	if refuse != nil {
		a.fail(fault.New(fault.Auth, "login", refuse))
		forbid(res)
		return
	}
	done, err := a.src.cfg.Logins.begin(ctx, a.url.Hostname(), a.src.login)
	if err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			err = fault.New(fault.Unreachable, "login", errors.New("other cameras on this host were logging in until the time was up"))
		}
		a.fail(err)
		forbid(res)
		return
	}
	a.loginDone = done
}

// forbid makes the library stop instead of answering a challenge.
func forbid(res *base.Response) { res.StatusCode = base.StatusForbidden }

func (a *attempt) loggedIn() {
	if a.login == loginUnknown {
		a.src.staleBefore.Store(false)
		a.login = loginAccepted
		a.reportLogin(loginAccepted)
	}
}

// reportLogin settles the login that begin granted, once.
func (a *attempt) reportLogin(o outcome) {
	if a.loginDone != nil {
		a.loginDone(o)
		a.loginDone = nil
	}
}

// challenges are the offers of a 401, as the library can read them.
type challenges struct {
	digest      []string // with MD5 or SHA-256
	otherDigest bool     // with another algorithm
	basic       []string
	stale       bool
	opaque      string
}

func parseChallenges(values []string) challenges {
	var c challenges
	for _, v := range values {
		scheme, params, _ := strings.Cut(strings.TrimSpace(v), " ")
		switch strings.ToLower(scheme) {
		case "digest":
			p := parseParams(params)
			if strings.EqualFold(p["stale"], "true") {
				c.stale = true
			}
			if p["nonce"] == "" {
				continue
			}
			switch strings.ToUpper(p["algorithm"]) {
			case "", "MD5", "SHA-256":
				c.digest = append(c.digest, writeDigest(p))
				if c.opaque == "" || strings.EqualFold(p["algorithm"], "SHA-256") {
					c.opaque = p["opaque"]
				}
			default:
				c.otherDigest = true
			}
		case "basic":
			c.basic = append(c.basic, `Basic realm="`+parseParams(params)["realm"]+`"`)
		}
	}
	return c
}

func writeDigest(p map[string]string) string {
	s := fmt.Sprintf(`Digest realm="%s", nonce="%s"`, p["realm"], p["nonce"])
	if alg := p["algorithm"]; alg != "" {
		s += fmt.Sprintf(`, algorithm="%s"`, alg)
	}
	return s
}

// parseParams reads 'realm="a, b", nonce=c' with keys in lower case.
func parseParams(s string) map[string]string {
	out := make(map[string]string)
	for s != "" {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		key = strings.ToLower(strings.Trim(key, " ,\t"))
		var value string
		if quoted, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), `"`); ok {
			value, s, _ = strings.Cut(quoted, `"`)
		} else {
			value, s, _ = strings.Cut(rest, ",")
			value = strings.TrimSpace(value)
		}
		if _, twice := out[key]; !twice && !strings.ContainsAny(value, "\"\r\n") {
			out[key] = value
		}
	}
	return out
}

// rewriteSession sets the keepalive period. The library sends one 5 s before the
// announced timeout, and every 30 s when none is announced; cameras have been
// seen to enforce 60 s without saying so, and to count loosely. So it is half
// the timeout, at most 25 s. An unreadable timeout is ignored.
func rewriteSession(h base.Header) {
	v := first(h, "Session")
	if v == "" {
		return
	}
	id, params, _ := strings.Cut(v, ";")
	timeout := 60
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), "timeout") {
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
				timeout = n
			}
		}
	}
	const margin = 5 // the library's
	h["Session"] = base.HeaderValue{strings.TrimSpace(id) + ";timeout=" + strconv.Itoa(max(min(timeout/2, 25), 1)+margin)}
}

// rewriteTransport keeps only what is needed of the answer to SETUP. The SSRC is
// often garbled and not used. A source address that is not the camera's own would
// make us send packets to, and take pictures from, a third party.
func rewriteTransport(h base.Header, multicast bool) {
	v := first(h, "Transport")
	if v == "" {
		return
	}
	var kept []string
	for p := range strings.SplitSeq(v, ";") {
		p = strings.TrimSpace(p)
		key, value, _ := strings.Cut(p, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		switch {
		case strings.HasPrefix(key, "rtp/"):
			kept = append(kept, strings.ToUpper(p))
		case key == "unicast", key == "multicast":
			kept = append(kept, key)
		case key == "interleaved", key == "server_port", key == "client_port", multicast && (key == "port" || key == "destination"):
			kept = append(kept, key+"="+strings.TrimSpace(value))
		}
	}
	h["Transport"] = base.HeaderValue{strings.Join(kept, ";")}
}

func parseRetryAfter(h base.Header) time.Duration {
	n, err := strconv.Atoi(first(h, "Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 3600)) * time.Second
}
