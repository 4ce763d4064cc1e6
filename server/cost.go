package server

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/server/quota"
)

// caller is whose account a call is on.
func caller(ctx context.Context) quota.Caller {
	return quota.CallerOf(auth.FromContext(ctx), addressOf(ctx))
}

func addressOf(ctx context.Context) net.Addr {
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr
	}
	return &net.TCPAddr{} // never on a server of gRPC; it is not this machine's
}

// NeedsNoLogin says of an address whether whoever calls from there is let in: it is this
// machine's, and access does not ask there.
func NeedsNoLogin(access Access) func(net.Addr) bool {
	return func(addr net.Addr) bool {
		tcp, isTCP := addr.(*net.TCPAddr)
		switch {
		case access == nil && isTCP:
			return tcp.IP.IsLoopback()
		case addr.Network() != "unix":
			return false
		case access == nil:
			return true
		}
		_, err := access.Authenticate(auth.Evidence{Unix: true})
		return err == nil
	}
}

// place gives the connection of a call that was let in a place among those of its caller.
func (s *Server) place(ctx context.Context, method string) error {
	conn := s.clients.conn(addressOf(ctx))
	if conn == nil { // it is gone
		return nil
	}
	return s.costs(ctx, method, conn.Admit(caller(ctx)))
}

// probed keeps the connection of a call that needs no login: in a place of its caller's,
// if there is one, and for some time among those that wait. The call is let in all the
// same: a supervisor must not take a worker for broken because its clients have enough.
func (s *Server) probed(ctx context.Context) {
	conn := s.clients.conn(addressOf(ctx))
	if conn == nil { // it is gone
		return
	}
	if auth.FromContext(ctx) == nil || conn.Admit(caller(ctx)) != nil {
		conn.Probe()
	}
}

// subscribe opens a stream of method on the caller's account; cameras are those that it
// names.
func (s *Server) subscribe(ctx context.Context, method string, cameras map[string]bool) (end func(), err error) {
	end, err = s.cfg.Clients.Stream(caller(ctx), slices.Collect(maps.Keys(cameras)))
	return end, s.costs(ctx, method, err)
}

// costs is the answer to a caller that has had enough, and counts it.
func (s *Server) costs(ctx context.Context, method string, err error) error {
	r, ok := errors.AsType[*quota.Refusal](err)
	if !ok {
		return err
	}
	s.noteRefused(ctx, method, r.Reason)
	options := []apierr.Option{apierr.Meta(apierr.MetaLimit, strconv.Itoa(r.Limit))}
	if r.Camera != "" {
		options = append(options, apierr.Meta(apierr.MetaCameraID, r.Camera))
	}
	if r.After > 0 {
		options = append(options, apierr.RetryAfter(r.After))
	}
	return apierr.New(codes.ResourceExhausted, r.Reason, r.Error(), options...)
}
