package camsim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
)

// group is where a camera's tracks go by multicast: one address per track. It is
// chosen at random in the organization-local block (RFC 2365, 6.2), so that servers of
// several tests keep apart. Packets go to the ports they come from, as clients
// that check where packets come from demand.
type group [2]netip.Addr

func newGroup() group {
	a, b, c := byte(rand.IntN(256)), byte(rand.IntN(256)), byte(1+rand.IntN(125))
	return group{netip.AddrFrom4([4]byte{239, 192 | a&3, b, 2 * c}), netip.AddrFrom4([4]byte{239, 192 | a&3, b, 2*c + 1})}
}

// multicast answers the offer of a multicast transport.
func (c *conn) multicast(h *Handle, track int) (*outlet, string, error) {
	if c.server.addr.IP.To4() == nil {
		return nil, "", errTransport
	}
	if err := c.server.udp.open(c.server.addr.IP, &c.server.wg); err != nil {
		return nil, "", err
	}
	if err := c.server.udp.sendMulticastFrom(c.server.addr.IP); err != nil {
		return nil, "", err
	}
	rtp, rtcp := c.server.udp.ports()
	addr := h.group[track]
	peers := [2]netip.AddrPort{netip.AddrPortFrom(addr, uint16(rtp)), netip.AddrPortFrom(addr, uint16(rtcp))}
	return &outlet{udp: true, multicast: true, peers: peers},
		fmt.Sprintf("RTP/AVP;multicast;destination=%s;port=%d-%d;ttl=1", addr, rtp, rtcp), nil
}

// sendMulticastFrom makes multicast leave by the interface that has the address:
// otherwise it leaves by the default route, and never comes back to loopback. It
// also lets receivers on this machine listen on the ports, which are theirs too.
func (u *udpPair) sendMulticastFrom(ip net.IP) error {
	var errs []error
	for _, c := range []*net.UDPConn{u.rtp, u.rtcp} {
		raw, err := c.SyscallConn()
		if err != nil {
			return fmt.Errorf("camsim: %w", err)
		}
		var inner error
		err = raw.Control(func(fd uintptr) {
			inner = errors.Join(
				syscall.SetsockoptInet4Addr(int(fd), syscall.IPPROTO_IP, syscall.IP_MULTICAST_IF, [4]byte(ip.To4())),
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1),
			)
		})
		errs = append(errs, err, inner)
	}
	return errors.Join(errs...)
}
