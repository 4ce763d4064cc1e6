package server

import (
	"crypto/tls"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// transport speaks TLS, except on unix sockets, which never leave the machine.
type transport struct {
	credentials.TransportCredentials // TLS
	plain                            credentials.TransportCredentials
}

func newTransport(config *tls.Config) credentials.TransportCredentials {
	return transport{credentials.NewTLS(config), insecure.NewCredentials()}
}

// ServerHandshake implements [credentials.TransportCredentials].
func (t transport) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if conn.LocalAddr().Network() == "unix" {
		return t.plain.ServerHandshake(conn)
	}
	return t.TransportCredentials.ServerHandshake(conn)
}

// Clone implements [credentials.TransportCredentials].
func (t transport) Clone() credentials.TransportCredentials {
	return transport{t.TransportCredentials.Clone(), t.plain.Clone()}
}
