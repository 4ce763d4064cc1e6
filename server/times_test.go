package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/server/quota"
)

// pipeListener is a listener whose connections are in memory, so that time can be that
// of a bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

type pipeConn struct {
	net.Conn
	remote *net.TCPAddr
}

func (c pipeConn) RemoteAddr() net.Addr { return c.remote }

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }
func (l *pipeListener) Close() error   { close(l.closed); return nil }

func (l *pipeListener) dial(ip string) net.Conn {
	client, server := net.Pipe()
	l.conns <- pipeConn{server, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
	return client
}

// inBubble runs a server with the bubble's time.
func inBubble(t *testing.T, test func(t *testing.T, l *pipeListener), alter ...func(*Config)) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{make(chan net.Conn), make(chan struct{})}
		cfg := Config{
			Listeners: []net.Listener{l}, Cameras: newFakeCameras(t, "door"), Renderer: newFakeRenderer(10),
			Worker: func() *frameportv1.Worker { return &frameportv1.Worker{} }, Logger: slog.New(slog.DiscardHandler),
		}
		for _, a := range alter {
			a(&cfg)
		}
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		test(t, l)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// lasts reads frames until the connection ends, answers pings if it is well, and returns
// how long that was.
func lasts(conn net.Conn, well bool) time.Duration {
	start := time.Now()
	fr := http2.NewFramer(conn, conn)
	pings := make(chan [8]byte, 100)
	defer close(pings)
	go func() { // a pipe has no buffer
		_, _ = io.WriteString(conn, http2.ClientPreface)
		_ = fr.WriteSettings()
		for data := range pings {
			_ = fr.WritePing(true, data)
		}
	}()
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			_ = conn.Close()
			return time.Since(start)
		}
		if p, ok := f.(*http2.PingFrame); ok && !p.IsAck() && well {
			pings <- p.Data
		}
	}
}

// lastsAfterHealth asks for health and returns how long the connection stays then.
func lastsAfterHealth(conn net.Conn, options ...grpc.DialOption) time.Duration {
	dialed := make(chan net.Conn, 1)
	dialed <- conn
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		select {
		case c := <-dialed:
			return c, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}))
	client, err := grpc.NewClient("passthrough:worker", options...)
	if err != nil {
		return 0
	}
	defer client.Close()
	if _, err := healthv1.NewHealthClient(client).Check(context.Background(), &healthv1.HealthCheckRequest{}); err != nil {
		return 0
	}
	start := time.Now()
	client.WaitForStateChange(context.Background(), connectivity.Ready)
	return time.Since(start)
}

// dribble sends a text slowly, until nobody wants any more of it.
func dribble(w io.Writer, text string) {
	for i := range text {
		if _, err := io.WriteString(w, text[i:i+1]); err != nil {
			return
		}
		<-time.After(time.Second) // of the bubble
	}
}

// Each time that a connection may take, to the second, without waiting for it.
func TestTimesOfAConnection(t *testing.T) {
	guarded := withTokens(t)
	for name, c := range map[string]struct {
		from  string
		login bool
		use   func(net.Conn) time.Duration
		want  time.Duration
	}{
		"handshake that does not come": {"127.0.0.1", false, func(c net.Conn) time.Duration {
			start := time.Now()
			_, _ = io.Copy(io.Discard, c)
			return time.Since(start)
		}, connectionTimeout},
		"handshake of a byte every second": {"127.0.0.1", false, func(c net.Conn) time.Duration {
			start, sent := time.Now(), make(chan struct{})
			go func() { defer close(sent); dribble(c, http2.ClientPreface) }()
			_, _ = io.Copy(io.Discard, c)
			took := time.Since(start)
			_ = c.Close()
			<-sent
			return took
		}, connectionTimeout},
		"no call": {"192.0.2.7", true, func(c net.Conn) time.Duration { return lasts(c, true) }, quota.LoginTime},
		"no call, from this machine, which needs a login, too": {"127.0.0.1", true, func(c net.Conn) time.Duration { return lasts(c, true) }, quota.LoginTime},
		"no call, and no login needed":                         {"127.0.0.1", false, func(c net.Conn) time.Duration { return lasts(c, true) }, idleConnection},
		"no call, no login, from elsewhere":                    {"192.0.2.7", false, func(c net.Conn) time.Duration { return lasts(c, true) }, quota.LoginTime},
		"health, and no login":                                 {"192.0.2.7", true, func(c net.Conn) time.Duration { return lastsAfterHealth(c) }, quota.ProbeTime},
		"health, and no account":                               {"192.0.2.7", false, func(c net.Conn) time.Duration { return lastsAfterHealth(c) }, idleConnection},
		"health with a token": {"192.0.2.7", true, func(c net.Conn) time.Duration {
			return lastsAfterHealth(c, grpc.WithPerRPCCredentials(bearer("Bearer viewer-token")))
		}, idleConnection},
		"health with a wrong token": {"192.0.2.7", true, func(c net.Conn) time.Duration {
			return lastsAfterHealth(c, grpc.WithPerRPCCredentials(bearer("Bearer wrong")))
		}, quota.ProbeTime},
		"no answer to pings": {"127.0.0.1", false, func(c net.Conn) time.Duration { return lasts(c, false) }, serverPingAfter + serverPingTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			var alter []func(*Config)
			if c.login {
				alter = append(alter, guarded)
			}
			inBubble(t, func(t *testing.T, l *pipeListener) {
				got := c.use(l.dial(c.from))
				if got < c.want || got > c.want+2*time.Second { // gRPC closes a moment after it says goodbye
					t.Errorf("%v, want %v", got, c.want)
				}
			}, alter...)
		})
	}
}
