package camera

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/failpoint"
)

const (
	// degradedHold is how long a camera stays DEGRADED after the last trouble.
	degradedHold = 10 * time.Second
	// logEvery bounds lines per camera and class.
	logEvery = 10 * time.Second

	classes = int(fault.Policy) + 1
)

// FaultStatus is what is wrong with a camera. The zero value means nothing.
type FaultStatus struct {
	Class   fault.Class
	Message string // for people; holds no secret
	Count   uint64 // faults of this class from First to Last
	First   time.Time
	Last    time.Time
	// NextAttempt is when the camera is tried again; zero when an attempt is going
	// on or none is needed.
	NextAttempt time.Time
}

// health is a camera's state machine. Its methods may be called from any goroutine.
// A session is what flows between a first access unit and the end of its
// connection, named by its epoch: news of an older one is late and ignored.
type health struct {
	log     *slog.Logger
	changed func() uint64 // called with mu held, after each change; returns its revision

	quick atomic.Uint32 // State, for the check per frame

	mu       sync.Mutex
	state    State
	since    time.Time
	cause    string
	fault    FaultStatus
	last     FaultStatus
	session  uint64
	hold     time.Time // DEGRADED lasts until then
	revision uint64
	changes  uint64 // how many there were
	gates    [classes]gate
}

// gate lets one line through per logEvery and counts the others.
type gate struct {
	next       time.Time
	suppressed int
}

// healthView is a consistent copy.
type healthView struct {
	state       State
	since       time.Time
	cause       string
	fault, last FaultStatus
	revision    uint64
	changes     uint64
}

func newHealth(log *slog.Logger, changed func() uint64) *health {
	h := &health{log: log, changed: changed, since: failpoint.Now(), cause: "added"}
	h.news()
	return h
}

func (h *health) view() healthView {
	h.mu.Lock()
	defer h.mu.Unlock()
	return healthView{h.state, h.since, h.cause, h.fault, h.last, h.revision, h.changes}
}

// news tells everybody who watches that something changed. h.mu is held.
func (h *health) news() {
	h.changes++
	h.revision = h.changed()
}

// touch notes a change of the specification.
func (h *health) touch() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.news()
}

// connecting starts over, without a fault.
func (h *health) connecting(cause string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session, h.fault = 0, FaultStatus{}
	h.move(StateConnecting, cause)
}

// attempting notes that a connection attempt begins.
func (h *health) attempting() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.fault.NextAttempt.IsZero() {
		h.fault.NextAttempt = time.Time{}
		h.news()
	}
}

// begin names the session that flows now.
func (h *health) begin(epoch uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session = epoch
}

// flowing notes that session epoch delivers what it should.
func (h *health) flowing(epoch uint64) {
	if State(h.quick.Load()) == StateRunning {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if epoch != h.session || h.state == StateRunning || h.state == StateDegraded && failpoint.Now().Before(h.hold) {
		return
	}
	h.fault = FaultStatus{}
	h.move(StateRunning, "frames flow")
}

// degraded notes trouble behind a good connection.
func (h *health) degraded(epoch uint64, err *fault.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if epoch == h.session {
		h.trouble(err)
	}
}

// starving notes that the running attempt is connected and delivers nothing. The
// caller makes sure that the attempt has not ended.
func (h *health) starving(err *fault.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trouble(err)
}

// trouble makes the camera DEGRADED for a while. h.mu is held.
func (h *health) trouble(err *fault.Error) {
	if h.state == StateStopped {
		return
	}
	now := failpoint.Now()
	h.hold = now.Add(degradedHold)
	first := h.state != StateDegraded || h.fault.Class != err.Class
	h.note(err.Class, err.Error(), now)
	if first {
		h.move(StateDegraded, err.Error())
	}
}

// failed notes that an attempt ended and when the next one begins.
func (h *health) failed(err error, next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session = 0
	if h.state == StateStopped {
		return
	}
	class := fault.ClassOf(err)
	if class == fault.None {
		class = fault.Unreachable
	}
	fresh := h.fault.Class != class
	h.note(class, err.Error(), failpoint.Now())
	h.fault.NextAttempt = next
	to := StateFailed
	if class == fault.Stalled {
		to = StateStalled
	}
	if h.state != to || fresh {
		h.move(to, err.Error())
	} else {
		h.news()
	}
}

// stopped is final.
func (h *health) stopped(cause string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session, h.fault.NextAttempt = 0, time.Time{}
	h.move(StateStopped, cause)
}

// note counts a fault. h.mu is held.
func (h *health) note(class fault.Class, message string, now time.Time) {
	if h.fault.Class != class {
		h.fault = FaultStatus{Class: class, First: now}
	}
	h.fault.Message, h.fault.Last = message, now
	h.fault.Count++
	h.last = h.fault
}

// move changes the state, or its cause when the state stays. h.mu is held.
func (h *health) move(to State, cause string) {
	from := h.state
	if from != to && !from.mayBecome(to) || from == StateStopped {
		return
	}
	if from != to {
		h.since = failpoint.Now()
	}
	h.state, h.cause = to, cause
	h.quick.Store(uint32(to))
	h.news()
	h.report(from)
}

// report writes one line about the state, if its class may write now. h.mu is held.
func (h *health) report(from State) {
	class := fault.None
	if h.state != StateRunning && h.state != StateStopped {
		class = h.fault.Class
	}
	g := &h.gates[min(int(class), classes-1)]
	now := failpoint.Now()
	if now.Before(g.next) && h.state != StateStopped {
		g.suppressed++
		return
	}
	level := slog.LevelInfo
	if class != fault.None {
		level = slog.LevelWarn
	}
	attrs := make([]slog.Attr, 0, 6)
	attrs = append(attrs, slog.String("state", h.state.String()), slog.String("previous", from.String()), slog.String("cause", h.cause))
	if class != fault.None {
		attrs = append(attrs, slog.String("class", class.String()))
	}
	if !h.fault.NextAttempt.IsZero() {
		attrs = append(attrs, slog.String("next_attempt_in", h.fault.NextAttempt.Sub(now).Round(time.Millisecond).String()))
	}
	if g.suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", g.suppressed))
	}
	g.next, g.suppressed = now.Add(logEvery), 0
	h.log.LogAttrs(context.Background(), level, "camera state changed", attrs...)
}
