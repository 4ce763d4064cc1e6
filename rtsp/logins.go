package rtsp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/secret"
)

const (
	loginWindow = 30 * time.Minute
	// maxFailedLogins per host and window. Cameras lock an account, or the whole
	// recorder for this address, after 5 (Hikvision) for 30 minutes.
	maxFailedLogins = 3
	// maxUnprovenFailures is for credentials that never worked: the last of the
	// three tries is kept for corrected ones, so that setting the right password
	// takes effect at once.
	maxUnprovenFailures = 2
	maxLoginHosts       = 65536
)

// LoginBudget keeps Frameport from locking accounts: at most three failed logins
// per host in 30 minutes over all cameras, however many streams one recorder
// has. The last of the three is for credentials that have worked there, when any have:
// somebody's wrong ones do not take good cameras down. A request that carried credentials counts when it was answered 401, and, as long
// as these credentials have not worked at this host, when it was answered 403 or with a
// hang-up: some cameras say so that they are wrong. A stale nonce does not count. It keeps keyed hashes of credentials, never these
// themselves. Its methods may be called from any goroutine.
type LoginBudget struct {
	key [32]byte

	mu    sync.Mutex
	hosts map[string]*hostLogins
}

type hostLogins struct {
	failures []failedLogin
	proven   map[login]bool // credentials that have worked, until they are refused
	pending  map[login]int
	changed  chan struct{} // closed and replaced when pending shrinks
}

type failedLogin struct {
	at  time.Time
	who login
}

type login [sha256.Size]byte

// NewLoginBudget returns an empty budget.
func NewLoginBudget() *LoginBudget {
	b := &LoginBudget{hosts: make(map[string]*hostLogins)}
	_, _ = rand.Read(b.key[:]) // never fails (crypto/rand)
	return b
}

func (b *LoginBudget) fingerprint(username string, password secret.String) login {
	mac := hmac.New(sha256.New, b.key[:])
	_, _ = fmt.Fprintf(mac, "%d:%s%t%s", len(username), username, password.IsSet(), password.Reveal())
	return login(mac.Sum(nil))
}

// check returns a fault when who may not log in at host now.
func (b *LoginBudget) check(host string, who login) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.host(host)
	return h.refusal(host, who, time.Now())
}

// begin waits for the right to try one login and returns how to report its
// outcome; done must be called exactly once. Logins whose failure together would
// break the limit are let through one after another.
func (b *LoginBudget) begin(ctx context.Context, host string, who login) (done func(outcome), err error) {
	for {
		b.mu.Lock()
		h := b.host(host)
		if err := h.refusal(host, who, time.Now()); err != nil {
			b.mu.Unlock()
			return nil, err
		}
		total := 0
		for _, n := range h.pending {
			total += n
		}
		alone := h.proven[who] || h.pending[who] == 0
		if alone && len(h.failures)+total < h.limit(who) {
			h.pending[who]++
			b.mu.Unlock()
			return func(o outcome) { b.end(host, who, o) }, nil
		}
		changed := h.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// outcome is how a login ended.
type outcome uint8

const (
	loginUnknown   outcome = iota // the connection ended before the answer
	loginAccepted                 // answered with anything but 401 and 403
	loginRefused                  // answered 401
	loginForbidden                // answered 403, or the camera hung up
)

func (b *LoginBudget) end(host string, who login, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.host(host)
	if h.pending[who]--; h.pending[who] <= 0 {
		delete(h.pending, who)
	}
	switch o {
	case loginAccepted:
		h.proven[who] = true
	case loginRefused:
		delete(h.proven, who)
		h.failures = append(h.failures, failedLogin{time.Now(), who})
	case loginForbidden:
		if !h.proven[who] { // else the user has no right to this one stream
			h.failures = append(h.failures, failedLogin{time.Now(), who})
		}
	case loginUnknown:
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// host returns the entry of host with expired failures removed. b.mu is held.
func (b *LoginBudget) host(name string) *hostLogins {
	name = strings.ToLower(name)
	h := b.hosts[name]
	if h == nil {
		if len(b.hosts) >= maxLoginHosts {
			b.forget()
		}
		h = &hostLogins{proven: make(map[login]bool), pending: make(map[login]int), changed: make(chan struct{})}
		b.hosts[name] = h
	}
	h.expire(time.Now())
	return h
}

// forget drops hosts that nothing is known against and no login is under way at.
func (b *LoginBudget) forget() {
	now := time.Now()
	for name, h := range b.hosts {
		if h.expire(now); len(h.failures) == 0 && len(h.pending) == 0 {
			delete(b.hosts, name)
		}
	}
}

func (h *hostLogins) expire(now time.Time) {
	n := 0
	for n < len(h.failures) && now.Sub(h.failures[n].at) >= loginWindow {
		n++
	}
	h.failures = h.failures[n:]
}

// limit is how many logins may have failed at the host for who to be tried.
func (h *hostLogins) limit(who login) int {
	if len(h.proven) > 0 && !h.proven[who] {
		return maxFailedLogins - 1
	}
	return maxFailedLogins
}

// refusal returns a fault with the time of the next possible try, or nil.
func (h *hostLogins) refusal(host string, who login, now time.Time) error {
	own, first := 0, time.Time{}
	for _, f := range h.failures {
		if f.who == who {
			if own == 0 {
				first = f.at
			}
			own++
		}
	}
	limit := h.limit(who)
	switch {
	case len(h.failures) >= limit:
		first = h.failures[len(h.failures)-limit].at
	case own >= maxUnprovenFailures && !h.proven[who]:
	default:
		return nil
	}
	wait := loginWindow - now.Sub(first)
	e := fault.New(fault.Auth, "login", fmt.Errorf(
		"%d failed logins at %s within 30 minutes: not trying again before %s, so that the camera does not lock the account; "+
			"correct the user name and password", len(h.failures), host, now.Add(wait).UTC().Format(time.RFC3339)))
	e.RetryAfter = wait
	return e
}
