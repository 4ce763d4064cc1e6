package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// ErrPlainText means that the token was not sent, since others could read it on its way.
var ErrPlainText = errors.New("the connection is not encrypted, so the token was not sent: use TLS")

// Token is an option of [Dial] that sends a bearer token with every call. It is sent
// over TLS, over unix sockets, and to this machine's loopback addresses; calls to other
// addresses in plain text fail with [ErrPlainText].
func Token(token string) grpc.DialOption { return grpc.WithPerRPCCredentials(bearer(token)) }

// TLS is an option of [Dial] that speaks TLS. A nil config takes the system's
// authorities and at least TLS 1.2; one with Certificates also says who the client is.
func TLS(config *tls.Config) grpc.DialOption {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return grpc.WithTransportCredentials(credentials.NewTLS(config))
}

// bearer is a token as gRPC wants it.
type bearer string

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (b bearer) GetRequestMetadata(ctx context.Context, uri ...string) (map[string]string, error) {
	info, ok := credentials.RequestInfoFromContext(ctx)
	if !ok || credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity) != nil && !stays(uri) {
		return nil, ErrPlainText
	}
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials]. GetRequestMetadata
// judges, with an exception for this machine.
func (bearer) RequireTransportSecurity() bool { return false }

// String hides the token from whoever prints options.
func (bearer) String() string { return "***" }

// Format hides it from every verb.
func (bearer) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// stays says whether calls to all of the URIs stay on this machine. gRPC calls the host
// of a unix socket localhost.
func stays(uris []string) bool {
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil {
			return false
		}
		host := u.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if !strings.EqualFold(host, "localhost") && (err != nil || !ip.Unmap().IsLoopback()) {
			return false
		}
	}
	return len(uris) > 0
}
