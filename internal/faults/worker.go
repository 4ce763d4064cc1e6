package faults

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/render"
	"github.com/frameport/frameport/rtsp"
	"github.com/frameport/frameport/server"
)

// Worker is the whole worker within this process, and what watches it.
type Worker struct {
	Manager *camera.Manager
	Account *frame.Account
	Log     *Log
	GRPC    string // its address
	// Names are host names that only this worker knows: func() string by name, each
	// of which returns the address with its port at that moment.
	Names sync.Map
	// SlowConsumers counts streams that were ended because of their client.
	SlowConsumers atomic.Int64

	backend  *backend.Backend
	renderer *render.Renderer
	decoders atomic.Int64 // that live
	connect  func(ctx context.Context, network, address string) (net.Conn, error)
	stop     context.CancelFunc
	running  sync.WaitGroup
	errs     [2]error // of cameras and server, once running is done

	mu      sync.Mutex
	watches map[string]*Watch
	closed  bool
}

// Options are what a worker has other than the product's own.
type Options struct {
	Timeouts rtsp.Timeouts
	// Dial opens connections to cameras, after the names were looked up; nil = net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Access and TLS are of the gRPC server; nil = everybody may do everything, in clear.
	Access server.Access
	TLS    *tls.Config
	// Isolation is how many cameras share a decoder process; 0 = they are decoded in this one.
	Isolation int
	// Regions is where frames lie that clients map; nil = nowhere.
	Regions *shm.Folder
	// Store keeps the cameras; nil = nobody does.
	Store camera.Store
}

// Start starts a worker on the CPU, with the limits and timeouts of the product.
func Start() (*Worker, error) { return StartWith(Options{}) }

// StartWith is Start with options.
func StartWith(o Options) (*Worker, error) {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	w := &Worker{Account: &frame.Account{}, Log: &Log{}, watches: map[string]*Watch{}, connect: o.Dial}
	log := slog.New(slog.NewTextHandler(w.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if w.backend, err = backend.New(context.Background(), backend.Config{
		Kind: config.BackendCPU, Account: w.Account, Isolation: o.Isolation, Regions: o.Regions, Logger: log,
	}); err != nil {
		return nil, err
	}
	logins, dials := rtsp.NewLoginBudget(), rtsp.NewDialLimiter(0, 0)
	w.Manager = camera.NewManager(camera.ManagerConfig{
		NewSource: func(c config.Camera, log *slog.Logger) (camera.Source, error) {
			u, _, err := rtsp.ParseURL(c.URL)
			if err != nil {
				return nil, err
			}
			return rtsp.New(rtsp.Config{
				URL: u, Username: c.Username, Password: c.Password, Transport: rtsp.Transport(c.Transport),
				TLS:    rtsp.TLS{Mode: rtsp.TLSMode(c.TLS.Mode), PinSHA256: c.TLS.PinSHA256},
				Logger: log, Logins: logins, Dials: dials, DialContext: w.dial, Timeouts: o.Timeouts,
			})
		},
		NewDecoder: w.newDecoder,
		Admit:      w.backend.Admit,
		Store:      o.Store,
		Account:    w.Account,
		Logger:     log,
	})
	w.renderer = render.New(w.backend.Converter, w.backend.Encoder, render.Config{Parallel: w.backend.Parallel()})
	listener, err := server.Listen(context.Background(), "127.0.0.1:0", 0)
	if err != nil {
		return nil, errors.Join(err, w.renderer.Close(), w.backend.Close())
	}
	w.GRPC = listener.Addr().String()
	srv, err := server.New(server.Config{
		Listeners: []net.Listener{listener}, Cameras: server.Manager(w.Manager), Renderer: w.renderer, Tensors: w.renderer,
		Worker: func() *frameportv1.Worker { return &frameportv1.Worker{InstanceId: "faults"} }, Logger: log,
		Access: o.Access, TLS: o.TLS, SharedMemory: server.SharedMemory{Folder: o.Regions},
		Hooks: server.Hooks{SlowConsumer: func(string) { w.SlowConsumers.Add(1) }},
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close(), w.renderer.Close(), w.backend.Close())
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	w.running.Go(func() { w.errs[0] = w.Manager.Run(ctx) })
	w.running.Go(func() { w.errs[1] = srv.Run(ctx) })
	w.running.Go(func() { w.look(ctx) })
	return w, nil
}

// dial looks names up at every call, as the net package does.
func (w *Worker) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(address); err == nil {
		if at, ok := w.Names.Load(host); ok {
			if at, ok := at.(func() string); ok {
				address = at()
			}
		}
	}
	return w.connect(ctx, network, address)
}

// look follows the states of all cameras until ctx ends.
func (w *Worker) look(ctx context.Context) {
	news := make(chan struct{}, 1)
	defer w.Manager.Watch(news)()
	for {
		for _, s := range w.Manager.List() {
			w.mu.Lock()
			watch := w.watches[s.ID]
			w.mu.Unlock()
			if watch != nil {
				watch.state(s, time.Now())
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// Close ends the worker. It fails when anything of it is left.
func (w *Worker) Close() error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return nil
	}
	w.stop()
	w.running.Wait()
	for _, watch := range w.Watches() {
		watch.wait()
	}
	var errs []error
	if !errors.Is(w.errs[0], context.Canceled) {
		errs = append(errs, w.errs[0])
	}
	errs = append(errs, w.errs[1], w.renderer.Close(), w.backend.Close())
	if f, b, d := w.Account.Frames(), w.Account.Bytes(), w.decoders.Load(); f != 0 || b != 0 || d != 0 {
		errs = append(errs, fmt.Errorf("left after the worker: %d frames, %d bytes of pictures, %d decoders", f, b, d))
	}
	return errors.Join(errs...)
}

// Watches returns what watches the cameras, also those that are gone.
func (w *Worker) Watches() []*Watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]*Watch, 0, len(w.watches))
	for _, watch := range w.watches {
		out = append(out, watch)
	}
	return out
}

// Add adds a camera and watches it. Shows are the numbers in the bar codes of the
// clips it may show; none = they can't be read.
func (w *Worker) Add(ctx context.Context, id string, spec config.Camera, shows ...int) (*Watch, error) {
	watch := newWatch(id, shows)
	w.mu.Lock()
	w.watches[id] = watch
	w.mu.Unlock()
	if _, err := w.Manager.Add(ctx, id, spec); err != nil {
		w.mu.Lock()
		delete(w.watches, id)
		w.mu.Unlock()
		return nil, err
	}
	feed, err := w.Manager.Feed(id)
	if err != nil {
		return nil, err
	}
	watch.follow(feed)
	return watch, nil
}
