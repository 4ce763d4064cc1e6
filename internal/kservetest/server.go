package kservetest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/internal/kserve"
)

// Request is what a model was asked.
type Request struct {
	Model  string
	Region string // "" when the tensor was in the request
	Offset int64
	Inline int // bytes of tensors in the request
	Shape  []int64
}

// Config says how a server behaves.
type Config struct {
	Models map[string]*Model
	// TLS, when set, is what the server proves its name with.
	TLS *tls.Config
	// Refuse, when set, is the error of every registration of memory.
	Refuse error
	// Mapped, when set, is called when memory was registered; its error is the answer.
	Mapped func() error
	// Unmapping, when set, is called before memory is unregistered.
	Unmapping func()
	// Device, when set, opens memory of a GPU by its handle.
	Device func(handle []byte, device int64) (Device, error)
	// Before, when set, is called before a model runs: it may wait until ctx ends, or
	// return an error.
	Before func(ctx context.Context, r Request) error
}

// Server is a running inference server.
type Server struct {
	kserve.UnimplementedGRPCInferenceServiceServer
	cfg    Config
	memory memory
	grpc   *grpc.Server

	mu         sync.Mutex
	requests   []Request
	registered int
	handles    [][]byte
}

// New makes a server that [Server.Serve] runs.
func New(cfg Config) *Server {
	options := []grpc.ServerOption{grpc.MaxRecvMsgSize(64 << 20), grpc.WaitForHandlers(true)}
	if cfg.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(cfg.TLS)))
	}
	s := &Server{cfg: cfg, memory: memory{regions: map[string]*region{}}, grpc: grpc.NewServer(options...)}
	kserve.RegisterGRPCInferenceServiceServer(s.grpc, s)
	return s
}

// Serve runs until Stop.
func (s *Server) Serve(l net.Listener) error { return s.grpc.Serve(l) }

// Stop ends all calls and gives the memory back.
func (s *Server) Stop() error {
	s.grpc.Stop()
	return s.memory.forget()
}

// Forget loses all regions, as a restart does.
func (s *Server) Forget() error { return s.memory.forget() }

// Regions are the names of what is mapped.
func (s *Server) Regions() []string { return s.memory.names() }

// Requests are the inferences that were asked for.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Registered is how often a region was to be registered.
func (s *Server) Registered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registered
}

// Handles are those of GPU memory that was to be registered.
func (s *Server) Handles() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handles
}

// ServerLive implements the protocol.
func (s *Server) ServerLive(context.Context, *kserve.ServerLiveRequest) (*kserve.ServerLiveResponse, error) {
	return &kserve.ServerLiveResponse{Live: true}, nil
}

// ServerReady implements the protocol.
func (s *Server) ServerReady(context.Context, *kserve.ServerReadyRequest) (*kserve.ServerReadyResponse, error) {
	return &kserve.ServerReadyResponse{Ready: true}, nil
}

func (s *Server) model(name, version string) (*Model, error) {
	m := s.cfg.Models[name]
	if m == nil || version != "" && version != m.Version {
		return nil, status.Errorf(codes.NotFound, "Request for unknown model: '%s' is not found", name)
	}
	return m, nil
}

// ModelReady implements the protocol.
func (s *Server) ModelReady(_ context.Context, r *kserve.ModelReadyRequest) (*kserve.ModelReadyResponse, error) {
	m, err := s.model(r.GetName(), r.GetVersion())
	return &kserve.ModelReadyResponse{Ready: err == nil && !m.NotReady}, nil
}

// ModelMetadata implements the protocol.
func (s *Server) ModelMetadata(_ context.Context, r *kserve.ModelMetadataRequest) (*kserve.ModelMetadataResponse, error) {
	m, err := s.model(r.GetName(), r.GetVersion())
	if err != nil {
		return nil, err
	}
	return &kserve.ModelMetadataResponse{
		Name: r.GetName(), Versions: []string{m.Version}, Platform: "go",
		Inputs: wire(append([]Tensor{m.Input}, m.More...)), Outputs: wire(m.Outputs),
	}, nil
}

func wire(tensors []Tensor) (out []*kserve.ModelMetadataResponse_TensorMetadata) {
	for _, t := range tensors {
		out = append(out, &kserve.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
	}
	return out
}

// SystemSharedMemoryStatus implements the protocol.
func (s *Server) SystemSharedMemoryStatus(context.Context, *kserve.SystemSharedMemoryStatusRequest) (*kserve.SystemSharedMemoryStatusResponse, error) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	out := &kserve.SystemSharedMemoryStatusResponse{Regions: map[string]*kserve.SystemSharedMemoryStatusResponse_RegionStatus{}}
	for name, r := range s.memory.regions {
		out.Regions[name] = r.info
	}
	return out, nil
}

func (s *Server) register(info *kserve.SystemSharedMemoryStatusResponse_RegionStatus, handle []byte, device func() (Device, error)) error {
	s.mu.Lock()
	s.registered++
	if handle != nil {
		s.handles = append(s.handles, handle)
	}
	s.mu.Unlock()
	if s.cfg.Refuse != nil {
		return s.cfg.Refuse
	}
	if err := s.memory.register(info, device); err != nil || s.cfg.Mapped == nil {
		return err
	}
	return s.cfg.Mapped()
}

func (s *Server) unregister(name string) error {
	if s.cfg.Unmapping != nil {
		s.cfg.Unmapping()
	}
	return s.memory.unregister(name)
}

// SystemSharedMemoryRegister implements the protocol.
func (s *Server) SystemSharedMemoryRegister(_ context.Context, r *kserve.SystemSharedMemoryRegisterRequest) (*kserve.SystemSharedMemoryRegisterResponse, error) {
	info := &kserve.SystemSharedMemoryStatusResponse_RegionStatus{Name: r.GetName(), Key: r.GetKey(), Offset: r.GetOffset(), ByteSize: r.GetByteSize()}
	return &kserve.SystemSharedMemoryRegisterResponse{}, s.register(info, nil, nil)
}

// SystemSharedMemoryUnregister implements the protocol.
func (s *Server) SystemSharedMemoryUnregister(_ context.Context, r *kserve.SystemSharedMemoryUnregisterRequest) (*kserve.SystemSharedMemoryUnregisterResponse, error) {
	return &kserve.SystemSharedMemoryUnregisterResponse{}, s.unregister(r.GetName())
}

// CudaSharedMemoryRegister implements the protocol; without Device, no pixels are read.
func (s *Server) CudaSharedMemoryRegister(_ context.Context, r *kserve.CudaSharedMemoryRegisterRequest) (*kserve.CudaSharedMemoryRegisterResponse, error) {
	if len(r.GetRawHandle()) != 64 {
		return nil, status.Error(codes.InvalidArgument, "failed to register CUDA shared memory region: invalid handle")
	}
	var device func() (Device, error)
	if s.cfg.Device != nil {
		device = func() (Device, error) { return s.cfg.Device(r.GetRawHandle(), r.GetDeviceId()) }
	}
	info := &kserve.SystemSharedMemoryStatusResponse_RegionStatus{Name: r.GetName(), ByteSize: r.GetByteSize()}
	return &kserve.CudaSharedMemoryRegisterResponse{}, s.register(info, r.GetRawHandle(), device)
}

// CudaSharedMemoryUnregister implements the protocol.
func (s *Server) CudaSharedMemoryUnregister(_ context.Context, r *kserve.CudaSharedMemoryUnregisterRequest) (*kserve.CudaSharedMemoryUnregisterResponse, error) {
	return &kserve.CudaSharedMemoryUnregisterResponse{}, s.unregister(r.GetName())
}

// Serve runs a server on an address until stop is closed, and tells ready where: the port
// may be 0.
func Serve(address string, cfg Config, ready func(address string), stop <-chan struct{}) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := New(cfg)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	ready(l.Addr().String())
	select {
	case err = <-served:
		return errors.Join(err, s.Stop())
	case <-stop:
		return errors.Join(s.Stop(), <-served)
	}
}
