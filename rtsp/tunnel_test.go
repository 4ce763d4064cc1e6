package rtsp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
	"github.com/frameport/frameport/rtsp/address"
)

var tunnels = []rtsp.Transport{rtsp.TransportHTTP, rtsp.TransportWebSocket}

// Cameras of which only the web server can be reached play through it, with login and
// TEARDOWN, encrypted, and with bare line feeds.
func TestTunnels(t *testing.T) {
	t.Parallel()
	for _, transport := range tunnels {
		for name, tc := range map[string]struct {
			host      camsim.Config
			behaviour camsim.Behaviour
		}{
			"plain":     {},
			"encrypted": {host: camsim.Config{TLS: true}},
			"bare line feeds": {behaviour: camsim.Behaviour{Respond: func(_ camsim.Request, r *camsim.Reply) {
				r.Wire = func(text string) string {
					head, body, _ := strings.Cut(text, "\r\n\r\n")
					return strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + body
				}
			}}},
		} {
			t.Run(transport.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				tc.host.TunnelsOnly = true
				server, h := startSim(t, tc.host, "h264_720p", func(c *camsim.Camera) { c.Behaviour = tc.behaviour })
				s := simSource(t, h, func(c *rtsp.Config) {
					c.Transport, c.Timeouts.Teardown = transport, patience
					if tc.host.TLS {
						c.TLS = rtsp.TLS{Mode: rtsp.TLSPin, PinSHA256: server.CertificateSHA256()}
					}
				})
				n := 0
				err := s.Run(t.Context(), func(u *media.AccessUnit) error {
					got := s.Stats().Transport
					if n++; n < 30 || got == "" { // the first pictures may be here before it is told
						return nil
					}
					if got != transport.String() {
						t.Errorf("transport %q", got)
					}
					return errDone
				})
				if !errors.Is(err, errDone) {
					t.Fatalf("%d units, then %v", n, err)
				}
				want := map[rtsp.Transport]camsim.ServerStats{
					rtsp.TransportHTTP:      {Accepted: 2, HTTPTunnels: 1},
					rtsp.TransportWebSocket: {Accepted: 1, WebSockets: 1},
				}[transport]
				got := server.Stats()
				got.Open = 0 // the server may still be closing
				if got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				if s := h.Stats(); s.Teardowns != 1 || s.FailedLogins != 0 || s.BasicLogins != 0 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// A tunnel is never taken unasked.
func TestTunnelsOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	server, h := startSim(t, camsim.Config{TunnelsOnly: true}, "h264_720p", nil)
	for _, transport := range []rtsp.Transport{rtsp.TransportAuto, rtsp.TransportTCP, rtsp.TransportUDP} {
		s := simSource(t, h, func(c *rtsp.Config) { c.Transport = transport })
		if err := s.Run(t.Context(), func(*media.AccessUnit) error { return errDone }); fault.ClassOf(err) != fault.Unreachable {
			t.Errorf("%v: %v", transport, err)
		}
	}
	if s := server.Stats(); s.HTTPTunnels+s.WebSockets != 0 {
		t.Errorf("%+v", s)
	}
}

// The rules for addresses hold for tunnels: at the first connection, and where the
// camera sends the worker from within one.
func TestTunnelAddresses(t *testing.T) {
	t.Parallel()
	b := newBystander(t)
	for _, transport := range tunnels {
		_, h := startSim(t, camsim.Config{Addr: "127.0.0.78:0"}, "h264_720p", func(c *camsim.Camera) {
			c.Behaviour.RedirectTo = "rtsp://127.0.0.78:" + b.port + "/"
		})
		camera := netip.MustParseAddrPort(strings.SplitN(h.URL(), "/", 4)[2])
		denied, _, err := rtsp.ParseURL("rtsp://127.0.0.78:" + b.port + "/")
		if err != nil {
			t.Fatal(err)
		}
		policy := &address.Policy{Loopback: true, Ports: []address.PortRange{{First: camera.Port(), Last: camera.Port()}}}
		for _, change := range []func(*rtsp.Config){func(c *rtsp.Config) { c.URL = denied }, func(*rtsp.Config) {}} {
			s := simSource(t, h, func(c *rtsp.Config) {
				c.Transport, c.DialContext = transport, policy.Dialer().DialContext
				change(c)
			})
			err := s.Run(t.Context(), func(*media.AccessUnit) error { return errDone })
			if fault.ClassOf(err) != fault.Policy || !strings.Contains(err.Error(), "--camera-ports") {
				t.Errorf("%v: %v", transport, err)
			}
		}
		if n := h.Stats().Redirects; n != 1 {
			t.Errorf("%v: the camera redirected %d times", transport, n)
		}
	}
}

// A camera that is reached through its web server and redirects without a port means the
// web server's, not that of RTSP.
func TestTunnelRedirectStaysAtItsPort(t *testing.T) {
	t.Parallel()
	for _, transport := range tunnels {
		_, h := startSim(t, camsim.Config{TunnelsOnly: true}, "h264_720p", func(c *camsim.Camera) {
			c.Behaviour.RedirectTo = "rtsp://127.0.0.1/other"
		})
		at := strings.SplitN(h.URL(), "/", 4)[2]
		s := simSource(t, h, func(c *rtsp.Config) {
			c.Transport = transport
			c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address != at {
					t.Errorf("%v: dials %s, the web server is at %s", transport, address, at)
				}
				return new(net.Dialer).DialContext(ctx, network, at)
			}
		})
		err := s.Run(t.Context(), func(*media.AccessUnit) error { return errDone })
		if n := h.Stats().Redirects; n != 1 || fault.ClassOf(err) != fault.NotFound {
			t.Errorf("%v: %d redirects, %v", transport, n, err)
		}
	}
}

// The second connection of a tunnel goes to where the first one went, whatever the
// name means by then, and comes from the same dialer.
func TestTunnelStaysAtItsHost(t *testing.T) {
	t.Parallel()
	b := newBystander(t)
	_, h := startSim(t, camsim.Config{}, "h264_720p", nil)
	at := strings.SplitN(h.URL(), "/", 4)[2]
	u, _, err := rtsp.ParseURL("rtsp://camera.test:" + b.port + "/live")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var dialled []string
	s := simSource(t, h, func(c *rtsp.Config) {
		c.URL, c.Transport = u, rtsp.TransportHTTP
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialled = append(dialled, address)
			switch {
			case len(dialled) == 1: // the name means the camera, once
				address = at
			case strings.HasPrefix(address, "camera.test:"):
				address = "127.0.0.1:" + b.port
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	if err := s.Run(t.Context(), func(*media.AccessUnit) error { return errDone }); !errors.Is(err, errDone) {
		t.Error(err)
	}
	if len(dialled) != 2 || dialled[1] != at {
		t.Errorf("dialled %q, the camera is at %s", dialled, at)
	}
}
