package httpapi

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/frameport/frameport/server"
	"github.com/frameport/frameport/server/quota"
)

// Defaults of [Config].
const (
	DefaultSlowConsumer = 10 * time.Second
	DefaultDrain        = server.DefaultDrain
)

// Config says what to serve and how. Listener, Cameras and Renderer are required.
type Config struct {
	// Listener is where to serve, usually made by [Listen] after
	// [config.CheckListenAddress]. Run closes it.
	Listener net.Listener
	Cameras  server.Cameras
	Renderer server.Renderer
	// Access finds out who asks. Nil = whoever reaches the listener may see everything:
	// right where the listener itself is the border, loopback or --insecure.
	Access server.Access
	// Clients are the accounts of what clients have, shared with gRPC; nil = the server has
	// its own, with the defaults.
	Clients *quota.Clients
	// TLS is spoken on the listener; it must offer the protocol "http/1.1". Nil = plain
	// text.
	TLS *tls.Config
	// Metrics serves /metrics. Nil = there is none.
	Metrics http.Handler
	// Ready says why the worker should get no new work, for /readyz. It must not
	// depend on any single camera. Nil = ready while Run runs.
	Ready func() error
	// Hosts are the names under which a loopback listener may be asked, besides IP
	// addresses and localhost; "*" allows all. See Note: [Host names].
	Hosts []string
	// SlowConsumer is how long a write to a client may block before its connection is
	// closed. 0 = [DefaultSlowConsumer].
	SlowConsumer time.Duration
	// Drain is how long requests may take to end at shutdown. 0 = [DefaultDrain].
	Drain  time.Duration
	Hooks  Hooks
	Logger *slog.Logger // nil = slog.Default()
}

// Hooks are called on the goroutine of the request and must return at once.
type Hooks struct {
	// FrameSent is told of every picture that was written, with its size in bytes.
	FrameSent func(route string, bytes int)
	// SlowConsumer is told of every stream that was ended because of its client.
	SlowConsumer func(route string)
	// Refused is told of every request that was refused for who makes it, or what
	// that client has already, with the reason.
	Refused func(reason string)
}

// EnsureDefaults fills what was left open.
func (c *Config) EnsureDefaults() {
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.SlowConsumer == 0 {
		c.SlowConsumer = DefaultSlowConsumer
	}
	if c.Clients == nil {
		c.Clients = quota.NewClients(quota.Limits{})
	}
	if c.Drain == 0 {
		c.Drain = DefaultDrain
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Hooks.FrameSent == nil {
		c.Hooks.FrameSent = func(string, int) {}
	}
	if c.Hooks.SlowConsumer == nil {
		c.Hooks.SlowConsumer = func(string) {}
	}
	if c.Hooks.Refused == nil {
		c.Hooks.Refused = func(string) {}
	}
}

// Validate reports everything that is missing or wrong.
func (c Config) Validate() error {
	var errs []error
	if c.Listener == nil {
		errs = append(errs, errors.New("httpapi: Listener is required"))
	}
	if c.Cameras == nil {
		errs = append(errs, errors.New("httpapi: Cameras is required"))
	}
	if c.Renderer == nil {
		errs = append(errs, errors.New("httpapi: Renderer is required"))
	}
	if c.SlowConsumer < 0 || c.Drain < 0 {
		errs = append(errs, errors.New("httpapi: times must not be negative"))
	}
	return errors.Join(errs...)
}
