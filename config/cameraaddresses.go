package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// CameraAddresses are the settings about where cameras may be.
type CameraAddresses struct {
	// Deny are networks where no camera may be. Of all networks here that an address is in
	// the smallest counts, and Deny when both name it.
	Deny []Network `yaml:"deny"`
	// Allow are networks where cameras may be although they are denied or no camera is
	// expected there, such as link-local ones.
	Allow []Network `yaml:"allow"`
	// Loopback allows cameras on the worker's machine.
	Loopback bool `yaml:"loopback"`
	// Ports are those that cameras may be at; none = the usual ones.
	Ports []Ports `yaml:"ports"`
}

// Ports is a range of ports, or one.
type Ports struct{ First, Last uint16 }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Ports) UnmarshalText(text []byte) error {
	first, last, isRange := strings.Cut(string(text), "-")
	a, err := strconv.ParseUint(first, 10, 16)
	b := a
	if isRange && err == nil {
		b, err = strconv.ParseUint(last, 10, 16)
	}
	if err != nil || a == 0 || b < a {
		return fmt.Errorf("%.60q is no port; write a number from 1 to 65535 or a range such as 7000-7999", text)
	}
	p.First, p.Last = uint16(a), uint16(b)
	return nil
}

// Network is a network in CIDR notation, or one address.
type Network struct{ netip.Prefix }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Network) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil && a.Zone() == "" {
		n.Prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(text))
	if err != nil || p.Addr().Is4In6() {
		return fmt.Errorf("%.60q is no network; write an address or a network such as 192.168.7.0/24 or fd00::/8", text)
	}
	n.Prefix = p.Masked()
	return nil
}

// Prefixes returns networks as netip knows them.
func Prefixes(networks []Network) (out []netip.Prefix) {
	for _, n := range networks {
		out = append(out, n.Prefix)
	}
	return out
}
