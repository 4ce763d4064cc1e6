package rtsp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/pion/rtp"
	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/media"
)

// TestMulticast plays from a group on the loopback interface.
func TestMulticast(t *testing.T) {
	t.Parallel()
	lo, err := loopback()
	if err != nil {
		t.Skip("no loopback interface: ", err)
	}
	group := net.IPv4(239, 255, 77, 1)
	rtpPort := freeUDPPair(t)
	cam := startCam(t, &fakeCam{
		script: func(c *camConn, r *camRequest) bool {
			if r.method != "SETUP" {
				return false
			}
			if !strings.Contains(r.header.Get("Transport"), "multicast") {
				c.reply(r, "461 Unsupported Transport", "", "")
				return true
			}
			for i := range c.udp {
				u, err := multicastSender(rtpPort + i)
				if err != nil {
					t.Error(err)
					return true
				}
				c.udp[i], c.peer[i] = u, &net.UDPAddr{IP: group, Port: rtpPort + i}
			}
			c.reply(r, "200 OK", fmt.Sprintf("Session: 1\r\nTransport: RTP/AVP;multicast;destination=%v;port=%d-%d;ttl=1;source=10.1.1.1", group, rtpPort, rtpPort+1), "")
			return true
		},
	})
	if u, err := multicastSender(rtpPort); err != nil {
		t.Skip("multicast can't be sent on ", lo.Name, ": ", err)
	} else if _, err := u.WriteToUDP([]byte{0}, &net.UDPAddr{IP: group, Port: rtpPort}); err != nil {
		_ = u.Close()
		t.Skip("multicast can't be sent on ", lo.Name, ": ", err)
	} else {
		_ = u.Close()
	}
	s := newSource(t, camURL(t, cam), func(c *Config) { c.Transport = TransportMulticast })
	wantPlay(t, s)
	receive(t, cam.teardown, "TEARDOWN")
}

func loopback() (*net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return &i, nil
		}
	}
	return nil, errors.New("none")
}

// freeUDPPair returns an even port that is free together with the next one.
func freeUDPPair(t *testing.T) int {
	t.Helper()
	for range 100 {
		a, err := net.ListenUDP("udp4", &net.UDPAddr{})
		if err != nil {
			t.Fatal(err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port &^ 1
		_ = a.Close()
		b, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		if err != nil {
			continue
		}
		c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port + 1})
		_ = b.Close()
		if err == nil {
			_ = c.Close()
			return port
		}
	}
	t.Fatal("no two UDP ports in a row are free")
	return 0
}

// multicastSender sends from 127.0.0.1 and port, out of the loopback interface.
func multicastSender(port int) (*net.UDPConn, error) {
	cfg := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) {
			err = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInet4Addr(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, [4]byte{127, 0, 0, 1}),
			)
		}), err)
	}}
	c, err := cfg.ListenPacket(context.Background(), "udp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// TestPayloadTypeOfThePackets has two formats on one m= line, of which the camera
// sends the second.
func TestPayloadTypeOfThePackets(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{sdp: strings.Replace(h264SDP(), "AVP 96", "AVP 98 96", 1) + "a=rtpmap:98 H265/90000\r\n"})
	got, err := runUnits(t, newSource(t, camURL(t, cam), nil), 2)
	if !errors.Is(err, errEnough) || got[0].Format.Codec != media.CodecH264 {
		t.Fatalf("got %v, %+v", err, got)
	}
}

func TestMJPEG(t *testing.T) {
	t.Parallel()
	sdp := sdpHead + "m=audio 0 RTP/AVP 0\r\nm=video 0 RTP/AVP 26\r\na=control:v\r\n"
	cam := startCam(t, &fakeCam{sdp: sdp, frames: func(c *camConn) {
		sendPackets(c, func(i int) *rtp.Packet {
			// RFC 2435: type 1, Q 50, 16x16 pixels, one scan in one packet
			head := make([]byte, 8)
			binary.BigEndian.PutUint32(head, 0)
			head[4], head[5], head[6], head[7] = 1, 50, 2, 2
			scan := []byte{0xf8, 0xbe, 0x8a, 0x28, 0xaf, 0xe5, 0x3a, 0x28, 0xa2, 0x80, 0x3f}
			return &rtp.Packet{Header: rtp.Header{PayloadType: 26, Timestamp: uint32(i * 900), Marker: true}, Payload: append(head, scan...)}
		})
	}})
	s := newSource(t, camURL(t, cam), nil)
	got, err := runUnits(t, s, 3)
	if !errors.Is(err, errEnough) || got[0].Format.Codec != media.CodecMJPEG || !got[0].RandomAccess || got[0].Data[0] != 0xff || got[0].Data[1] != 0xd8 {
		t.Fatalf("got %v, %+v", err, got)
	}
	if len(cam.seen("SETUP")) != 1 {
		t.Error("the audio track was set up too")
	}
}

// BenchmarkPacket is the cost of one packet from the library's callback to a unit
// at the sink.
func BenchmarkPacket(b *testing.B) {
	s, err := New(Config{URL: URL{scheme: "rtsp", host: "x", port: 1}})
	if err != nil {
		b.Fatal(err)
	}
	units := 0
	a := newAttempt(s, &runState{}, s.cfg.URL, TransportTCP, func(*media.AccessUnit) error { units++; return nil })
	push := a.receiver(&videoFormat{payloadType: 96, codec: media.CodecH264, clockRate: 90000, sets: [][]byte{testSPS, testPPS}})
	idr, p := make([]byte, 1200), make([]byte, 1200)
	copy(idr, testIDR)
	copy(p, testP)
	b.ReportAllocs()
	pkt := &rtp.Packet{}
	i := 0
	for b.Loop() {
		pkt.Header = rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: uint16(i), Timestamp: uint32(i * 900), SSRC: 7, Marker: true}
		if pkt.Payload = p; i%50 == 0 {
			pkt.Payload = idr
		}
		push(pkt)
		i++
	}
	if units < i-2 {
		b.Fatalf("%d units of %d packets", units, i)
	}
}
