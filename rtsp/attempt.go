package rtsp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/rtpdepay"
)

// userAgent is what cameras show in their logs.
const userAgent = "Frameport"

// never stands for the library's own timeouts. It counts media and keepalive
// answers alike, and for multicast measures from 1970 until the first packet; the
// watchdogs in watch.go and the deadlines of link do that work.
const never = time.Duration(math.MaxInt64 / 2)

// udpReceiveBuffer is asked for, not insisted on: a key frame of a 4K camera
// comes as one burst of half a megabyte.
const udpReceiveBuffer = 1 << 20

// attempt is one connection with one transport.
type attempt struct {
	src      *Source
	run      *runState
	url      URL
	protocol Transport
	sink     func(*media.AccessUnit) error

	client *gortsplib.Client
	link   atomic.Pointer[link]
	ending atomic.Bool
	closed sync.Once

	// These belong to the goroutine of the session until the library's call
	// returns, and to Run's goroutine from then on.
	now        exchange
	login      outcome
	loginDone  func(outcome)
	opaque     string
	web        *auth.Sender // logs in at the web server of a tunnel; nil = it wants no login
	redirected bool
	location   string
	retryAfter time.Duration
	track      *videoTrack
	aggregate  *url.URL
	control    *url.URL

	playing   atomic.Bool
	keepalive atomic.Int64 // when the last one was sent, since begun; 0 = none was
	failed    chan struct{}

	mu      sync.Mutex
	failure error // the first one reported

	// receive.go
	begun      time.Time // PLAY was sent
	over       atomic.Bool
	lastRTP    atomic.Int64 // last RTP packet, since begun; 0 = none
	gap        atomic.Int64 // usual longest distance of units
	unreadable atomic.Uint64
	emit       func(*media.AccessUnit) error
	stream     atomic.Pointer[rtpdepay.Stream]
	format     *videoFormat
	lastUnit   time.Time
	reports    reports
	clock      clockPointer
}

// switchTransport asks for another attempt with another transport.
type switchTransport struct {
	to  Transport
	why error // what to report when that is not allowed
}

func (e *switchTransport) Error() string { return e.why.Error() }

// redirect asks for another attempt at another place.
type redirect struct{ location string }

func (*redirect) Error() string { return "redirected" }

// sinkError carries an error of the sink past the classification.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }

func newAttempt(s *Source, run *runState, u URL, p Transport, sink func(*media.AccessUnit) error) *attempt {
	a := &attempt{src: s, run: run, url: u, protocol: p, sink: sink, failed: make(chan struct{}, 1)}
	a.emit = a.deliver
	return a
}

// fail reports what ends the attempt; the first report counts.
func (a *attempt) fail(err error) {
	a.mu.Lock()
	if a.failure == nil {
		a.failure = err
	}
	a.mu.Unlock()
	a.over.Store(true)
	select {
	case a.failed <- struct{}{}:
	default:
	}
}

// survive is deferred by every callback of the library, which runs them on its own
// goroutines: a panic over what one camera sent ends its attempt, not the process.
func (a *attempt) survive() {
	if r := recover(); r != nil {
		a.src.cfg.Logger.Error("a callback panicked", "panic", a.src.scrub.text(fmt.Sprint(r)), "stack", string(debug.Stack()))
		a.fail(fault.New(fault.Protocol, "run", errors.New("what the camera sent made frameport's code panic: see the log, and report it")))
	}
}

func (a *attempt) failureOr(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure != nil {
		return a.failure
	}
	return err
}

// do makes the attempt and blocks until it has ended and all of it is gone.
func (a *attempt) do(ctx context.Context) error {
	defer a.reportLoginEnd()
	release, err := a.src.cfg.Dials.Acquire(ctx, a.url.Hostname())
	if err != nil {
		return err
	}
	defer release()

	handshake, cancel := context.WithTimeout(ctx, a.src.cfg.Timeouts.Handshake)
	defer cancel()
	if err := a.start(handshake); err != nil {
		return err
	}
	defer a.free()
	defer a.close()
	stop := context.AfterFunc(handshake, a.close)
	err = a.handshake()
	stop()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if handshake.Err() != nil {
			return a.failureOr(fault.New(fault.Unreachable, "handshake", fmt.Errorf(
				"the camera did not begin to play within %v: check that it is on and not overloaded", a.src.cfg.Timeouts.Handshake)))
		}
		if a.now.authorized && isLoss(err) {
			a.reportLogin(loginForbidden)
		}
		return err
	}
	release()
	return a.watch(ctx)
}

// reportLoginEnd settles a login that was begun and never answered.
func (a *attempt) reportLoginEnd() { a.reportLogin(loginUnknown) }

// free gives back what the receiving took. Nothing is received any more.
func (a *attempt) free() {
	if stream := a.stream.Load(); stream != nil {
		stream.Close()
	}
}

func (a *attempt) start(ctx context.Context) error {
	u := a.url.base(nil)
	a.client = &gortsplib.Client{
		Scheme:                u.Scheme,
		Host:                  u.Host,
		ReadTimeout:           never,
		WriteTimeout:          a.src.cfg.Timeouts.Response,
		InitialUDPReadTimeout: never,
		UserAgent:             userAgent,
		AnyPortEnable:         true,
		DialContext:           a.dial,
		DialTLSContext:        a.dial,
		ListenPacket:          listenPacket,
	}
	a.client.Protocol = libraryProtocol(a.protocol)
	a.hook(ctx, a.client)
	if err := a.client.Start(); err != nil {
		return fault.New(fault.Protocol, "start", err)
	}
	return nil
}

func libraryProtocol(t Transport) *gortsplib.Protocol {
	p := gortsplib.ProtocolTCP
	switch t {
	case TransportUDP:
		p = gortsplib.ProtocolUDP
	case TransportMulticast:
		p = gortsplib.ProtocolUDPMulticast
	case TransportTCP, TransportHTTP, TransportWebSocket, TransportAuto:
	}
	return &p
}

func listenPacket(network, address string) (net.PacketConn, error) {
	c, err := net.ListenPacket(network, address)
	if udp, ok := c.(*net.UDPConn); ok {
		_ = udp.SetReadBuffer(udpReceiveBuffer) // the kernel grants what it allows
	}
	return c, err
}

// close ends the attempt: TEARDOWN within its budget, then everything is
// released. It may be called again and from any goroutine; all calls return when
// nothing is left.
func (a *attempt) close() {
	a.closed.Do(func() {
		budget := a.src.cfg.Timeouts.Teardown
		a.over.Store(true)
		a.ending.Store(true)
		if l := a.link.Load(); l != nil {
			l.beginClose(budget)
		}
		forced := make(chan struct{})
		timer := time.AfterFunc(budget, func() {
			if l := a.link.Load(); l != nil {
				l.force()
			}
			close(forced)
		})
		a.client.Close()
		a.src.state.connected.Store(false)
		if !timer.Stop() {
			<-forced
		}
	})
}
