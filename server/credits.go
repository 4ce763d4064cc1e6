package server

import (
	"context"

	"github.com/frameport/frameport/api/apierr"
)

// What streams with credits have in common: a start, and then credits.

func startRequired() error {
	return invalid(apierr.StartRequired, "start", "must be the first message of the stream")
}

func startRepeated() error {
	return invalid(apierr.StartRepeated, "start", "came twice; to watch something else, open another stream")
}

func emptyRequest() error {
	return invalid(apierr.InvalidCredits, "request", "is empty; grant credits")
}

func tooManyCredits(n int) error {
	return invalid(apierr.InvalidCredits, "credits", "add up to %d; %d can be outstanding at most, since frames that wait in buffers are old", n, maxCredits)
}

// startCredits are the credits that a stream begins with.
func startCredits(wanted *int32) (int, error) {
	if wanted == nil {
		return 1, nil
	}
	if *wanted < 0 || *wanted > maxCredits {
		return 0, invalid(apierr.InvalidCredits, "start.credits", "is %d; give 0 to %d, or leave it unset for 1", *wanted, maxCredits)
	}
	return int(*wanted), nil
}

// receiveFirst waits for a stream's first message, but not through a shutdown.
func receiveFirst[R any](ctx context.Context, s *Server, receive func() (*R, error)) (*R, error) {
	var first *R
	done := make(chan error, 1)
	s.background.Go(func() {
		r, err := receive()
		first = r
		done <- err
	})
	select {
	case err := <-done:
		return first, err
	case <-s.stopping:
		return nil, shuttingDown()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// receiveGrants passes on what the client grants, until the call or the client's
// side of it ends. read reads a message.
func receiveGrants[R any](ctx context.Context, receive func() (*R, error), read func(*R) grant, grants chan<- grant) {
	for {
		r, err := receive()
		g := grant{err: err}
		if err == nil {
			g = read(r)
		}
		if g.err == nil && !g.ack && (g.credits < 1 || g.credits > maxCredits) {
			g.err = invalid(apierr.InvalidCredits, "credits", "is %d; grant 1 to %d at a time", g.credits, maxCredits)
		}
		select {
		case grants <- g:
		case <-ctx.Done():
			return
		}
		if g.err != nil {
			return
		}
	}
}
