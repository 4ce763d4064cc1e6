package server

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"

	"github.com/frameport/frameport/server/quota"
)

// Note: [Answers that nobody reads]
//
// The answer to a unary call is handed to gRPC whole, after the handler has returned,
// and then lies in memory until the client opens its window: there is nothing left to
// cancel, and the call counts as open for as long. A client that never reads could have
// a hundred pictures kept for it on each connection. gRPC says when it has written a
// buffer, by giving it back. One that it has not given back in time ends the connection,
// because that is all that can be ended: gRPC's clients read each answer as it comes, so
// it is the connection that does not move.

// watchFrom is the size in bytes from which an answer is worth that.
const watchFrom = 4 << 10

// answer is the response of a unary call with what is to be told when it is written.
type answer struct {
	message any
	written func()
}

// cutUnread is the outermost unary interceptor.
func (s *Server) cutUnread(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	p, ok := peer.FromContext(ctx)
	if err != nil || !ok {
		return resp, err
	}
	return &answer{message: resp, written: s.deadline(info.FullMethod, p.Addr)}, nil
}

// deadline closes the connection from a client unless what it returns is called in time.
func (s *Server) deadline(method string, client net.Addr) (met func()) {
	timer := time.AfterFunc(s.cfg.SlowConsumer, func() {
		if !s.clients.close(client) {
			return // it went by itself
		}
		s.cfg.Logger.Warn("connection closed: an answer was not read", "method", method, "from", client.String(), "after", s.cfg.SlowConsumer)
		s.cfg.Hooks.SlowConsumer(method)
	})
	return func() { timer.Stop() }
}

// marshal encodes the message so that its largest part tells when it is written.
func (a *answer) marshal(codec encoding.CodecV2) (mem.BufferSlice, error) {
	out, err := codec.Marshal(a.message)
	if err != nil {
		a.written()
		return nil, fmt.Errorf("answer: %w", err)
	}
	largest := -1
	for i, b := range out {
		if b.Len() >= watchFrom && (largest < 0 || b.Len() > out[largest].Len()) {
			largest = i
		}
	}
	if largest < 0 {
		a.written()
		return out, nil
	}
	part := out[largest]
	data := part.ReadOnlyData()
	out[largest] = mem.NewBuffer(&data, writtenPool{func() { part.Free(); a.written() }})
	return out, nil
}

// writtenPool is where gRPC gives a buffer back that it has written or dropped.
type writtenPool struct{ put func() }

// Get implements mem.BufferPool; nobody asks.
func (writtenPool) Get(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// Put implements mem.BufferPool.
func (p writtenPool) Put(*[]byte) { p.put() }

// clients are the open connections, by the address that gRPC shows for each.
type clients struct {
	mu   sync.Mutex
	open map[net.Addr]*clientConn
}

// close closes the connection from addr and reports whether it was open.
func (c *clients) close(addr net.Addr) bool {
	c.mu.Lock()
	conn := c.open[addr]
	c.mu.Unlock()
	if conn == nil {
		return false
	}
	_ = conn.Close()
	return true
}

// conn is the connection from addr among the places; nil = it is gone.
func (c *clients) conn(addr net.Addr) *quota.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn := c.open[addr]; conn != nil {
		return conn.place
	}
	return nil
}

// clientListener notes what it accepts.
type clientListener struct {
	net.Listener
	clients *clients
}

// Accept implements [net.Listener].
func (l clientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &clientConn{Conn: conn, addr: conn.RemoteAddr(), clients: l.clients}
	c.place, _ = conn.(*quota.Conn)
	if _, ok := c.addr.(*net.TCPAddr); !ok { // a value, which other connections may share
		c.addr = &clientAddr{c.addr}
	}
	l.clients.mu.Lock()
	defer l.clients.mu.Unlock()
	if l.clients.open == nil {
		l.clients.open = map[net.Addr]*clientConn{}
	}
	l.clients.open[c.addr] = c
	return c, nil
}

// clientConn is an accepted connection.
type clientConn struct {
	net.Conn
	addr    net.Addr // its own: no other connection has the same pointer
	clients *clients
	place   *quota.Conn
}

// RemoteAddr implements [net.Conn].
func (c *clientConn) RemoteAddr() net.Addr { return c.addr }

// Close implements [net.Conn].
func (c *clientConn) Close() error {
	c.clients.mu.Lock()
	delete(c.clients.open, c.addr)
	c.clients.mu.Unlock()
	return c.Conn.Close()
}

// clientAddr makes an address one connection's own.
type clientAddr struct{ net.Addr }
