package server

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/internal/failpoint"
)

// Note: [Slow clients]
//
// gRPC's Send returns when the message lies in a buffer of at most one message and
// 64 KiB; while that is full it blocks, for ever if the client never reads, and
// nothing but the end of the call can wake it. So every write runs on a goroutine
// of its own while the handler waits for it, for the shutdown, and for a time that
// is counted from the write's begin. When the handler gives up it returns, gRPC ends
// the call, and that wakes the goroutine; Run waits for it.
//
// Nothing upstream ever waits for a client: a stream holds at most one frame while
// it renders it and one picture while it writes it, and takes the next one from the
// ring only when that is done.

// send writes one message with write and waits until gRPC has it, but not for
// longer than a client may block.
func (s *Server) send(ctx context.Context, method string, write func() error) error {
	done := make(chan error, 1)
	s.background.Go(func() {
		failpoint.SendBlocks.Wait(ctx.Done(), method)
		done <- write()
	})
	timer := time.NewTimer(s.cfg.SlowConsumer)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return s.slowConsumer(method)
	case <-s.stopping:
		return shuttingDown()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) slowConsumer(method string) error {
	s.cfg.Hooks.SlowConsumer(method)
	return apierr.New(codes.ResourceExhausted, apierr.SlowConsumer,
		fmt.Sprintf("nothing could be written to this client for %v; read faster, ask for smaller or fewer frames, or use WatchFrames with one credit", s.cfg.SlowConsumer),
		apierr.Meta(apierr.MetaMethod, method))
}
