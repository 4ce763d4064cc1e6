package camsim

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/internal/testvideo"
)

// Config is how a server listens.
type Config struct {
	// Addr is the address to listen on, "127.0.0.1:0" if empty.
	Addr string
	// TLS makes it an rtsps server with a certificate it signs itself.
	TLS bool
	// TunnelsOnly makes it a web server: RTSP is answered within tunnels only.
	TunnelsOnly bool
	// TunnelUser and TunnelPassword are what tunnels are opened for; empty = for all.
	// It is beside what a camera wants.
	TunnelUser, TunnelPassword string
	TunnelAuth                 AuthScheme // 0 = digest with MD5
}

// ServerStats are counters over all cameras.
type ServerStats struct {
	Accepted     uint64 // connections taken
	Open         int    // connections open now
	HTTPTunnels  uint64 // tunnels opened over two connections
	WebSockets   uint64 // tunnels opened over one
	TunnelLogins uint64 // requests with the right login for tunnels
	FailedLogins uint64 // requests with a wrong one
}

// Server holds simulated cameras. Its methods may be called from any goroutine.
type Server struct {
	cfg  Config
	addr *net.TCPAddr
	cert *tls.Certificate // nil without TLS
	udp  udpPair
	wg   sync.WaitGroup

	nonce nonce // of tunnels

	accepted, httpTunnels, webSockets atomic.Uint64
	tunnelLogins, failedLogins        atomic.Uint64

	mu       sync.Mutex
	closed   bool
	listener net.Listener // nil while not listening
	cameras  map[string]*Handle
	conns    map[*conn]struct{}
	halves   map[string]*half // of tunnels, by their cookies
	packets  map[packetKey]*packetized
}

type packetKey struct {
	clip *testvideo.Clip
	huge bool
}

// ErrClosed is returned by the methods of a closed server.
var ErrClosed = errors.New("camsim: server is closed")

// Start listens and serves until Close.
func Start(cfg Config) (*Server, error) {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	s := &Server{
		cfg:     cfg,
		nonce:   newNonce(),
		halves:  map[string]*half{},
		cameras: map[string]*Handle{},
		conns:   map[*conn]struct{}{},
		packets: map[packetKey]*packetized{},
	}
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("camsim: %w; choose another address, or port 0 for any free port", err)
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.Join(fmt.Errorf("camsim: %v is no TCP address", ln.Addr()), ln.Close())
	}
	s.addr = addr
	if cfg.TLS {
		cert, err := selfSigned(addr.IP)
		if err != nil {
			return nil, errors.Join(err, ln.Close())
		}
		s.cert = &cert
	}
	s.serve(ln)
	return s, nil
}

// Addr is the address the server listens on.
func (s *Server) Addr() string { return s.addr.String() }

// Certificate returns the server's certificate in DER form, nil without TLS.
func (s *Server) Certificate() []byte {
	if s.cert == nil {
		return nil
	}
	return s.cert.Certificate[0]
}

// CertificateSHA256 is the fingerprint to pin, in hexadecimal, empty without TLS.
func (s *Server) CertificateSHA256() string {
	if s.cert == nil {
		return ""
	}
	sum := sha256.Sum256(s.Certificate())
	return hex.EncodeToString(sum[:])
}

// Add puts a camera at a path ("street/1"; a leading slash makes no difference).
func (s *Server) Add(path string, c Camera) (*Handle, error) {
	path = "/" + strings.Trim(path, "/")
	h, err := newHandle(s, path, c)
	if err != nil {
		return nil, fmt.Errorf("camsim: camera %s: %w", path, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ErrClosed
	case s.cameras[path] != nil:
		return nil, fmt.Errorf("camsim: there is a camera at %s already", path)
	}
	s.cameras[path] = h
	return h, nil
}

// Remove takes a camera away and drops its connections: the path is then 404.
func (s *Server) Remove(h *Handle) {
	s.mu.Lock()
	delete(s.cameras, h.path)
	s.mu.Unlock()
	h.Drop(DropFIN)
}

// SetListening with false refuses all connections and drops those there are, like
// a host that went down; with true it listens again on the same address.
func (s *Server) SetListening(on bool) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	ln := s.listener
	switch {
	case on == (ln != nil):
		s.mu.Unlock()
		return nil
	case !on:
		s.listener = nil
		conns := s.connsLocked(nil)
		s.mu.Unlock()
		err := ln.Close()
		for _, c := range conns {
			c.drop(DropRST)
		}
		return err
	}
	s.mu.Unlock()
	ln, err := net.Listen("tcp", s.addr.String())
	if err != nil {
		return fmt.Errorf("camsim: listen again: %w", err)
	}
	s.serve(ln)
	return nil
}

// Stats returns the server's counters.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ServerStats{
		Accepted: s.accepted.Load(), Open: len(s.conns),
		HTTPTunnels: s.httpTunnels.Load(), WebSockets: s.webSockets.Load(),
		TunnelLogins: s.tunnelLogins.Load(), FailedLogins: s.failedLogins.Load(),
	}
}

// Close drops every connection and returns when every goroutine has ended.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	ln := s.listener
	s.listener = nil
	conns := s.connsLocked(nil)
	s.mu.Unlock()
	var err error
	if ln != nil {
		err = ln.Close()
	}
	for _, c := range conns {
		c.drop(DropFIN)
	}
	err = errors.Join(err, s.udp.close())
	s.wg.Wait()
	return err
}

// connsLocked returns the connections to one camera, or all for nil.
func (s *Server) connsLocked(h *Handle) []*conn {
	var out []*conn
	for c := range s.conns {
		if h == nil || c.camera.Load() == h {
			out = append(out, c)
		}
	}
	return out
}

func (s *Server) serve(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listener != nil {
		_ = ln.Close() // nobody has seen it yet
		return
	}
	s.listener = ln
	s.wg.Go(func() { s.accept(ln) })
}

func (s *Server) accept(ln net.Listener) {
	for {
		raw, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors: give others time to close some
			time.Sleep(10 * time.Millisecond)
			continue
		}
		c := newConn(s, s.accepted.Add(1), raw)
		s.mu.Lock()
		stop := s.listener != ln
		if !stop {
			s.conns[c] = struct{}{}
			s.wg.Go(c.run)
		}
		s.mu.Unlock()
		if stop {
			c.drop(DropRST)
		}
	}
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// find returns the camera at a path, nil if there is none.
func (s *Server) find(path string) *Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cameras[path]
}

// packetized returns a clip cut into packets, cut once for all cameras.
func (s *Server) packetized(c *testvideo.Clip, huge bool) (*packetized, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := packetKey{c, huge}
	if p := s.packets[key]; p != nil {
		return p, nil
	}
	p, err := packetize(c, huge)
	if err == nil {
		s.packets[key] = p
	}
	return p, err
}
