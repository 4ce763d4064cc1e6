package rtsp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/frameport/frameport/fault"
)

// talker is a web server that hands the head of each connection's first request to answer
// and then waits for the other side to hang up. It returns the camera's URL.
func talker(t *testing.T, scheme string, answer func(c net.Conn, head string)) URL {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if scheme == "rtsps" {
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{testCert(t, time.Now().Add(24*time.Hour))}})
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				var head strings.Builder
				for !strings.HasSuffix(head.String(), "\r\n\r\n") {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					head.WriteString(line)
				}
				answer(c, head.String())
				_, _ = io.Copy(io.Discard, r)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); serving.Wait() })
	u, _, err := ParseURL(scheme + "://" + ln.Addr().String() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A web server that names Basic and Digest in one line gets no password in clear.
func TestTunnelTakesDigestOfOneLine(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{TransportHTTP, TransportWebSocket} {
		logins := make(chan string, 10)
		u := talker(t, "rtsp", func(c net.Conn, head string) {
			_, login, ok := strings.Cut(head, "\r\nAuthorization: ")
			if !ok {
				_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\", Digest realm=\"a, b\", nonce=\"n\"\r\n\r\n")
				return
			}
			logins <- login
			_, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\n\r\n")
		})
		s := newSource(t, u, func(c *Config) { credentials("admin", "pw")(c); c.Transport = transport })
		wantFault(t, s, fault.NotFound, "status 404")
		if login := <-logins; !strings.HasPrefix(login, `Digest username="admin", realm="a, b"`) {
			t.Errorf("%v: %s", transport, login)
		}
	}
}

// Where a Location leads from either kind of connection.
func TestRedirectPorts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ from, location, direct, tunnelled string }{
		{"rtsp://camera:80/live", "rtsp://camera/other", "camera:554", "camera:80"},
		{"rtsp://camera:80/live", "rtsp://camera:554/other", "camera:554", "camera:554"},
		{"rtsp://camera:80/live", "rtsp://camera:8080/other", "camera:8080", "camera:8080"},
		{"rtsp://camera:80/live", "/other", "camera:80", "camera:80"},
		{"rtsp://[2001:db8::1]:80/live", "rtsp://[2001:db8::1]/other", "[2001:db8::1]:554", "[2001:db8::1]:80"},
		{"rtsps://camera:443/live", "rtsps://camera/other", "camera:322", "camera:443"},
		{"rtsp://camera:80/live", "rtsps://camera/other", "camera:322", "camera:322"}, // encrypted, port 80 is none
	} {
		from, _, err := ParseURL(tc.from)
		if err != nil {
			t.Fatal(err)
		}
		for over, want := range map[Transport]string{
			TransportTCP: tc.direct, TransportUDP: tc.direct, TransportHTTP: tc.tunnelled, TransportWebSocket: tc.tunnelled,
		} {
			to, err := from.redirect(tc.location, over)
			if err != nil || to.Address() != want || !strings.HasSuffix(to.String(), "/other") {
				t.Errorf("%s to %s over %v: %s, %v", tc.from, tc.location, over, to.Address(), err)
			}
		}
	}
}

// A web server that has a page for every path opens no tunnel, and gets no POST. Cameras
// that do open one name any kind of content, or none.
func TestTunnelOfAWebPage(t *testing.T) {
	t.Parallel()
	for content, page := range map[string]bool{
		"Content-Type: text/html\r\n": true, "content-type:Text/HTML; charset=utf-8\r\n": true, "Content-Type: text/plain\r\n": true,
		"": false, "Content-Type: application/x-rtsp-tunnelled\r\n": false, "Content-Type: application/octet-stream\r\n": false, "Content-Type: \r\n": false,
	} {
		posts := make(chan struct{}, 10)
		u := talker(t, "rtsp", func(c net.Conn, head string) {
			if strings.HasPrefix(head, "POST ") {
				posts <- struct{}{}
				_ = c.Close()
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n"+content+"\r\n")
		})
		s := newSource(t, u, func(c *Config) { c.Transport = TransportHTTP })
		if page {
			wantFault(t, s, fault.Unsupported, "answers with a web page: check the path")
			if len(posts) != 0 {
				t.Errorf("%q: a POST was sent", content)
			}
			continue
		}
		a := newAttempt(s, &runState{}, u, TransportHTTP, nil)
		c, err := a.dial(t.Context(), "tcp", u.Address())
		if err != nil {
			t.Errorf("%q: %v", content, err)
			continue
		}
		receive(t, posts, "POST")
		_ = c.Close()
	}
}

// A web server that refuses the POST is not "silent": what it has said to that becomes the
// fault, although it is the GET that nothing comes over.
func TestTunnelPostRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		answer string
		class  fault.Class
		text   string
	}{
		{"HTTP/1.0 401 Unauthorized\r\n\r\n", fault.Auth, "status 401 Unauthorized"},
		{"HTTP/1.0 403 Forbidden\r\n\r\n", fault.Auth, "status 403 Forbidden"},
		{"HTTP/1.0 404 Not Found\r\n\r\n", fault.NotFound, "status 404 Not Found"},
		{"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\n\r\n", fault.Busy, "status 503 Busy"},
		{"HTTP/1.0 200 OK\r\n\r\n", fault.Unreachable, "connection is lost"}, // no refusal
		{"RTSP/1.0 400 Bad Request\r\n\r\n", fault.Unreachable, "connection is lost"},
	} {
		for _, scheme := range []string{"rtsp", "rtsps"} {
			t.Run(scheme+" "+tc.text, func(t *testing.T) {
				t.Parallel()
				gets := make(chan net.Conn, 1)
				u := talker(t, scheme, func(c net.Conn, head string) {
					if strings.HasPrefix(head, "GET ") {
						gets <- c
						_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
						return
					}
					_, _ = io.WriteString(c, tc.answer)
					_ = (<-gets).Close()
				})
				s := newSource(t, u, func(c *Config) { c.Transport, c.TLS.Mode = TransportHTTP, TLSInsecure })
				wantFault(t, s, tc.class, tc.text)
			})
		}
	}
}

// The same where the camera leaves everything open: it is asked when nothing has come in
// time, and not when something has.
func TestTunnelPostRefusedInSilence(t *testing.T) {
	t.Parallel()
	for _, heard := range []bool{false, true} {
		down, cameraDown := net.Pipe()
		up, cameraUp := net.Pipe()
		tunnel := newHTTPTunnel(down, bufio.NewReader(down), up, time.Minute)
		go func() { _, _ = io.WriteString(cameraUp, "HTTP/1.0 403 Forbidden\r\n\r\n") }()
		p := make([]byte, 1)
		want := fault.Auth
		if heard {
			go func() { _, _ = io.WriteString(cameraDown, "x") }()
			if _, err := io.ReadFull(tunnel, p); err != nil {
				t.Fatal(err)
			}
			want = fault.None
		}
		for range 2 {
			if err := tunnel.SetReadDeadline(time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			if _, err := tunnel.Read(p); err == nil || fault.ClassOf(err) != want {
				t.Errorf("heard %v: %v", heard, err)
			}
		}
		_, _, _ = tunnel.Close(), cameraDown.Close(), cameraUp.Close()
	}
	down, cameraDown := net.Pipe()
	up, cameraUp := net.Pipe()
	tunnel := newHTTPTunnel(down, bufio.NewReader(down), up, time.Millisecond)
	_ = cameraDown.Close()
	if _, err := tunnel.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("without an answer: %v", err)
	}
	_ = cameraUp.Close()
	if _, err := io.WriteString(tunnel, "x"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write: %v", err)
	}
	_ = tunnel.Close()
}

// Nobody with a tunnel reads of a port or of a transport that have nothing to do with it.
func TestTextsFitTheTransport(t *testing.T) {
	t.Parallel()
	u, _, err := ParseURL("rtsp://camera.test:1/")
	if err != nil {
		t.Fatal(err)
	}
	for _, over := range []Transport{TransportTCP, TransportUDP, TransportMulticast, TransportHTTP, TransportWebSocket} {
		s := newSource(t, u, func(c *Config) {
			c.Transport = over
			c.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			}
		})
		want := "RTSP is enabled"
		if over.tunnelled() {
			want = "port of the camera's web server"
		}
		wantFault(t, s, fault.Unreachable, want)
		a := newAttempt(s, &runState{}, u, over, nil)
		if got := strings.Contains(a.stalled("nothing").Error(), "set transport TCP"); got != (over == TransportUDP || over == TransportMulticast) {
			t.Errorf("%v: %v", over, a.stalled("nothing"))
		}
	}
}
