package server

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
)

// observeUnary tells the hooks about a call and makes sure that every error is a
// status with a reason.
func (s *Server) observeUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	start := time.Now()
	resp, err := handler(ctx, req)
	err = s.statusOf(ctx, err)
	s.done(ctx, info.FullMethod, err, time.Since(start))
	return resp, err
}

func (s *Server) observeStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	start := time.Now()
	if !strings.HasPrefix(info.FullMethod, "/frameport.") {
		ending, end := s.endAtShutdown(stream)
		defer end()
		stream = ending
	}
	err := s.statusOf(stream.Context(), handler(srv, stream))
	s.done(stream.Context(), info.FullMethod, err, time.Since(start))
	return err
}

// endAtShutdown gives streams that know nothing of our shutdown, such as those of
// the health service, a context that ends with it.
func (s *Server) endAtShutdown(stream grpc.ServerStream) (grpc.ServerStream, func()) {
	ctx, cancel := context.WithCancel(stream.Context())
	s.background.Go(func() {
		select {
		case <-s.stopping:
			cancel()
		case <-ctx.Done():
		}
	})
	return endingStream{stream, ctx}, cancel
}

// endingStream is a stream with another context.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // grpc.ServerStream is made that way
}

// Context implements grpc.ServerStream.
func (s endingStream) Context() context.Context { return s.ctx }

func (s *Server) done(ctx context.Context, method string, err error, took time.Duration) {
	code := status.Code(err)
	s.cfg.Hooks.CallDone(method, code.String(), took)
	reason, _ := apierr.ReasonOf(err)
	s.cfg.Logger.DebugContext(ctx, "call", "method", method, "code", code, "reason", reason, "took", took)
}

// recoverUnary turns a panic into an INTERNAL error: a bug in one call must not end
// the process with all its cameras. The stack goes to the log, never to the client.
func (s *Server) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, s.panicked(ctx, info.FullMethod, p)
		}
	}()
	return handler(ctx, req)
}

func (s *Server) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(stream.Context(), info.FullMethod, p)
		}
	}()
	return handler(srv, stream)
}

func (s *Server) panicked(ctx context.Context, method string, p any) error {
	s.cfg.Logger.ErrorContext(ctx, "panic in a call", "method", method, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return apierr.New(codes.Internal, apierr.InternalError,
		"a fault of the worker itself; its log has the details, please report it", apierr.Meta(apierr.MetaMethod, method))
}
