package quota

import (
	"net"
	"net/netip"
	"strings"

	"github.com/frameport/frameport/auth"
)

// Caller is whose account something is on.
type Caller struct {
	// key names the account: of a token, a certificate or a host.
	key string
	// local callers are on this machine and need no login: they have no limits of
	// their own.
	local bool
	// operator callers may have the places that are kept for them.
	operator bool
	// admin callers may change cameras as often as they like.
	admin bool
}

// Note: [Whose account]
//
// With a login it is the entry's in the auth file, or the name in the certificate: one
// token on ten machines is one client, and two tokens behind one proxy are two. Without
// a login nothing but the address is known. Programs on this machine that need no login
// can't be told apart, and whoever is locked out there is the operator, so they share an
// account without limits; what bounds them are the places of the listener and the calls
// of a connection.

// CallerOf says whose account id's calls from addr are on.
func CallerOf(id *auth.Identity, addr net.Addr) Caller {
	admin := id.May(auth.Admin) == nil
	if !id.Trusted() {
		return Caller{key: id.Account(), operator: admin, admin: admin}
	}
	if near(addr) {
		return Caller{key: "local", local: true, operator: true, admin: true}
	}
	return Caller{key: "host " + hostOf(addr)}
}

// near says whether addr is on this machine.
func near(addr net.Addr) bool {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.IP.IsLoopback()
	}
	return addr.Network() == "unix"
}

// hostOf is what counts as one host: an IPv4 address, the /64 of an IPv6 address, of
// which one machine can have as many as it likes, or a user at a unix socket.
func hostOf(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		if _, uid, ok := strings.Cut(addr.String(), "uid="); ok {
			return "uid " + uid
		}
		return addr.Network()
	}
	ip, ok := netip.AddrFromSlice(tcp.IP)
	if ip = ip.Unmap(); !ok || ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
