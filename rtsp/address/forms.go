package address

import "net/netip"

var (
	compatible = netip.MustParsePrefix("::/96")           // IPv4-compatible, RFC 4291, 2.5.5.1
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // IPv4-translated, RFC 2765, 2.1
	nat64      = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052, 2.1
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")  // RFC 8215
	sixToFour  = netip.MustParsePrefix("2002::/16")       // RFC 3056, 2
	teredo     = netip.MustParsePrefix("2001::/32")       // RFC 4380, 4
	isatap     = [4]byte{0, 0, 0x5e, 0xfe}                // RFC 5214, 6.1
	isatapGlob = [4]byte{2, 0, 0x5e, 0xfe}
)

// formsOf returns an address, and those that packets to it may end up at: a gateway, a
// tunnel or the system itself takes the IPv4 address out of it.
func formsOf(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return []netip.Addr{a}
	}
	b, forms := a.As16(), []netip.Addr{a}
	add := func(w, x, y, z byte) { forms = append(forms, netip.AddrFrom4([4]byte{w, x, y, z})) }
	switch {
	case compatible.Contains(a):
		if a != netip.IPv6Unspecified() && a != netip.IPv6Loopback() {
			add(b[12], b[13], b[14], b[15])
		}
	case translated.Contains(a), nat64.Contains(a):
		add(b[12], b[13], b[14], b[15])
	case nat64Local.Contains(a):
		// The operator's prefix may have any of the lengths of RFC 6052, 2.2. What would
		// begin with 0 is the padding of another length.
		for _, v := range [][4]byte{{b[6], b[7], b[9], b[10]}, {b[7], b[9], b[10], b[11]}, {b[9], b[10], b[11], b[12]}, {b[12], b[13], b[14], b[15]}} {
			if v[0] != 0 {
				forms = append(forms, netip.AddrFrom4(v))
			}
		}
	case sixToFour.Contains(a):
		add(b[2], b[3], b[4], b[5])
	case teredo.Contains(a):
		add(^b[12], ^b[13], ^b[14], ^b[15])
		add(b[4], b[5], b[6], b[7]) // the server
	}
	if id := [4]byte(b[8:12]); id == isatap || id == isatapGlob {
		add(b[12], b[13], b[14], b[15])
	}
	return forms
}
