package rtsp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/frameport/frameport/fault"
)

// dial opens the attempt's one connection, or what looks like one, see Note: [Tunnels].
// The library calls it on its own goroutine; ctx ends with the client.
func (a *attempt) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if a.link.Load() != nil {
		// one connection per attempt: whatever makes the library dial again is
		// decided above it
		return nil, fault.New(fault.Policy, "dial", errors.New("a second connection within one attempt is not allowed"))
	}
	l, err := a.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	a.opaque = "" // a web server's is none of the camera's
	a.link.Store(l)
	if a.ending.Load() {
		l.beginClose(a.src.cfg.Timeouts.Teardown)
	}
	a.src.state.connected.Store(true)
	return l, nil
}

func (a *attempt) connect(ctx context.Context, network, address string) (*link, error) {
	switch a.protocol {
	case TransportHTTP:
		return a.openHTTP(ctx, network, address)
	case TransportWebSocket:
		return a.openWebSocket(ctx, network, address)
	default:
		w, err := a.openWire(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &link{Conn: w.Conn, raw: w.raw}, nil
	}
}

// wire is a connection to the camera's host.
type wire struct {
	net.Conn          // TCP, or TLS over it
	raw      net.Conn // the TCP connection
}

// openWire opens a connection under all rules for dials: every connection to a camera
// comes from here.
func (a *attempt) openWire(ctx context.Context, network, address string) (wire, error) {
	ctx, cancel := context.WithTimeout(ctx, a.src.cfg.Timeouts.Dial)
	defer cancel()
	raw, err := a.src.cfg.DialContext(ctx, network, address)
	if err != nil {
		return wire{}, err
	}
	setUserTimeout(raw, a.src.cfg.Timeouts.User)
	if !a.url.Secure() {
		return wire{raw, raw}, nil
	}
	secure := tls.Client(raw, a.src.tlsConfig(a.url.Hostname()))
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return wire{}, err
	}
	return wire{secure, raw}, nil
}

func (s *Source) tlsConfig(host string) *tls.Config {
	host, _, _ = strings.Cut(host, "%") // certificates know no zones
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: s.cfg.TLS.RootCAs}
	switch s.cfg.TLS.Mode {
	case TLSVerify:
	case TLSInsecure:
		c.InsecureSkipVerify = true // asked for by the operator, shown in the camera's status
	case TLSPin:
		want, _ := s.cfg.TLS.pin()  // validated by New
		c.InsecureSkipVerify = true // replaced by the comparison below
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return fault.New(fault.Policy, "tls", errors.New("the camera presents no certificate"))
			}
			got := sha256.Sum256(state.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare(got[:], want) != 1 {
				return fault.New(fault.Policy, "tls", fmt.Errorf(
					"the camera's certificate is not the pinned one: if it was renewed on purpose, check it and set the pin to %s", hex.EncodeToString(got[:])))
			}
			return nil
		}
	}
	return c
}
