package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// ErrDenied says that the policy does not let the worker connect to an address.
var ErrDenied = errors.New("address not allowed")

// Policy says where cameras may be. The zero value allows all addresses that cameras
// usually have, in private and public networks, and the ports that they have there.
type Policy struct {
	// Deny are networks where no camera may be, and Allow those where cameras may be
	// although their addresses are special or in a network that is denied. Of the networks
	// that an address is in the smallest one counts, and Deny when both name it.
	Deny, Allow []netip.Prefix
	// Loopback allows cameras on this machine.
	Loopback bool
	// Ports are those that cameras may be at; none = [DefaultPorts].
	Ports []PortRange
	// Own says whether an address is one of the worker's own listeners, where no camera
	// can be; nil = none is.
	Own func(netip.AddrPort) bool
}

// special are addresses that no camera has, and what they are.
var special = []struct {
	network netip.Prefix
	what    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("127.0.0.0/8"), loopback},
	{netip.MustParsePrefix("::1/128"), loopback},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved or broadcast"},
	// Metadata services of clouds outside of the link-local networks.
	{netip.MustParsePrefix("fd00:ec2::/32"), "a cloud's metadata service"},
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's metadata service"},
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud's metadata service"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata service"},
	{netip.MustParsePrefix("fd20:ce::254/128"), "a cloud's metadata service"},
}

const loopback = "loopback"

// Check says why the worker may not connect to an address; the error wraps [ErrDenied]
// and says what an operator can do about it.
func (p *Policy) Check(to netip.AddrPort) error {
	forms := formsOf(to.Addr())
	if p.Own != nil {
		for _, a := range forms {
			if p.Own(netip.AddrPortFrom(a, to.Port())) {
				return fmt.Errorf("%w: at %s this worker listens itself, there is no camera", ErrDenied, to)
			}
		}
	}
	for _, a := range forms {
		denied, allowed := smallest(p.Deny, a), smallest(p.Allow, a)
		if denied.IsValid() && (!allowed.IsValid() || denied.Bits() >= allowed.Bits()) {
			return fmt.Errorf("%w: %s is in %s, which --camera-deny names", ErrDenied, to.Addr(), denied)
		}
		if allowed.IsValid() {
			continue
		}
		if what := p.special(a); what != "" {
			hint := "--camera-allow " + netip.PrefixFrom(a, a.BitLen()).String()
			if what == loopback {
				hint = "--camera-loopback"
			}
			return fmt.Errorf("%w: %s is %s; if a camera is there, start the worker with %s", ErrDenied, to.Addr(), what, hint)
		}
	}
	return p.CheckPort(to.Port())
}

// smallest is the smallest network with a; not valid when there is none.
func smallest(networks []netip.Prefix, a netip.Addr) (found netip.Prefix) {
	for _, n := range networks {
		if n.Contains(a) && (!found.IsValid() || n.Bits() > found.Bits()) {
			found = n
		}
	}
	return found
}

// special says what is special about an address, or "".
func (p *Policy) special(a netip.Addr) string {
	for _, s := range special {
		if s.network.Contains(a) && (s.what != loopback || !p.Loopback) {
			return s.what
		}
	}
	return ""
}

// Dialer opens connections to what the policy allows. A name is resolved once, and what
// is checked is what is connected to.
func (p *Policy) Dialer() *net.Dialer {
	return &net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %q: %w", ErrDenied, address, err)
		}
		return p.Check(to)
	}}
}
