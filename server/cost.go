package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/camera"
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

// Note: [Whose cameras count]
//
// max_cameras counts the cameras that the entry may change, whoever added them. The
// other way would be to note who added which camera: that would have to be kept in the
// state, declared cameras would have no owner, and what a token that is replaced by
// another has added would be nobody's. Labels and ids say already which cameras are a
// client's, so they are what is counted, and a restart changes nothing.

// mayAdd asks whether the caller may have one more camera, which is called id.
func (s *Server) mayAdd(ctx context.Context, method, id string) error {
	who := auth.FromContext(ctx)
	most, limited := who.MaxCameras()
	if !limited {
		return nil
	}
	has, known := 0, false
	for _, c := range s.cfg.Cameras.List() {
		known = known || c.ID == id
		if who.Sees(Control, c.ID, c.Spec.Labels) {
			has++
		}
	}
	if has < most || known { // what is there is not added again
		return nil
	}
	s.noteRefused(ctx, method, apierr.TooManyClientCameras)
	return apierr.New(codes.ResourceExhausted, apierr.TooManyClientCameras,
		fmt.Sprintf("this token or certificate is for %d cameras, whoever added them, and may have %d; remove those that are not needed, or ask the worker's operator to raise its max_cameras", has, most),
		apierr.Meta(apierr.MetaLimit, strconv.Itoa(most)), apierr.Meta(apierr.MetaCameraID, id))
}

// add adds a camera on the caller's account.
func (s *Server) add(ctx context.Context, method, id string, add func() (camera.Snapshot, error)) (camera.Snapshot, error) {
	who := auth.FromContext(ctx)
	all := who.May(Admin) == nil
	if !all {
		s.adding.Lock()
		defer s.adding.Unlock()
	}
	if err := s.mayAdd(ctx, method, id); err != nil {
		return camera.Snapshot{}, err
	}
	if err := s.costs(ctx, method, s.cfg.Clients.Change(caller(ctx))); err != nil {
		return camera.Snapshot{}, err
	}
	if all {
		return add()
	}
	have, err := s.cfg.Cameras.Get(id)
	guessing := err == nil && have.Spec.Password.IsSet() && who.Sees(Control, id, have.Spec.Labels)
	if guessing && s.guesses.over(id, time.Now()) {
		return camera.Snapshot{}, apierr.New(codes.AlreadyExists, apierr.CameraAlreadyExists,
			"the id is taken, and so many other specs were sent for it that nobody is told for half an hour whether one is equal; change it with UpdateCamera, or remove it first")
	}
	snapshot, err := add()
	if guessing && errors.Is(err, camera.ErrExists) {
		s.guesses.wrong(id, time.Now())
	}
	return snapshot, err
}
