package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/server/quota"
)

// get asks for a path with a token over a connection of its own, which stays open until
// the test ends.
func (h *harness) get(path, token string) (*http.Response, func()) {
	h.t.Helper()
	transport := &http.Transport{}
	r, err := http.NewRequestWithContext(h.t.Context(), "GET", h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	end := func() { _ = resp.Body.Close(); transport.CloseIdleConnections() }
	h.t.Cleanup(end)
	return resp, end
}

func body(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

// A token has so many streams of a camera and so many connections, and another token has
// its own.
func TestWhatATokenMayHave(t *testing.T) {
	h, _, _ := guarded(t, func(c *Config) {
		c.Clients = quota.NewClients(quota.Limits{Connections: 2, Streams: 2, CameraStreams: 2})
	})
	var ends []func()
	for range 2 {
		resp, end := h.get("/api/door", "viewer-token")
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		ends = append(ends, end)
	}
	resp, _ := h.get("/api/door", "viewer-token")
	if text := body(resp); resp.StatusCode != 429 || !strings.Contains(text, "TOO_MANY_CLIENT_STREAMS") || !strings.Contains(text, `"camera":"door"`) ||
		resp.Header.Get("Content-Type") != "application/json; charset=utf-8" || resp.Header.Get("X-Content-Type-Options") != "nosniff" || !resp.Close {
		t.Errorf("a third stream: %s, %s", resp.Status, text)
	}
	// Two connections beside the two of the streams.
	for range 2 {
		eventuallyOK(t, func() bool {
			resp, _ := h.get("/api/door/latest.jpg", "viewer-token") // the third stream's may not be closed yet
			_ = body(resp)
			return resp.StatusCode == 200
		})
	}
	resp, _ = h.get("/api/door/latest.jpg", "viewer-token")
	if text := body(resp); resp.StatusCode != 429 || !strings.Contains(text, "TOO_MANY_CLIENT_CONNECTIONS") || !resp.Close {
		t.Errorf("a fifth connection: %s, %s", resp.Status, text)
	}
	if resp, _ := h.get("/", "off-token"); resp.StatusCode != 200 {
		t.Errorf("another token: %s", resp.Status)
	}
	ends[0]()
	eventuallyOK(t, func() bool {
		resp, end := h.get("/api/door", "viewer-token")
		if resp.StatusCode != 200 {
			end()
		}
		return resp.StatusCode == 200
	})
}

// eventuallyOK tries until it works.
func eventuallyOK(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(end) {
			t.Fatal("not within a minute")
		}
		<-time.After(5 * time.Millisecond)
	}
}

// An answer to somebody who has not logged in is the last one on its connection, whose
// time is short; after a login, and where none is needed, it is not.
func TestStrangersAnswersEndTheirConnections(t *testing.T) {
	h, _, _ := guarded(t)
	for _, c := range []struct {
		path, token string
		last        bool
	}{{"/healthz", "", true}, {"/", "", true}, {"/", "wrong", true}, {"/", "viewer-token", false}} {
		if resp, _ := h.get(c.path, c.token); resp.Close != c.last {
			t.Errorf("%s with %q: close is %v", c.path, c.token, resp.Close)
		}
	}
	if resp, _ := newHarness(t).get("/healthz", ""); resp.Close {
		t.Error("closed where no login is needed")
	}
}

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

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

// Each time that a connection may take, to the second, without waiting for it.
func TestTimesOfAConnection(t *testing.T) {
	keys, err := auth.OpenKeys(authtest.File(t, "tokens: [{name: viewer, role: view, hash: "+authtest.Hash("viewer-token")+"}]"))
	if err != nil {
		t.Fatal(err)
	}
	const begin = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
	for name, c := range map[string]struct {
		from  string
		login bool
		sends string
		want  time.Duration
	}{
		"nothing comes":                     {"127.0.0.1", false, "", headerTimeout},
		"half a request":                    {"127.0.0.1", false, begin, headerTimeout},
		"a request, and then nothing":       {"127.0.0.1", false, begin + "\r\n", idleTimeout},
		"the same from elsewhere":           {"192.0.2.7", false, begin + "\r\n", 0},
		"a request without a login":         {"192.0.2.7", true, begin + "\r\n", 0},
		"a body that does not come":         {"127.0.0.1", false, begin + "Content-Length: 100\r\n\r\n", bodyTime},
		"the same with another method":      {"127.0.0.1", false, "POST" + begin[3:] + "Content-Length: 100\r\n\r\nx", bodyTime},
		"a body of chunks that do not come": {"127.0.0.1", false, begin + "Transfer-Encoding: chunked\r\n\r\n", bodyTime},
	} {
		t.Run(name, func(t *testing.T) {
			var cfg Config
			if c.login {
				cfg.Access = &auth.Gate{Keys: keys}
			}
			got := connectionLasts(t, cfg, c.from, func(w io.Writer) { _, _ = io.WriteString(w, c.sends) })
			if got < c.want || got > c.want+time.Second {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// connectionLasts returns how long a connection is open, in the time of a bubble, on which
// the client sends and reads what it is answered.
func connectionLasts(t *testing.T, cfg Config, from string, send func(io.Writer)) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{make(chan net.Conn), make(chan struct{})}
		cfg.Listener, cfg.Cameras, cfg.Renderer, cfg.Logger = l, &fakeCameras{}, &fakeRenderer{}, slog.New(slog.DiscardHandler)
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		client, conn := net.Pipe()
		l.conns <- pipeConn{conn, &net.TCPAddr{IP: net.ParseIP(from), Port: 1}}
		start := time.Now()
		sent := make(chan struct{})
		go func() { defer close(sent); send(client) }()
		_, _ = io.Copy(io.Discard, bufio.NewReader(client))
		took = time.Since(start)
		_ = client.Close()
		<-sent
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return took
}

// Strangers don't keep others out: those of one host have so many places, and no more.
func TestStrangersOfAHost(t *testing.T) {
	h, _, _ := guarded(t, func(c *Config) { c.Listener = abroad{c.Listener} })
	for range 40 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	eventuallyOK(t, func() bool {
		l := h.server.Lobby()
		return fmt.Sprint(l.Open(), l.Waiting(), l.Refused()) == "16 16 24"
	})
}

// abroad makes connections look as if they came from another machine.
type abroad struct{ net.Listener }

func (l abroad) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return pipeConn{conn, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1}}, nil
}
