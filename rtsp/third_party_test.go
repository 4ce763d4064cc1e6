package rtsp

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/fault"
)

// thirdParty is where the camera of TestThirdParty wants the worker to send packets.
const thirdParty = "127.0.0.88"

// TestThirdParty: a camera that names somebody else in its answer to SETUP has no packet
// sent there, and pictures that come from there are not taken.
func TestThirdParty(t *testing.T) {
	t.Parallel()
	for _, names := range []string{"source=" + thirdParty, "destination=" + thirdParty, "destination=" + thirdParty + ";source=" + thirdParty} {
		t.Run(names, func(t *testing.T) {
			t.Parallel()
			victim, own := udpTwins(t)
			cam := startCam(t, &fakeCam{script: answerSetup(names, own, own)})
			cam.frames = func(c *camConn) {
				for _, u := range own { // they are for us, before PLAY
					if n, err := u.Read(make([]byte, 2000)); err != nil {
						t.Errorf("%d bytes for the camera, %v", n, err)
					}
				}
				c.pictures(c.ctx, 0)
			}
			wantPlay(t, newSource(t, camURL(t, cam), func(c *Config) { c.Transport = TransportUDP }))
			for _, u := range victim {
				if n, from := firstPacket(t, u); n != 0 {
					t.Errorf("%d bytes from %v for the third party", n, from)
				}
			}
		})
	}
	t.Run("pictures", func(t *testing.T) {
		t.Parallel()
		victim, own := udpTwins(t)
		cam := startCam(t, &fakeCam{script: answerSetup("source="+thirdParty, own, victim)})
		s := newSource(t, camURL(t, cam), func(c *Config) { c.Transport, c.Timeouts.Bytes = TransportUDP, time.Second })
		wantFault(t, s, fault.Stalled, "")
		if n := s.Stats().Packets; n != 0 {
			t.Errorf("%d packets of a third party were taken", n)
		}
	})
}

// answerSetup answers SETUP with the ports of at, names somebody, and sends from others.
func answerSetup(names string, at, from [2]*net.UDPConn) func(*camConn, *camRequest) bool {
	return func(c *camConn, r *camRequest) bool {
		if r.method != "SETUP" {
			return false
		}
		_, ports, _ := strings.Cut(r.header.Get("Transport"), "client_port=")
		first, _, _ := strings.Cut(ports, "-")
		n, err := strconv.Atoi(first)
		if err != nil {
			c.cam.t.Error(err)
		}
		for i := range from {
			c.udp[i], c.peer[i] = from[i], &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n + i}
		}
		p := at[0].LocalAddr().(*net.UDPAddr).Port
		c.reply(r, "200 OK", fmt.Sprintf("Session: 1234\r\nTransport: RTP/AVP;unicast;%s;client_port=%d-%d;server_port=%d-%d", names, n, n+1, p, p+1), "")
		return true
	}
}

// udpTwins are the third party's two sockets and the camera's, which differ in nothing
// but the address. Of both ports and at both addresses nothing may be in the way: where
// something is, all four are tried elsewhere.
func udpTwins(t *testing.T) (victim, own [2]*net.UDPConn) {
	t.Helper()
	var all []*net.UDPConn
	done := func() {
		for _, u := range all {
			_ = u.Close()
		}
		all = nil
	}
	t.Cleanup(func() { done() })
	var err error
	for range 1000 {
		port := 10_000 + 2*rand.IntN(10_000) // below those that systems give out
		for i := range 4 {
			var u *net.UDPConn
			ip := net.ParseIP([]string{thirdParty, "127.0.0.1"}[i/2])
			if u, err = net.ListenUDP("udp4", &net.UDPAddr{IP: ip, Port: port + i%2}); err != nil {
				break
			}
			all = append(all, u)
		}
		if len(all) == 4 {
			return [2]*net.UDPConn(all[:2]), [2]*net.UDPConn(all[2:])
		}
		done()
	}
	t.Fatal(err)
	return victim, own
}

// firstPacket is the first one that has come; 0 bytes when there is none. Packets on
// loopback are there when they have been sent, and one that is sent now is behind them.
func firstPacket(t *testing.T, u *net.UDPConn) (n int, from net.Addr) {
	t.Helper()
	own, err := net.DialUDP("udp4", nil, u.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := own.Write(nil); err != nil {
		t.Fatal(err)
	}
	n, from, err = u.ReadFrom(make([]byte, 2000))
	if err != nil {
		t.Fatal(err)
	}
	return n, from
}
