package rtsp

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/frameport/frameport/fault"
)

// talker is a web server that answers each request in its own way. answer gets the head
// of a request; after "" nothing is said. It returns the camera's URL.
func talker(t *testing.T, answer func(head string) string) URL {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
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
				_, _ = io.WriteString(c, answer(head.String()))
				_, _ = io.Copy(io.Discard, r)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); serving.Wait() })
	u, _, err := ParseURL("rtsp://" + ln.Addr().String() + "/live")
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
		u := talker(t, func(head string) string {
			_, login, ok := strings.Cut(head, "\r\nAuthorization: ")
			if !ok {
				return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\", Digest realm=\"a, b\", nonce=\"n\"\r\n\r\n"
			}
			logins <- login
			return "HTTP/1.1 404 Not Found\r\n\r\n"
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
		u := talker(t, func(head string) string {
			if strings.HasPrefix(head, "POST ") {
				posts <- struct{}{}
				return "HTTP/1.0 200 OK\r\n\r\n"
			}
			return "HTTP/1.0 200 OK\r\n" + content + "\r\n"
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
