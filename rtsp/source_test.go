package rtsp

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

func TestRunTCP(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{})
	s := newSource(t, camURL(t, cam), nil)
	got, err := runUnits(t, s, 25)
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	if !got[0].RandomAccess || got[0].Format.Codec != media.CodecH264 || got[0].PTS != 0 {
		t.Errorf("first unit: %+v, want a key frame of H264 at 0", got[0])
	}
	rtcp := 0
	for i := range got {
		if i > 0 && got[i].PTS != got[i-1].PTS+10*time.Millisecond {
			t.Errorf("unit %d is at %v, want 10 ms after %v", i, got[i].PTS, got[i-1].PTS)
		}
		if got[i].Source == media.ClockRTCP {
			rtcp++
			if d := time.Since(got[i].Capture).Abs(); d > 5*time.Second {
				t.Errorf("capture time of unit %d is %v off", i, d)
			}
		}
	}
	if rtcp == 0 {
		t.Error("no unit has a capture time from RTCP")
	}
	receive(t, cam.teardown, "TEARDOWN")
	if u := cam.seen("SETUP")[0].url; u != "rtsp://"+cam.addr()+"/stream/trackID=0" {
		t.Errorf("SETUP of %s", u)
	}
	st := s.Stats()
	if st.Connected || st.Playing || st.Transport != "" || st.Packets < 25 || st.Bytes == 0 || st.Depay.AccessUnits < 25 || st.Codec != media.CodecH264 {
		t.Errorf("stats after the run: %+v", st)
	}
	wantPlay(t, s)
	if again := s.Stats(); again.Packets < st.Packets+3 || again.Depay.AccessUnits < st.Depay.AccessUnits+3 {
		t.Errorf("counters do not add up over runs: %+v after %+v", again, st)
	}
}

func TestRunUDP(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{})
	s := newSource(t, camURL(t, cam), func(c *Config) { c.Transport = TransportUDP })
	var using string
	n := 0
	err := s.Run(t.Context(), func(*media.AccessUnit) error {
		if n++; n < 15 {
			return nil
		}
		if using = s.Stats().Transport; using == "" {
			return nil // the first pictures may be here before it is told
		}
		return errEnough
	})
	if !errors.Is(err, errEnough) || using != "UDP" {
		t.Fatalf("got %v over %q, want UDP", err, using)
	}
	receive(t, cam.teardown, "TEARDOWN")
}

func TestAutoFallsBackToTCPAndRemembers(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{noUDP: true})
	s := newSource(t, camURL(t, cam), func(c *Config) { c.Transport = TransportAuto })
	wantPlay(t, s)
	if n := cam.dials(); n != 2 {
		t.Errorf("%d connections, want one for UDP and one for TCP", n)
	}
	receive(t, cam.teardown, "TEARDOWN of the UDP session")
	wantPlay(t, s)
	if n := cam.dials(); n != 3 {
		t.Errorf("%d connections after the second run, want 3: TCP is remembered", n)
	}
}

func TestAutoStaysWithUDP(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{})
	s := newSource(t, camURL(t, cam), func(c *Config) { c.Transport, c.Timeouts.UDPStart = TransportAuto, patience })
	wantPlay(t, s)
	if n := cam.dials(); n != 1 || !strings.Contains(cam.seen("SETUP")[0].header.Get("Transport"), "client_port") {
		t.Errorf("%d connections, first SETUP %v; want UDP at once", n, cam.seen("SETUP")[0].header)
	}
}

func refuse(kind string) func(*camConn, *camRequest) bool {
	return func(c *camConn, r *camRequest) bool {
		if r.method == "SETUP" && strings.Contains(r.header.Get("Transport"), "TCP") == (kind == "TCP") {
			c.reply(r, "461 Unsupported Transport", "", "")
			return true
		}
		return false
	}
}

func TestTransportRefused(t *testing.T) {
	t.Parallel()
	auto := func(c *Config) { c.Transport = TransportAuto }
	t.Run("UDP to TCP", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: refuse("UDP")})
		wantPlay(t, newSource(t, camURL(t, cam), auto))
	})
	t.Run("TCP to UDP", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: refuse("TCP")})
		s := newSource(t, camURL(t, cam), func(c *Config) { c.Transport, c.Timeouts.UDPStart = TransportAuto, patience })
		s.remember(TransportTCP)
		wantPlay(t, s)
	})
	t.Run("explicit", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: refuse("TCP")})
		wantFault(t, newSource(t, camURL(t, cam), nil), fault.Unsupported, "set transport to AUTO")
		if cam.dials() != 1 {
			t.Error("an explicit transport was not kept to")
		}
	})
	t.Run("packetization mode 0", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{sdp: strings.Replace(h264SDP(), "packetization-mode=1;", "", 1)})
		wantPlay(t, newSource(t, camURL(t, cam), auto))
		if n := cam.dials(); n != 1 || !strings.Contains(cam.seen("SETUP")[0].header.Get("Transport"), "TCP") {
			t.Error("packetization mode 0 did not go over TCP at once")
		}
	})
}

func TestStatusClasses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method, status string
		class          fault.Class
		text           string
	}{
		{"DESCRIBE", "404 Not Found", fault.NotFound, "check the path"},
		{"DESCRIBE", "454 Session Not Found", fault.NotFound, "check the path"},
		{"DESCRIBE", "403 Forbidden", fault.Auth, "rights"},
		{"DESCRIBE", "453 Not Enough Bandwidth", fault.Busy, "close other viewers"},
		{"SETUP", "503 Service Unavailable", fault.Busy, "close other viewers"},
		{"PLAY", "500 Internal Server Error", fault.Protocol, "500"},
		{"DESCRIBE", "401 Unauthorized", fault.Auth, "set user name and password"},
	} {
		t.Run(tc.method+" "+tc.status, func(t *testing.T) {
			t.Parallel()
			cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
				if r.method == tc.method {
					c.reply(r, tc.status, "Retry-After: 7", "")
				}
				return r.method == tc.method
			}})
			e := wantFault(t, newSource(t, camURL(t, cam), nil), tc.class, tc.text)
			if tc.class == fault.Busy && e.RetryAfter != 7*time.Second {
				t.Errorf("RetryAfter %v, want the camera's 7 s", e.RetryAfter)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := ln.Addr().String()
	_ = ln.Close()
	u, _, _ := ParseURL("rtsp://" + refused + "/")
	wantFault(t, newSource(t, u, nil), fault.Unreachable, "refused")

	u, _, _ = ParseURL("rtsp://camera.invalid/")
	dns := func(c *Config) {
		c.DialContext = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "camera.invalid", IsNotFound: true}}
		}
	}
	wantFault(t, newSource(t, u, dns), fault.Unreachable, "does not resolve")

	silent := startCam(t, &fakeCam{script: func(*camConn, *camRequest) bool { return true }})
	start := time.Now()
	wantFault(t, newSource(t, camURL(t, silent), quickly), fault.Unreachable, "does not answer in time")
	if d := time.Since(start); d > patience {
		t.Errorf("a silent camera took %v", d)
	}

	rubbish := startCam(t, &fakeCam{script: func(c *camConn, _ *camRequest) bool {
		return c.send([]byte("RTSP/1.0 abc def\r\n\r\n"))
	}})
	wantFault(t, newSource(t, camURL(t, rubbish), nil), fault.Protocol, "can't be understood")

	hangup := startCam(t, &fakeCam{script: func(c *camConn, _ *camRequest) bool { _ = c.Conn.Close(); return true }})
	wantFault(t, newSource(t, camURL(t, hangup), nil), fault.Unreachable, "lost")
}

func TestResolvesAtEveryDial(t *testing.T) {
	t.Parallel()
	first, second := startCam(t, &fakeCam{}), startCam(t, &fakeCam{})
	u, _, _ := ParseURL("rtsp://camera.test/stream")
	next := first.addr()
	s := newSource(t, u, func(c *Config) {
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "camera.test:554" {
				t.Errorf("dialled %q, want the name and not an address", address)
			}
			return (&net.Dialer{}).DialContext(ctx, network, next)
		}
	})
	wantPlay(t, s)
	next = second.addr()
	wantPlay(t, s)
	if first.dials() != 1 || second.dials() != 1 {
		t.Errorf("%d and %d connections, want one each", first.dials(), second.dials())
	}
}

func TestCancelSendsTeardown(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{})
	s := newSource(t, camURL(t, cam), nil)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := s.Run(ctx, func(*media.AccessUnit) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's error", err)
	}
	receive(t, cam.teardown, "TEARDOWN")
}

func TestCancelDuringHandshake(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"OPTIONS", "DESCRIBE", "SETUP", "PLAY"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 1)
			cam := startCam(t, &fakeCam{script: func(_ *camConn, r *camRequest) bool {
				if r.method == method {
					asked <- struct{}{}
				}
				return r.method == method
			}})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			s := newSource(t, camURL(t, cam), nil)
			go func() { ended <- s.Run(ctx, func(*media.AccessUnit) error { return nil }) }()
			receive(t, asked, method)
			cancel()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
			case <-time.After(patience / 2): // no answer is waited for that long
				t.Fatal("Run did not return")
			}
		})
	}
}

func TestTeardownNeverAnswered(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{script: func(_ *camConn, r *camRequest) bool { return r.method == "TEARDOWN" }})
	s := newSource(t, camURL(t, cam), nil)
	start := time.Now()
	wantPlay(t, s)
	if d := time.Since(start); d > patience {
		t.Errorf("closing took %v, want the teardown budget of 0.3 s", d)
	}
	if len(cam.seen("TEARDOWN")) != 1 {
		t.Error("no TEARDOWN")
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	cam := startCam(t, &fakeCam{}, ln)
	wantPlay(t, newSource(t, camURL(t, cam), nil))
	if u := cam.seen("SETUP")[0].url; u != "rtsp://"+cam.addr()+"/stream/trackID=0" {
		t.Errorf("SETUP of %s", u)
	}
}

// TestRunAgain looks for anything that piles up over many connections.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{})
	tcp, udp := newSource(t, camURL(t, cam), nil), newSource(t, camURL(t, cam), func(c *Config) { c.Transport = TransportUDP })
	for range 10 {
		wantPlay(t, tcp)
		wantPlay(t, udp)
	}
	if n := len(cam.seen("TEARDOWN")); n != 20 {
		t.Errorf("%d TEARDOWNs for 20 sessions", n)
	}
}

// A panic on one of the library's goroutines, here of the sink, ends the attempt.
func TestPanicStaysInTheAttempt(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{TransportTCP, TransportUDP} {
		cam := startCam(t, &fakeCam{})
		var log bytes.Buffer
		s := newSource(t, camURL(t, cam), func(c *Config) {
			c.Transport, c.Logger = transport, slog.New(slog.NewTextHandler(&log, nil))
		})
		err := s.Run(t.Context(), func(*media.AccessUnit) error { panic("a bug") })
		if fault.ClassOf(err) != fault.Protocol || !strings.Contains(err.Error(), "panic") {
			t.Errorf("%v: got %v", transport, err)
		}
		if !strings.Contains(log.String(), "a bug") || !strings.Contains(log.String(), "source_test.go") {
			t.Errorf("%v: the log does not say where:\n%s", transport, log.String())
		}
		wantPlay(t, s)
	}
}
