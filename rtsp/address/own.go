package address

import (
	"net"
	"net/netip"
	"slices"
)

// Listeners returns a function for [Policy.Own]: is an address one of those, or one of
// this machine's when a listener has them all? addresses that are not of TCP are left out.
func Listeners(addresses []net.Addr) func(netip.AddrPort) bool {
	var own []netip.AddrPort
	for _, a := range addresses {
		if tcp, ok := a.(*net.TCPAddr); ok {
			at := tcp.AddrPort()
			own = append(own, netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()))
		}
	}
	return func(to netip.AddrPort) bool {
		return slices.ContainsFunc(own, func(at netip.AddrPort) bool {
			return at.Port() == to.Port() && (at.Addr() == to.Addr() || to.Addr().IsUnspecified() || at.Addr().IsUnspecified() && here(to.Addr()))
		})
	}
}

// here says whether an address is this machine's.
func here(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true // nobody can say that it isn't
	}
	return slices.ContainsFunc(all, func(i net.Addr) bool {
		n, ok := i.(*net.IPNet)
		if !ok {
			return false
		}
		mine, ok := netip.AddrFromSlice(n.IP)
		return ok && mine.Unmap() == a
	})
}
