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
	"github.com/frameport/frameport/auth"
)

// observeUnary lets in who may call, tells the hooks about a call, writes the audit
// line of a change, and makes sure that every error is a status with a reason.
func (s *Server) observeUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	start := time.Now()
	need := s.access[info.FullMethod]
	ctx, err = s.admit(ctx, info.FullMethod, need)
	if err == nil {
		err = readable(req)
	}
	if err == nil {
		resp, err = handler(ctx, req)
	}
	err = s.statusOf(ctx, err)
	if need == Control {
		s.audit(ctx, info.FullMethod, req, err)
	}
	s.done(ctx, info.FullMethod, err, time.Since(start))
	return resp, err
}

func (s *Server) observeStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	start := time.Now()
	need := s.access[info.FullMethod]
	ctx, err := s.admit(stream.Context(), info.FullMethod, need)
	if err == nil {
		watched, end := s.watched(ctx, info.FullMethod, need)
		err = handler(srv, endingStream{stream, watched})
		if cause := context.Cause(watched); ended(cause) {
			err = cause
		}
		end()
	}
	err = s.statusOf(ctx, err)
	s.done(ctx, info.FullMethod, err, time.Since(start))
	return err
}

// watched returns a context that ends when the caller's right to the method does. For
// streams that know nothing of our shutdown, such as those of the health service, it
// ends with that, too.
func (s *Server) watched(ctx context.Context, method string, need Permission) (context.Context, func()) {
	var stopping <-chan struct{}
	if !strings.HasPrefix(method, "/frameport.") {
		stopping = s.stopping
	}
	restricted := s.cfg.Access != nil && need != Anyone
	if stopping == nil && !restricted {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	changed, stop := make(chan struct{}, 1), func() {}
	if restricted {
		stop = s.cfg.Access.Watch(changed)
	}
	s.background.Go(func() {
		defer stop()
		over := stoppedTimer()
		defer over.Stop()
		for {
			if restricted {
				caller := auth.FromContext(ctx)
				if err := caller.May(need); err != nil {
					cancel(s.refusal(ctx, method, need, err))
					return
				}
				if after, needed := caller.Recheck(); needed {
					over.Reset(after)
				}
			}
			select {
			case <-changed:
			case <-over.C:
			case <-stopping:
				cancel(nil)
				return
			case <-ctx.Done():
				return
			}
		}
	})
	return ctx, func() { cancel(nil) }
}

// endingStream is a stream with another context.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // grpc.ServerStream is made that way
}

// RecvMsg implements grpc.ServerStream.
func (s endingStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return readable(m)
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
