package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/server/quota"
)

// Config says what to serve and how. Listeners, Cameras, Renderer and Worker are
// required.
type Config struct {
	// Listeners are where to serve, usually made by [Listen] and [ListenUnix] after
	// [config.CheckListenAddress]. Run closes them.
	Listeners []net.Listener
	Cameras   Cameras
	Renderer  Renderer
	// Tensors makes the rows of batches; nil = StreamBatches is not implemented.
	Tensors convert.Tensorer
	// SharedMemory is for batches that are not sent in messages.
	SharedMemory SharedMemory
	// DeviceBatches is for those in memory of a GPU, offered to the same clients and lent
	// for the same time; nil = there is none.
	DeviceBatches DeviceBatches
	// InferenceServers run models for StreamInferences; their names differ. They are
	// closed by whoever made them, after Run.
	InferenceServers []*inference.Server
	// Worker makes a snapshot of the worker for WorkerService. The server fills in
	// limits that are its own, camera counts and the snapshot's time. It is called
	// from many goroutines and returns a new message each time.
	Worker func() *frameportv1.Worker
	// Access finds out who calls. Nil = whoever reaches a listener may do everything:
	// right where the listener itself is the border, loopback or --insecure.
	Access Access
	// Clients are the accounts of what clients have, shared with HTTP; nil = the server has
	// its own, with the defaults.
	Clients *quota.Clients
	// TLS is spoken on all listeners but unix sockets; it must offer the protocol "h2".
	// Nil = plain text.
	TLS *tls.Config
	// NoReflection turns gRPC reflection off.
	NoReflection bool
	// SlowConsumer is how long a write to a client may block before its stream is
	// ended, and an answer lie unread before its connection is. 0 = [DefaultSlowConsumer].
	SlowConsumer time.Duration
	// Drain is how long calls may take to end at shutdown. 0 = [DefaultDrain].
	Drain time.Duration
	// Hooks are told what happens. Any of them may be nil.
	Hooks  Hooks
	Logger *slog.Logger // nil = slog.Default()
}

// Hooks are called on the goroutine of the call and must return at once.
type Hooks struct {
	// CallDone is told of every call that ended, with the name of its status code.
	CallDone func(method, code string, took time.Duration)
	// FrameSent is told of every frame handed to gRPC, with its size in bytes.
	FrameSent func(method string, bytes int)
	// FrameShared is told of every frame leased to a client where it lies, with its size
	// in bytes.
	FrameShared func(method string, bytes int)
	// LeasesExpired is told of leases that a client did not ack in time.
	LeasesExpired func(method string, n int)
	// SlowConsumer is told of every stream that was ended because of its client.
	SlowConsumer func(method string)
	// Refused is told of every call that was refused for who makes it, or what that client
	// has already, with the reason.
	Refused func(reason string)
}

// EnsureDefaults fills what was left open.
func (c *Config) EnsureDefaults() {
	if c.SlowConsumer == 0 {
		c.SlowConsumer = DefaultSlowConsumer
	}
	if c.Clients == nil {
		c.Clients = quota.NewClients(quota.Limits{})
	}
	if c.Drain == 0 {
		c.Drain = DefaultDrain
	}
	if c.SharedMemory.Lease == 0 {
		c.SharedMemory.Lease = config.DefaultLease
	}
	if c.SharedMemory.Reason == "" {
		c.SharedMemory.Reason = "it was started without"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Hooks.CallDone == nil {
		c.Hooks.CallDone = func(string, string, time.Duration) {}
	}
	if c.Hooks.FrameSent == nil {
		c.Hooks.FrameSent = func(string, int) {}
	}
	if c.Hooks.FrameShared == nil {
		c.Hooks.FrameShared = func(string, int) {}
	}
	if c.Hooks.LeasesExpired == nil {
		c.Hooks.LeasesExpired = func(string, int) {}
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
	if len(c.Listeners) == 0 || slices.Contains(c.Listeners, nil) {
		errs = append(errs, errors.New("server: Listeners are required"))
	}
	if c.Cameras == nil {
		errs = append(errs, errors.New("server: Cameras is required"))
	}
	if c.Renderer == nil {
		errs = append(errs, errors.New("server: Renderer is required"))
	}
	if c.Worker == nil {
		errs = append(errs, errors.New("server: Worker is required"))
	}
	if c.SlowConsumer < 0 {
		errs = append(errs, fmt.Errorf("server: SlowConsumer is %v, must not be negative", c.SlowConsumer))
	}
	if c.Drain < 0 {
		errs = append(errs, fmt.Errorf("server: Drain is %v, must not be negative", c.Drain))
	}
	return errors.Join(append(errs, c.SharedMemory.validate())...)
}
