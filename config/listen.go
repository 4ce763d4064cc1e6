package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ErrInsecureAddress marks an address that would be reachable from other machines
// without protection.
var ErrInsecureAddress = errors.New("other machines could reach this address")

// CheckListenAddress refuses what is no address to listen on, and addresses that
// other machines can reach, unless the listener is protected by TLS and
// authentication or insecure was asked for. Host names count as reachable, except
// "localhost": what they mean can change. Unix sockets are never reachable.
func CheckListenAddress(address string, protected, insecure bool) error {
	if path, ok := UnixPath(address); ok {
		return checkUnixPath(address, path)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%.80q is no address; write it as host:port, for example 127.0.0.1:50051", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%.80q has no usable port; write it as host:port with a port from 0 to 65535 (0 = any free one)", address)
	}
	if protected || insecure || loopback(host) {
		return nil
	}
	return fmt.Errorf("%w: %.80q would serve camera pictures without encryption or login; listen on 127.0.0.1:%s and use "+
		"an SSH tunnel or a reverse proxy with TLS, or give --insecure if this network is trusted", ErrInsecureAddress, address, port)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
