package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"

	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/server"
	"github.com/frameport/frameport/server/quota"
)

// newLobby makes the places of the server's connections. A stream takes a whole
// connection here, so a client may have one for each of its streams beside the others.
func newLobby(cfg Config) *quota.Lobby {
	most := cfg.Clients.Limits()
	return quota.NewLobby(most.Connections+most.Streams, server.NeedsNoLogin(cfg.Access), cfg.Logger)
}

// connKey is where the context of a request has its connection.
type connKey struct{}

// withConn notes the connection that requests come on.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	return context.WithValue(ctx, connKey{}, conn)
}

// connOf is the connection of a request among the places; nil = it has none.
func connOf(r *http.Request) *quota.Conn {
	conn, _ := r.Context().Value(connKey{}).(*quota.Conn)
	return conn
}

// callerOf is whose account a request of who is on.
func callerOf(r *http.Request, who *auth.Identity) quota.Caller {
	if conn := connOf(r); conn != nil {
		return quota.CallerOf(who, conn.RemoteAddr())
	}
	return quota.CallerOf(who, &net.TCPAddr{})
}

// place gives the connection of a request that was let in a place among those of its
// caller.
func (s *Server) place(r *http.Request, who *auth.Identity) error {
	if conn := connOf(r); conn != nil {
		return conn.Admit(callerOf(r, who))
	}
	return nil
}

// lastOfStrangers ends the connection with the answer if nobody has logged in on it: its
// time is short, and an answer under way would be cut off when it ends.
func lastOfStrangers(w http.ResponseWriter, r *http.Request) {
	if conn := connOf(r); conn != nil && conn.Waits() {
		w.Header().Set("Connection", "close")
	}
}

// failCost answers a client that has had enough.
func (s *Server) failCost(w http.ResponseWriter, r *http.Request, err error) {
	refusal, ok := errors.AsType[*quota.Refusal](err)
	if !ok {
		panic(err) // quotas have no other errors
	}
	s.cfg.Hooks.Refused(string(refusal.Reason))
	s.cfg.Logger.DebugContext(r.Context(), "request refused", "path", r.URL.Path, "from", r.RemoteAddr, "reason", refusal.Reason)
	w.Header().Set("Connection", "close")
	if refusal.After > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.After.Seconds()))))
	}
	fail(w, r, http.StatusTooManyRequests, problem{Reason: refusal.Reason, Message: refusal.Error(), Camera: refusal.Camera})
}
