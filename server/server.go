package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/server/quota"
)

// Server is the gRPC side of a worker.
type Server struct {
	cfg    Config
	grpc   *grpc.Server
	health *health.Server

	access  map[string]Permission // by full method
	refused refusals

	// stopping is closed when streams must end.
	stopping chan struct{}
	// background counts goroutines that may outlive their handler by a moment.
	background sync.WaitGroup
	// batchBytes is what full batches of all open streams add up to.
	batchBytes atomic.Int64
	// leases are the frames of each camera that clients may hold.
	leases struct {
		mu sync.Mutex
		of map[string][]*holder // the newest is the last
	}
	// clients are the open connections, and lobby has their places.
	clients clients
	lobby   *quota.Lobby
	adding  adding
	guesses guesses
}

// New makes a server; [Server.Run] starts it.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.EnsureDefaults()
	if cfg.Access != nil {
		cfg.Cameras = rightsChange{cfg.Cameras, cfg.Access}
	}
	lobby := quota.NewLobby(cfg.Clients.Limits().Connections, NeedsNoLogin(cfg.Access), cfg.Logger)
	s := &Server{lobby: lobby, cfg: cfg, access: access(), health: health.NewServer(), stopping: make(chan struct{})}
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(frameCodec{encoding.GetCodecV2("proto")}),
		grpc.MaxRecvMsgSize(MaxRequestBytes),
		grpc.MaxSendMsgSize(MaxResponseBytes),
		grpc.MaxConcurrentStreams(MaxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: clientPingInterval}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: idleConnection,
			Time:              serverPingAfter,
			Timeout:           serverPingTimeout,
		}),
		grpc.WaitForHandlers(true),
		grpc.ChainUnaryInterceptor(s.cutUnread, s.observeUnary, s.recoverUnary),
		grpc.ChainStreamInterceptor(s.observeStream, s.recoverStream),
	}
	if cfg.TLS != nil {
		options = append(options, grpc.Creds(newTransport(cfg.TLS)))
	}
	s.grpc = grpc.NewServer(options...)
	frameportv1.RegisterCameraServiceServer(s.grpc, &cameraService{Server: s})
	frameportv1.RegisterFrameServiceServer(s.grpc, &frameService{Server: s})
	frameportv1.RegisterInferenceServiceServer(s.grpc, &inferenceService{Server: s})
	frameportv1.RegisterWorkerServiceServer(s.grpc, &workerService{Server: s})
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
	}
	healthv1.RegisterHealthServer(s.grpc, s.health)
	if !cfg.NoReflection {
		reflection.Register(s.grpc)
	}
	return s, nil
}

// Lobby has the places of the server's connections, for metrics.
func (s *Server) Lobby() *quota.Lobby { return s.lobby }

// Run serves until ctx ends and then shuts down: health says NOT_SERVING, streams
// end with UNAVAILABLE and SHUTTING_DOWN, other calls may finish. What has not
// ended after the configured time is cut. A listener that fails ends it too. When
// Run returns, no goroutine of the server is left. It returns nil after an orderly
// end. A server runs once.
func (s *Server) Run(ctx context.Context) error {
	serving := len(s.cfg.Listeners)
	served := make(chan error, serving)
	for _, l := range s.cfg.Listeners {
		go func() { served <- s.grpc.Serve(clientListener{s.lobby.Listener(l), &s.clients}) }()
	}

	var err error
	select {
	case err = <-served: // the listener failed
		serving--
	case <-ctx.Done():
	}
	s.health.Shutdown()
	close(s.stopping)

	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.grpc.GracefulStop()
	}()
	select {
	case <-drained:
	case <-time.After(s.cfg.Drain):
		s.cfg.Logger.Warn("grpc clients cut at shutdown", "after", s.cfg.Drain)
		s.grpc.Stop()
		<-drained
	}
	s.background.Wait()
	for range serving {
		if more := <-served; !errors.Is(more, grpc.ErrServerStopped) {
			err = errors.Join(err, more)
		}
	}
	return err
}
