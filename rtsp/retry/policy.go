package retry

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/frameport/frameport/fault"
)

// Policy is one camera's back-off. Make one with [New].
type Policy struct {
	random func() float64

	class    fault.Class // of the last failure
	failures int         // in a row, of that class
	refusals int         // of the credentials, since they changed or worked

	played   bool      // since the last failure
	lost     time.Time // when a stream that had played was lost last, or out of reach since
	granted  int       // immediate attempts since firstNow
	firstNow time.Time
}

// New returns the policy of a camera that has not been tried yet. Random gives
// numbers in [0, 1) for the jitter; nil = math/rand.
func New(random func() float64) *Policy {
	if random == nil {
		random = rand.Float64
	}
	return &Policy{random: random}
}

// Succeeded notes that the stream delivers: call it once per attempt, at the
// first access unit (or frame).
func (p *Policy) Succeeded() {
	p.played = true
	p.refusals = 0
}

// Reset forgets all failures: the URL or the credentials have changed. The next
// attempt may be made at once. What a host knows about failed logins is kept
// elsewhere, by rtsp.LoginBudget.
func (p *Policy) Reset() { *p = Policy{random: p.random} }

// Failed notes the end of an attempt that took ranFor, and returns how long to
// wait before the next. Err is what Source.Run or the decoder returned.
func (p *Policy) Failed(err error, ranFor time.Duration) time.Duration {
	now := time.Now()
	played := p.played
	p.played = false
	if played {
		p.lost = now
	}
	e, _ := errors.AsType[*fault.Error](err)
	if e != nil && e.Immediate && p.grant(now) {
		return 0
	}
	class := fault.ClassOf(err)
	if class == fault.Unreachable && !p.lost.IsZero() {
		p.lost = now // still off: it starts up when it answers again
	}
	// a stream that ran for a while, or another fault, starts the back-off anew;
	// one that comes and goes every second does not
	if class != p.class || played && ranFor >= steady {
		p.failures = 0
	}
	p.class = class
	p.failures++
	if class == fault.Auth && (e == nil || !e.Immediate) {
		return p.auth(e)
	}
	starting := !p.lost.IsZero() && now.Sub(p.lost) < booting
	r := ruleOf(class, starting)
	wait := p.jitter(r.min, r.upper(p.failures))
	if e != nil && e.RetryAfter > 0 {
		announced := min(e.RetryAfter, maxAnnounced)
		wait = max(wait, p.jitter(announced, announced+announced/10))
	}
	return wait
}

// grant reports whether one more attempt may be made at once.
func (p *Policy) grant(now time.Time) bool {
	if p.granted == 0 || now.Sub(p.firstNow) >= immediateWindow {
		p.granted, p.firstNow = 0, now
	}
	p.granted++
	return p.granted <= maxImmediate
}

// auth is the rule for refused credentials: once more soon, because cameras that
// are starting up refuse what they accept a moment later, then after 5 minutes,
// then every 30. A login budget that is used up says when it is free again.
func (p *Policy) auth(e *fault.Error) time.Duration {
	if e != nil && e.RetryAfter > 0 {
		return p.jitter(e.RetryAfter, e.RetryAfter+30*time.Second)
	}
	p.refusals++
	switch p.refusals {
	case 1:
		return p.jitter(time.Second, 2*time.Second)
	case 2:
		return p.jitter(authSecond, authSecond+30*time.Second)
	default:
		return p.jitter(authLater, authLater+3*time.Minute)
	}
}

func (p *Policy) jitter(from, to time.Duration) time.Duration {
	return from + time.Duration(p.random()*float64(to-from))
}
