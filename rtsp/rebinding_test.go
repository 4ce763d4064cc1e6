package rtsp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
	"github.com/frameport/frameport/rtsp/address"
)

// TestRebinding: a name that means a camera at the first connection, and this machine from
// the second one on, leads to no connection there, whyever there is a second one.
func TestRebinding(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		transport rtsp.Transport
		behave    func(b *camsim.Behaviour, url string)
		plays     bool // at the first connection
	}{
		"reconnect":       {transport: rtsp.TransportTCP, plays: true},
		"reconnect, UDP":  {transport: rtsp.TransportUDP, plays: true},
		"redirect":        {transport: rtsp.TransportTCP, behave: func(b *camsim.Behaviour, url string) { b.RedirectTo = url }},
		"other transport": {transport: rtsp.TransportAuto, behave: func(b *camsim.Behaviour, _ string) { b.NoUDP = true }},
		"silent UDP":      {transport: rtsp.TransportAuto, behave: func(b *camsim.Behaviour, _ string) { b.UDPSilent = true }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := newRebound(t)
			if tc.behave != nil {
				site.camera.Set(func(b *camsim.Behaviour) { tc.behave(b, site.url.String()) })
			}
			s := site.source(t, tc.transport, func(dial int64) []netip.Addr {
				if dial == 1 {
					return []netip.Addr{site.good}
				}
				return []netip.Addr{site.evil}
			})
			run := func() error { return s.Run(t.Context(), func(*media.AccessUnit) error { return errDone }) }
			if tc.plays {
				if err := run(); !errors.Is(err, errDone) {
					t.Fatal(err)
				}
			}
			err := run()
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Class != fault.Policy || !strings.Contains(err.Error(), "--camera-loopback") {
				t.Error(err)
			}
			if n := site.dials.Load(); n != 2 {
				t.Errorf("%d dials, want 2", n)
			}
			if n := site.camera.Stats(); n.Describes == 0 {
				t.Errorf("the camera was not asked: %+v", n)
			}
		})
	}
	// Of several addresses of a name only those are tried where cameras may be.
	t.Run("several addresses", func(t *testing.T) {
		t.Parallel()
		site := newRebound(t)
		s := site.source(t, rtsp.TransportTCP, func(int64) []netip.Addr { return []netip.Addr{site.evil, site.good, site.evil} })
		if err := s.Run(t.Context(), func(*media.AccessUnit) error { return errDone }); !errors.Is(err, errDone) {
			t.Error(err)
		}
	})
}

// rebound is a camera where cameras may be, and a bystander at the same port of an address
// where none may be. The bystander fails the test when somebody knocks.
type rebound struct {
	good, evil netip.Addr
	url        rtsp.URL // of a name
	camera     *camsim.Handle
	dials      atomic.Int64
}

func newRebound(t *testing.T) *rebound {
	t.Helper()
	r := &rebound{good: netip.MustParseAddr("127.0.0.77"), evil: netip.MustParseAddr("127.0.0.1")}
	b := newBystander(t, r.evil.String())
	_, r.camera = startSim(t, camsim.Config{Addr: net.JoinHostPort(r.good.String(), b.port)}, "h264_720p", nil)
	var err error
	if r.url, _, err = rtsp.ParseURL("rtsp://camera.test:" + b.port + "/live"); err != nil {
		t.Fatal(err)
	}
	return r
}

// source looks its name up for each dial, counted from 1.
func (r *rebound) source(t *testing.T, transport rtsp.Transport, means func(dial int64) []netip.Addr) *rtsp.Source {
	t.Helper()
	policy := &address.Policy{Allow: []netip.Prefix{netip.PrefixFrom(r.good, 32)}}
	dialer := policy.Dialer()
	dialer.Resolver = resolver(t, func() []netip.Addr { return means(r.dials.Load()) })
	return simSource(t, r.camera, func(c *rtsp.Config) {
		c.URL, c.Transport = r.url, transport
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			r.dials.Add(1)
			return dialer.DialContext(ctx, network, address)
		}
	})
}

// resolver answers every question with the same addresses. It is a name server of its own:
// a test must not ask the system's.
func resolver(t *testing.T, answer func() []netip.Addr) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = pc.Close()
		<-done
	})
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 17 {
				continue
			}
			end := 12 // of the question's name, RFC 1035, 4.1.2
			for end < n && buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			if end+5 > n {
				continue
			}
			reply := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, buf[12:end+5]...)
			if buf[end+2] == 1 { // an A record, 4.1.3
				for _, a := range answer() {
					reply[7]++
					ip := a.As4()
					reply = append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
				}
			}
			_, _ = pc.WriteTo(reply, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}
