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
