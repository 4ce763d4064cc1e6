package inference

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/frameport/frameport/internal/kserve"
)

const (
	// DefaultTimeout is how long one request may take.
	DefaultTimeout = 10 * time.Second
	// MaxAnswerBytes is the largest answer of a model that is read.
	MaxAnswerBytes = 64 << 20
	// maxAboutBytes is the largest answer to other questions.
	maxAboutBytes = 1 << 20

	// A server that has come back is found within maxRetryDelay.
	firstRetryDelay = 100 * time.Millisecond
	maxRetryDelay   = 2 * time.Second
)

// Config says where a server is.
type Config struct {
	Name    string
	Address string // host:port
	// TLS has the server prove its name, by the system's certificates.
	TLS bool
	// Timeout is how long one request may take. 0 = [DefaultTimeout].
	Timeout time.Duration
}

// Server is one inference server.
type Server struct {
	name    string
	timeout time.Duration
	conn    *grpc.ClientConn
	client  kserve.GRPCInferenceServiceClient
}

// New makes a client of a server. Nothing is connected before the first call.
func New(c Config) (*Server, error) {
	secure := insecure.NewCredentials()
	if c.TLS {
		secure = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	conn, err := grpc.NewClient(
		"dns:///"+c.Address,
		grpc.WithTransportCredentials(secure),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAboutBytes)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstRetryDelay, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxRetryDelay},
			MinConnectTimeout: c.Timeout,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("inference server %s: %w", c.Name, err)
	}
	return &Server{name: c.Name, timeout: c.Timeout, conn: conn, client: kserve.NewGRPCInferenceServiceClient(conn)}, nil
}

// Name is what clients call the server.
func (s *Server) Name() string { return s.name }

// Close ends the connection and all calls.
func (s *Server) Close() error { return s.conn.Close() }

// Ready asks the server whether it can infer; [ErrUnavailable] when not.
func (s *Server) Ready(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	r, err := s.client.ServerReady(call, &kserve.ServerReadyRequest{})
	switch {
	case err != nil:
		return classify(ctx, err, ErrUnavailable)
	case !r.GetReady():
		return fmt.Errorf("%w: it says that it is not ready", ErrUnavailable)
	}
	return nil
}
