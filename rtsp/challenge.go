package rtsp

import (
	"context"
	"errors"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"github.com/frameport/frameport/fault"
)

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
	case a.src.cfg.Username == "":
		a.fail(fault.New(fault.Auth, "login", errors.New("the camera asks for a login and none is set: set user name and password")))
	case playing:
		a.fail(&fault.Error{
			Class: fault.Auth, Op: "keepalive", Immediate: true,
			Err: errors.New("the camera asks for a login in the middle of the session: connecting again"),
		})
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
