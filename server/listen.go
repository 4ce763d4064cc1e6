package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/net/netutil"
)

// ErrInsecureAddress marks an address that would be reachable from other machines
// without protection.
var ErrInsecureAddress = errors.New("address is reachable from other machines")

// CheckListenAddress refuses addresses that other machines can reach, unless the
// listener is protected by TLS and authentication or insecure was asked for.
// Host names are refused as well, except "localhost": what they mean can change.
func CheckListenAddress(address string, protected, insecure bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen address %q: %w; write it as host:port, for example 127.0.0.1:50051", address, err)
	}
	if port == "" {
		return fmt.Errorf("listen address %q has no port; write it as host:port, for example 127.0.0.1:50051", address)
	}
	if protected || insecure || loopback(host) {
		return nil
	}
	return fmt.Errorf("%w: %q would serve camera pictures without encryption or login; listen on 127.0.0.1:%s and use an SSH tunnel or a reverse proxy with TLS, or give --insecure if this network is trusted", ErrInsecureAddress, address, port)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Listen opens a TCP listener that takes at most maxConnections at a time; more
// wait in the system's backlog.
func Listen(ctx context.Context, address string, maxConnections int) (net.Listener, error) {
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w; another program listens on %s (another frameport?): stop it or choose another address", err, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%w; ports below 1024 need a privilege: choose a higher one", err)
	case err != nil:
		return nil, err
	}
	return netutil.LimitListener(lis, maxConnections), nil
}
