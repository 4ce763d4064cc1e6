package camsim

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// udpPair are the two sockets all cameras of a server send RTP and RTCP from:
// an even port and the next one (RFC 3550, 11).
type udpPair struct {
	mu     sync.Mutex
	closed bool
	rtp    *net.UDPConn
	rtcp   *net.UDPConn
}

var errNoPair = errors.New("no even UDP port with a free port after it")

// open makes the sockets if they are not there yet.
func (u *udpPair) open(ip net.IP, wg *sync.WaitGroup) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return ErrClosed
	}
	for range 100 {
		if u.rtp != nil {
			return nil
		}
		first, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip})
		if err != nil {
			return fmt.Errorf("camsim: %w", err)
		}
		port := udpPort(first)
		second, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port ^ 1})
		if err != nil { // its neighbour is taken: try another
			_ = first.Close()
			continue
		}
		u.rtp, u.rtcp = first, second
		if port%2 == 1 {
			u.rtp, u.rtcp = second, first
		}
		for _, c := range []*net.UDPConn{first, second} {
			wg.Go(func() { drain(c) })
		}
		return nil
	}
	return errNoPair
}

func (u *udpPair) ports() (rtp, rtcp int) { return udpPort(u.rtp), udpPort(u.rtcp) }

// send sends one datagram. Errors are the network's: UDP may lose anything.
func (u *udpPair) send(control bool, b []byte, to netip.AddrPort) {
	c := u.rtp
	if control {
		c = u.rtcp
	}
	_, _ = c.WriteToUDPAddrPort(b, to)
}

func (u *udpPair) close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	if u.rtp == nil {
		return nil
	}
	return errors.Join(u.rtp.Close(), u.rtcp.Close())
}

// drain reads and forgets what viewers send: reports and packets that open NATs.
func drain(c *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		if _, _, err := c.ReadFromUDPAddrPort(buf); errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

func udpPort(c *net.UDPConn) int {
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return 0
	}
	return a.Port
}
