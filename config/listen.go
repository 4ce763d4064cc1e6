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

// Protection is what stands between a listener and strangers.
type Protection struct {
	TLS      bool
	Login    bool // tokens or client certificates
	Insecure bool // none of them was asked for, knowingly
}

// missing says what a listener lacks that others can reach, and how to give it that.
func (p Protection) missing() (lack, flags string) {
	switch {
	case p.TLS && p.Login, p.Insecure:
		return "", ""
	case p.TLS:
		return "login", "--auth-file (frameport token new makes tokens)"
	case p.Login:
		return "encryption", "--tls-cert and --tls-key"
	default:
		return "encryption or login", "--tls-cert, --tls-key and --auth-file (frameport token new makes tokens)"
	}
}

// CheckListenAddress refuses what is no address to listen on, and addresses that
// other machines can reach, unless the listener is protected by TLS and
// authentication or insecure was asked for. Host names count as reachable, except
// "localhost": what they mean can change. Unix sockets are never reachable.
func CheckListenAddress(address string, protection Protection) error {
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
	lack, flags := protection.missing()
	if lack == "" || loopback(host) {
		return nil
	}
	return fmt.Errorf("%w: %.80q would serve camera pictures without %s; give %s, or listen on 127.0.0.1:%s and use an SSH tunnel "+
		"or a reverse proxy with TLS, or give --insecure if this network is trusted", ErrInsecureAddress, address, lack, flags, port)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
