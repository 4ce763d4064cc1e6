package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/render"
	"github.com/frameport/frameport/rtsp"
	"github.com/frameport/frameport/rtsp/address"
	"github.com/frameport/frameport/rtsp/rtpdepay"
	"github.com/frameport/frameport/server"
	"github.com/frameport/frameport/server/httpapi"
	"github.com/frameport/frameport/server/quota"
	"github.com/frameport/frameport/telemetry"
)

// workerConfig is what a worker is built from.
type workerConfig struct {
	settings config.Worker
	declared []config.Declared
	log      *slog.Logger
	// ready, when set, is told the addresses once the listeners are open: the first
	// one of gRPC; http is nil when HTTP is off.
	ready func(grpc, http net.Addr)
	// abort ends the process at once with a status; nil = os.Exit.
	abort func(status int)
}

// runWorker builds the worker, runs it until ctx ends and takes it apart in
// reverse order: servers, cameras, renderer, encoder and converter, state file.
// It fails when anything is left over.
func runWorker(ctx context.Context, cfg workerConfig) (err error) {
	started := failpoint.Now()
	ctx, ending := context.WithCancel(ctx) // what begins to end has a time limit, whatever began it
	defer ending()
	closing := func(what string, close func() error) {
		ending()
		if cerr := close(); cerr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", what, cerr))
		}
	}
	if cfg.abort == nil {
		cfg.abort = abort
	}
	defer limitShutdown(ctx, cfg.log, cfg.abort)()
	if n := failpoint.Notice(); n != "" {
		cfg.log.Warn("failpoints: " + n)
	}
	if err := failpoint.FromEnvironment(); err != nil {
		return err
	}
	s := cfg.settings
	if err := s.Validate(); err != nil {
		return err
	}

	guard, err := openAccess(s, cfg.log)
	if err != nil {
		return err
	}
	if s.Insecure {
		cfg.log.Warn("insecure: addresses that other machines can reach may be served without TLS or without a login", "tls", s.TLS.On(), "login", s.Login())
	}
	account := &frame.Account{}
	models, closeModels, err := openInference(s.InferenceServers)
	if err != nil {
		return err
	}
	defer closing("inference servers", closeModels)
	shared := openShared(s.SharedMemory, cfg.log)
	if shared.Folder != nil { // its regions are gone with the last frame
		defer closing("shared memory", shared.Folder.Close)
	}
	engines := backendConfig(s.Backend, s.GPU, account)
	engines.Regions = shared.Folder
	engines.Isolation, engines.Logger = isolationOf(s), cfg.log
	b, err := backend.New(ctx, engines)
	if err != nil {
		return err
	}
	for _, note := range b.Choice.Notes {
		cfg.log.Warn("backend", "note", note)
	}
	defer func() {
		closing("backend", b.Close)
		if frames, bytes := account.Frames(), account.Bytes()+account.DeviceBytes(); frames != 0 || bytes != 0 {
			err = errors.Join(err, fmt.Errorf("shutdown left %d frames and %d bytes of picture memory behind; please report this", frames, bytes))
		}
	}()

	servers, err := listen(ctx, s)
	if err != nil {
		return err
	}
	policy := cameraPolicy(s.CameraAddresses, servers.own())
	inlets := newSources(policy, s.Limits)
	cameras := camera.ManagerConfig{
		NewSource:  inlets.open,
		NewDecoder: b.NewDecoder,
		Admit: func(id string, spec config.Camera) (func(), error) {
			if err := admitAddress(policy, spec); err != nil {
				return nil, err
			}
			return b.Admit(id, spec)
		},
		DeviceMemory: b.DeviceMemory,
		Declared:     cfg.declared,
		Account:      account,
		Logger:       cfg.log,
		MaxCameras:   s.MaxCameras,
		UnitMemory:   int64(s.Limits.UnitMemory),
		Pressure:     new(heapGauge).pressure,
		Processors:   rationingProcessors(s.Limits),
	}
	if s.StateDir != "" {
		file, records, err := openState(ctx, s.StateDir, s.StateKeyFile)
		if err != nil {
			return errors.Join(err, servers.close())
		}
		defer closing("state file", file.Close)
		cameras.Store, cameras.Restored = file, records
	}
	metrics := telemetry.NewMetrics(version, b.Choice.Kind.String(), cfg.log)
	cameras.Decoded, cameras.Waited = metrics.Decoded, metrics.Waited
	manager := camera.NewManager(cameras)
	metrics.Cameras(manager)
	metrics.Gauge("access_unit_memory_bytes", "Memory of the access units of all cameras that wait to be decoded.", func() float64 { return float64(manager.UnitMemory()) })
	metrics.Gauge("cameras_rationed", "Cameras that are decoded less than they should be, because decoding can't keep up with all.", func() float64 { return float64(manager.Rationed()) })
	metrics.Gauge("assembly_memory_bytes", "Memory of what all cameras' receivers collect of pictures that are not whole yet.", func() float64 { return float64(inlets.assembly.Used()) })
	renderer := render.New(b.Converter, b.Encoder, render.Config{Rendered: metrics.Rendered, Parallel: b.Parallel()})
	defer closing("renderer", renderer.Close)

	measureIsolation(metrics, b)
	if shared.Folder != nil {
		metrics.Gauge("shared_memory_bytes", "Memory that clients on this machine can map.", func() float64 { return float64(shared.Folder.Bytes()) })
		metrics.Counter("pictures_shared_total", "Pictures that the CPU decoded straight into memory that clients map.", func() float64 { n, _ := b.SharedPictures(); return float64(n) })
		metrics.Counter("pictures_unshared_total", "Pictures that clients were to map and can't, because no slot was free or they have a new shape.", func() float64 { _, n := b.SharedPictures(); return float64(n) })
	}
	guard.measure(metrics)
	id := newInstance(started, b, s, account, guard)
	servers.ready, servers.clients = manager.Ready, clientLimits(s.Limits)
	if err := servers.build(server.Manager(manager), renderer, shared, models, metrics, id, cfg.log); err != nil {
		return errors.Join(err, servers.close())
	}
	if cfg.ready != nil {
		cfg.ready(servers.addresses())
	}
	cfg.log.Info("serving", "version", versionText(), "grpc", servers.grpcText(), "http", text(servers.http),
		"backend", b.Choice.Kind, "reason", b.Choice.Reason, "cameras", len(manager.List()), "state", s.StateDir)
	watch := func(ctx context.Context) error { return watchBackend(ctx, b.Watch, cfg.log, cfg.abort) }
	err = runUntil(ctx, ending, servers, manager, watch)
	if errors.Is(err, gpu.ErrDeviceLost) {
		cfg.abort(exitDeviceLost)
	}
	if err != nil {
		cfg.log.Error("stopped", "error", err)
		return err
	}
	cfg.log.Info("stopped")
	return nil
}

// text is where l listens, as people and log readers write it; "off" is nowhere.
func text(l net.Listener) string {
	if l == nil {
		return httpOff
	}
	return l.Addr().String()
}

// runUntil runs servers and cameras until ctx ends, one of them fails or watch returns
// an error, and calls ending then. The cameras go on until the last call has been
// answered. After the loss of a GPU it does not wait for them: they may hang.
func runUntil(ctx context.Context, ending func(), servers *servers, manager *camera.Manager, watch func(context.Context) error) error {
	cameraCtx, stopCameras := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCameras()
	camerasDone := make(chan error, 1)
	go func() { camerasDone <- manager.Run(cameraCtx) }()

	g, serving := errgroup.WithContext(ctx)
	for _, run := range servers.runs {
		g.Go(func() error { return run(serving) })
	}
	g.Go(func() error { return watch(serving) })
	err := g.Wait()
	if errors.Is(err, gpu.ErrDeviceLost) {
		return err
	}
	ending()
	stopCameras()
	if cerr := <-camerasDone; !errors.Is(cerr, context.Canceled) {
		err = errors.Join(err, cerr)
	}
	return err
}

func newSources(policy *address.Policy, l config.Limits) sources {
	return sources{
		logins: rtsp.NewLoginBudget(), dials: rtsp.NewDialLimiter(0, 0), dialer: policy.Dialer(), assembly: rtpdepay.NewMemory(int64(l.UnitMemory)),
	}
}

// httpOff as an address means that HTTP is not served.
const httpOff = "off"

// servers are the listeners and what serves on them.
type servers struct {
	grpc []net.Listener
	http net.Listener // nil when it is off
	runs []func(context.Context) error
	// ready says why the worker should get no new work.
	ready func() error
	// clients are what one client may have.
	clients quota.Limits
}

func listen(ctx context.Context, s config.Worker) (*servers, error) {
	l := &servers{}
	for _, address := range s.GRPCAddresses() {
		lis, err := listenGRPC(ctx, address, s.GRPCSocketMode)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("grpc: %w", err), l.close())
		}
		l.grpc = append(l.grpc, lis)
	}
	if s.HTTPAddress == httpOff {
		return l, nil
	}
	var err error
	if l.http, err = httpapi.Listen(ctx, s.HTTPAddress); err != nil {
		return nil, errors.Join(fmt.Errorf("http: %w", err), l.close())
	}
	return l, nil
}

func listenGRPC(ctx context.Context, address string, mode config.SocketMode) (net.Listener, error) {
	if path, ok := config.UnixPath(address); ok {
		return server.ListenUnix(ctx, path, mode.Perm())
	}
	return server.Listen(ctx, address, 0)
}

func (l *servers) addresses() (grpcAddress, httpAddress net.Addr) {
	if l.http != nil {
		httpAddress = l.http.Addr()
	}
	return l.grpc[0].Addr(), httpAddress
}

// own are the addresses of all listeners.
func (l *servers) own() (addresses []net.Addr) {
	for _, lis := range l.grpc {
		addresses = append(addresses, lis.Addr())
	}
	if l.http != nil {
		addresses = append(addresses, l.http.Addr())
	}
	return addresses
}

// grpcText is where gRPC is served, in the form of --grpc-address.
func (l *servers) grpcText() string {
	var all []string
	for _, lis := range l.grpc {
		all = append(all, text(lis))
	}
	return strings.Join(all, ",")
}

func (l *servers) close() error {
	var err error
	for _, lis := range l.grpc {
		err = errors.Join(err, lis.Close())
	}
	if l.http != nil {
		err = errors.Join(err, l.http.Close())
	}
	return err
}

func (l *servers) build(cameras server.Cameras, r *render.Renderer, shared server.SharedMemory, models []*inference.Server, m *telemetry.Metrics, id instance, log *slog.Logger) error {
	clients := quota.NewClients(l.clients)
	g, err := server.New(server.Config{
		Listeners: l.grpc, Cameras: cameras, Renderer: r, Tensors: r, SharedMemory: shared, DeviceBatches: newDeviceBatches(id.backend, r), InferenceServers: models,
		Worker: id.worker, Clients: clients, Logger: log,
		Access: id.access.server(), TLS: id.access.tls("h2"), NoReflection: !id.reflection,
		Hooks: server.Hooks{CallDone: m.CallDone, FrameSent: m.FrameSent, FrameShared: m.FrameShared, LeasesExpired: m.LeasesExpired, SlowConsumer: m.SlowConsumer, Refused: m.Refused},
	})
	if err != nil {
		return err
	}
	l.runs = append(l.runs, g.Run, id.access.run)
	measureConnections(m, "grpc", g.Lobby())
	if l.http == nil {
		return nil
	}
	h, err := httpapi.New(httpapi.Config{
		Listener: l.http, Cameras: cameras, Renderer: r, Metrics: m.Handler(), Clients: clients, Logger: log,
		Access: id.access.server(), TLS: id.access.tls("http/1.1"), Ready: l.ready,
		Hooks: httpapi.Hooks{FrameSent: m.FrameSent, SlowConsumer: m.SlowConsumer, Refused: m.Refused},
	})
	if err != nil {
		return err
	}
	l.runs = append(l.runs, h.Run)
	measureConnections(m, "http", h.Lobby())
	return nil
}
