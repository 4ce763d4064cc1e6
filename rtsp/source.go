package rtsp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/rtpdepay"
)

const (
	maxRedirects = 3
	maxDials     = 5
	// maxImmediate bounds attempts in a row that ask for another one at once
	// without ever playing: a camera that accepts a login for DESCRIBE and refuses it
	// for SETUP looks like one whose nonce expires.
	maxImmediate = 3
)

// Source is one camera's stream. Make one with [New]; it may be Run again and
// again, one Run at a time, and remembers between Runs what it learned about the
// camera.
type Source struct {
	cfg   Config
	login login
	scrub scrubber

	// learned
	transport      atomic.Uint32 // what TransportAuto found to work; 0 = nothing yet
	plainKeepalive atomic.Bool
	staleBefore    atomic.Bool
	immediate      int // belongs to Run

	state state

	mu      sync.Mutex
	live    *attempt
	history rtpdepay.Stats // of the attempts before live
	using   Transport      // of live
}

// state is what Stats reads without a lock.
type state struct {
	connected, playing atomic.Bool
	codec              atomic.Uint32
	packets, bytes     atomic.Uint64
	unreadable         atomic.Uint64
}

// runState is what the attempts of one Run share.
type runState struct{ digestSeen bool }

// New returns the source for cfg. It does no I/O. The error lists every problem
// of cfg.
func New(cfg Config) (*Source, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{
		cfg:   cfg,
		login: cfg.Logins.fingerprint(cfg.Username, cfg.Password),
		scrub: newScrubber(cfg.Username, cfg.Password, cfg.URL),
	}, nil
}

// userinfo returns the credentials as the library takes them. It only sends them
// in answer to a challenge.
func (s *Source) userinfo() *url.Userinfo {
	if s.cfg.Username == "" {
		return nil
	}
	if !s.cfg.Password.IsSet() {
		return url.User(s.cfg.Username)
	}
	return url.UserPassword(s.cfg.Username, s.cfg.Password.Reveal())
}

// Run makes one attempt to play the stream and hands its access units to sink
// until the attempt fails, sink returns an error, or ctx ends. Following a
// redirect and changing the transport are part of the attempt.
//
// Sink is called on a goroutine of Run's, one call at a time; the unit is lent for
// the call. When Run returns, every socket and goroutine of it is gone; the camera
// has got a TEARDOWN wherever it could be sent.
//
// The result is never nil: the error of sink as it is, the error of ctx when that
// ended, else a *[fault.Error] whose text holds no credentials.
func (s *Source) Run(ctx context.Context, sink func(*media.AccessUnit) error) error {
	err := s.play(ctx, sink)
	if e, ok := errors.AsType[*sinkError](err); ok {
		return e.err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.finish(err)
}

func (s *Source) play(ctx context.Context, sink func(*media.AccessUnit) error) error {
	if s.cfg.Username != "" {
		if err := s.cfg.Logins.check(s.cfg.URL.Hostname(), s.login); err != nil {
			return err
		}
	}
	run := &runState{}
	at, protocol, redirects := s.cfg.URL, s.firstTransport(), 0
	tried := map[Transport]bool{}
	for range maxDials {
		tried[protocol] = true
		err := newAttempt(s, run, at, protocol, sink).do(ctx)
		if r, ok := errors.AsType[*redirect](err); ok {
			if redirects++; redirects > maxRedirects {
				return fault.New(fault.Policy, "redirect", fmt.Errorf(
					"the camera redirects more than %d times, perhaps in a loop: set its true URL", maxRedirects))
			}
			if at, err = at.redirect(r.location, protocol); err != nil {
				return err
			}
			continue
		}
		if change, ok := errors.AsType[*switchTransport](err); ok {
			if s.cfg.Transport != TransportAuto || tried[change.to] || at.Secure() && change.to != TransportTCP {
				return change.why
			}
			s.cfg.Logger.Info("changing the transport", "from", protocol.String(), "to", change.to.String(), "reason", s.scrub.text(change.why.Error()))
			protocol = change.to
			continue
		}
		return err
	}
	return fault.New(fault.Policy, "dial", fmt.Errorf("more than %d connections would be needed for one attempt: set the camera's true URL and transport", maxDials))
}

// firstTransport is the one to begin with.
func (s *Source) firstTransport() Transport {
	switch known := Transport(s.transport.Load()); {
	case s.cfg.Transport != TransportAuto:
		return s.cfg.Transport
	case s.cfg.URL.Secure():
		return TransportTCP
	case known != TransportAuto:
		return known
	default:
		return TransportUDP
	}
}

// remember keeps a transport over which media has arrived.
func (s *Source) remember(t Transport) { s.transport.Store(uint32(t)) }

// finish gives err its final form.
func (s *Source) finish(err error) error {
	e := classify("run", err)
	out := *e
	out.Err = s.scrub.error(e.Err)
	if out.Immediate {
		if s.immediate++; s.immediate > maxImmediate {
			out.Immediate = false
			out.Err = errors.New("the camera accepts the login and then refuses it again: check the user's rights on the camera")
		}
	}
	return &out
}
