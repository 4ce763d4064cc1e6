package camera

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// maxLines bounds how many different messages of one camera are told apart.
const maxLines = 64

// limitLines returns a logger for one camera that writes each message once per logEvery
// and adds how often it was left out before. Messages are constant texts; what differs
// is in their attributes. What health writes has such a bound of its own, by class.
func limitLines(log *slog.Logger) *slog.Logger {
	return slog.New(limitedHandler{log.Handler(), &lineGates{gates: map[string]gate{}}})
}

// limitedHandler is a slog.Handler behind gates.
type limitedHandler struct {
	slog.Handler
	lines *lineGates
}

// lineGates are the gates of one camera's messages.
type lineGates struct {
	mu    sync.Mutex
	gates map[string]gate
}

// pass reports whether message may be written now, and how often it was not before.
func (l *lineGates) pass(message string, now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, known := l.gates[message]
	if !known && len(l.gates) >= maxLines {
		message = ""
		g = l.gates[message]
	}
	defer func() { l.gates[message] = g }()
	if now.Before(g.next) {
		g.suppressed++
		return 0, false
	}
	suppressed = g.suppressed
	g = gate{next: now.Add(logEvery)}
	return suppressed, true
}

// Handle implements [slog.Handler].
func (h limitedHandler) Handle(ctx context.Context, r slog.Record) error {
	suppressed, ok := h.lines.pass(r.Message, r.Time)
	if !ok {
		return nil
	}
	if suppressed > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("suppressed", suppressed))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h limitedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limitedHandler{h.Handler.WithAttrs(attrs), h.lines}
}

// WithGroup implements [slog.Handler].
func (h limitedHandler) WithGroup(name string) slog.Handler {
	return limitedHandler{h.Handler.WithGroup(name), h.lines}
}
