package camsim

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func udpPorts(t *testing.T) (rtp, rtcp *net.UDPConn, header string) {
	t.Helper()
	var p udpPair
	for range 2 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		p.rtp, p.rtcp = p.rtcp, c
	}
	a, b := p.ports()
	return p.rtp, p.rtcp, fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d", a, b)
}

func TestUDP(t *testing.T) {
	s := start(t, Config{})
	clip := load(t, "h264_change_a")
	h := add(t, s, "cam", Camera{Clip: clip})
	c := dial(t, h)
	rtpConn, rtcpConn, header := udpPorts(t)
	a := c.do(200, "SETUP", c.url+"/trackID=0", header)
	var from, to int
	transport := a.header.Get("Transport")
	if _, err := fmt.Sscanf(transport[strings.Index(transport, "server_port"):], "server_port=%d-%d", &from, &to); err != nil || from%2 != 0 || to != from+1 {
		t.Fatalf("transport %q: %v", transport, err)
	}
	c.do(200, "PLAY", c.url)
	buf := make([]byte, 2048)
	n, peer, err := rtcpConn.ReadFromUDP(buf)
	if err != nil || buf[1] != 200 || n != 44 || peer.Port != to {
		t.Errorf("sender report of %d bytes from %v: %v", n, peer, err)
	}
	n, peer, err = rtpConn.ReadFromUDP(buf)
	if err != nil || peer.Port != from {
		t.Fatalf("from %v: %v", peer, err)
	}
	if p := parseRTP(t, buf[:n]); p.payloadType != 96 {
		t.Errorf("payload type %d", p.payloadType)
	}
}

// Two viewers of one group get every packet once.
func TestMulticast(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_change_a"), FPS: 100})
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip("no interface lo to receive multicast on")
	}
	first, second := dial(t, h), dial(t, h)
	var group net.UDPAddr
	for _, c := range []*client{first, second} {
		a := c.do(200, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP;multicast")
		where, ok := strings.CutPrefix(a.header.Get("Transport"), "RTP/AVP;multicast;destination=")
		address, ports, _ := strings.Cut(where, ";")
		group.IP = net.ParseIP(address)
		if _, err := fmt.Sscanf(ports, "port=%d-", &group.Port); !ok || err != nil || !group.IP.IsMulticast() {
			t.Fatalf("transport %q: %v", a.header.Get("Transport"), err)
		}
	}
	conn, err := net.ListenMulticastUDP("udp4", loopback, &group)
	if err != nil {
		t.Skipf("this machine cannot receive multicast on loopback: %v", err)
	}
	defer conn.Close()
	first.do(200, "PLAY", first.url)
	second.do(200, "PLAY", second.url)
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	var last rtpPacket
	for i := range 50 {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		p := parseRTP(t, buf[:n])
		if i > 0 && p.sequence != last.sequence+1 {
			t.Fatalf("sequence number %d after %d", p.sequence, last.sequence)
		}
		last = p
	}
}

func TestUDPSilent(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_change_a"), FPS: 100, Behaviour: Behaviour{UDPSilent: true}})
	c := dial(t, h)
	rtpConn, _, header := udpPorts(t)
	c.do(200, "SETUP", c.url+"/trackID=0", header)
	c.do(200, "PLAY", c.url)
	tcp := dial(t, h)
	tcp.play()
	for range 10 {
		tcp.unit() // ten pictures have left
	}
	if err := rtpConn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := rtpConn.Read(make([]byte, 2048)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v, want silence", err)
	}
}

func TestTLS(t *testing.T) {
	s := start(t, Config{TLS: true})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_change_a")})
	if !strings.HasPrefix(h.URL(), "rtsps://") {
		t.Errorf("URL %q", h.URL())
	}
	c := dial(t, h)
	conn, ok := c.conn.(*tls.Conn)
	if !ok {
		t.Fatal("no TLS")
	}
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].Raw)
	if got := hex.EncodeToString(sum[:]); got != s.CertificateSHA256() {
		t.Errorf("fingerprint %s, the server says %s", got, s.CertificateSHA256())
	}
	if err := conn.ConnectionState().PeerCertificates[0].VerifyHostname("127.0.0.1"); err != nil {
		t.Error(err)
	}
	c.play()
	c.unit()
	c.do(200, "TEARDOWN", c.url)
}

func TestAudio(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_change_a"), Audio: true})
	c := dial(t, h)
	c.do(200, "SETUP", c.url+"/trackID=1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
	c.do(200, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3")
	c.do(200, "PLAY", c.url)
	var last rtpPacket
	for n := 0; n < 6; {
		f := c.next()
		if f.channel != 0 {
			continue
		}
		p := parseRTP(t, f.data)
		if p.payloadType != 0 || len(p.payload) != 160 {
			t.Fatalf("payload type %d, %d bytes", p.payloadType, len(p.payload))
		}
		if n > 0 && (p.sequence != last.sequence+1 || p.timestamp-last.timestamp != 160) {
			t.Errorf("%+v after %+v", p.rtp, last.rtp)
		}
		last = p
		n++
	}
}

func TestSessionTimeout(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Timeout: 100 * time.Millisecond})
	c := dial(t, h)
	c.play()
	if _, err := io.Copy(io.Discard, c.r); err != nil {
		t.Errorf("the connection ended with %v", err)
	}
}

// A viewer that takes nothing loses pictures; its neighbour goes on.
func TestSlowViewer(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_1080p"), FPS: 500})
	slow := dial(t, h)
	if conn, ok := slow.conn.(*net.TCPConn); !ok || conn.SetReadBuffer(4096) != nil {
		t.Fatal("no TCP connection")
	}
	slow.play()
	c := dial(t, h)
	c.play()
	for h.Stats().Overflows == 0 {
		c.unit()
	}
	lost := h.Stats()
	for range 100 {
		c.unit()
	}
	if st := h.Stats(); st.OpenSessions != 2 || st.Units < lost.Units+20 {
		t.Errorf("counters: %+v after %+v", st, lost)
	}
}

func TestServerRefuses(t *testing.T) {
	s := start(t, Config{})
	clip := load(t, "color_red")
	add(t, s, "cam", Camera{Clip: clip})
	for name, c := range map[string]Camera{"cam": {Clip: clip}, "none": {}, "rate": {Clip: clip, FPS: -1}} {
		if _, err := s.Add(name, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Start(Config{Addr: s.Addr()}); err == nil {
		t.Error("two servers on one address")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Add("late", Camera{Clip: clip}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := s.SetListening(true); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
