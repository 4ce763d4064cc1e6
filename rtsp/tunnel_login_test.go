package rtsp_test

import (
	"errors"
	"testing"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// webHost is a host whose web server wants a login of its own before it opens tunnels.
func webHost(scheme camsim.AuthScheme) camsim.Config {
	return camsim.Config{TunnelsOnly: true, TunnelUser: "admin", TunnelPassword: "p@ss/w:rd", TunnelAuth: scheme}
}

// A web server that wants a login gets the camera's, for each of its connections, and
// the camera behind it gets it once more.
func TestTunnelLogin(t *testing.T) {
	t.Parallel()
	for _, transport := range tunnels {
		for name, scheme := range map[string]camsim.AuthScheme{
			"basic": camsim.AuthBasic, "MD5": camsim.AuthDigestMD5, "SHA-256": camsim.AuthDigestSHA256,
		} {
			t.Run(transport.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				server, h := startSim(t, webHost(scheme), "h264_720p", func(c *camsim.Camera) { c.Auth = scheme })
				s := simSource(t, h, func(c *rtsp.Config) { c.Transport = transport })
				if err := s.Run(t.Context(), func(*media.AccessUnit) error { return errDone }); !errors.Is(err, errDone) {
					t.Fatal(err)
				}
				want := map[rtsp.Transport]camsim.ServerStats{
					rtsp.TransportHTTP:      {Accepted: 3, HTTPTunnels: 1, TunnelLogins: 2},
					rtsp.TransportWebSocket: {Accepted: 2, WebSockets: 1, TunnelLogins: 1},
				}[transport]
				got := server.Stats()
				got.Open = 0
				if got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				if s := h.Stats(); s.FailedLogins != 0 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// Logins that fail at a web server count as those that fail at the camera: no account
// is locked, whichever of the two refuses.
func TestTunnelLoginRefused(t *testing.T) {
	t.Parallel()
	for _, transport := range tunnels {
		run := func(s *rtsp.Source) {
			t.Helper()
			for range 5 {
				if err := s.Run(t.Context(), func(*media.AccessUnit) error { return errDone }); fault.ClassOf(err) != fault.Auth {
					t.Errorf("%v: %v", transport, err)
				}
			}
		}
		server, h := startSim(t, webHost(0), "h264_720p", nil)
		run(simSource(t, h, func(c *rtsp.Config) { c.Transport, c.Username, c.Password = transport, "", secret.String{} }))
		if n := server.Stats().FailedLogins; n != 0 {
			t.Errorf("%v: %d logins without a user name", transport, n)
		}
		run(simSource(t, h, func(c *rtsp.Config) { c.Transport, c.Password = transport, secret.New("wrong") }))
		if n := server.Stats().FailedLogins; n != 2 {
			t.Errorf("%v: %d wrong logins at the web server, want 2", transport, n)
		}
		h.Set(func(b *camsim.Behaviour) { b.RejectLogins = true })
		run(simSource(t, h, func(c *rtsp.Config) { c.Transport = transport }))
		if n := h.Stats().FailedLogins; n < 1 || n > 3 {
			t.Errorf("%v: %d wrong logins at the camera, want 1 to 3", transport, n)
		}
	}
}
