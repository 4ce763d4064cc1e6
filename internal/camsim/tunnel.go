package camsim

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// tunnelWait is how long a connection that begins a tunnel waits for the next step.
const tunnelWait = time.Minute

const tunnelled = "application/x-rtsp-tunnelled"

// half is the GET of a tunnel over HTTP that waits for its POST.
type half struct {
	conn *conn
	join chan *upstream
}

// upstream is the POST.
type upstream struct {
	conn *conn
	body io.Reader // decoded
}

// begin looks whether the connection begins a tunnel, and returns where requests are
// to be read from; nil = nowhere.
func (c *conn) begin() *bufio.Reader {
	r := bufio.NewReaderSize(c.rw, maxLine)
	if c.rw.SetReadDeadline(time.Now().Add(tunnelWait)) != nil {
		return nil
	}
	start, err := r.Peek(len("POST"))
	switch method := string(start); {
	case method == "GET " || method == "POST":
		return c.tunnel(r)
	case c.server.cfg.TunnelsOnly:
		if err == nil {
			c.answerHTTP("400 Bad Request", "Connection: close")
		}
		return nil
	default:
		return r
	}
}

func (c *conn) tunnel(r *bufio.Reader) *bufio.Reader {
	req, err := readHead(r, "HTTP/1.")
	if err != nil {
		c.answerHTTP("400 Bad Request", "Connection: close")
		return nil
	}
	if !c.mayTunnel(req) {
		return nil
	}
	cookie := req.header.Get("X-Sessioncookie")
	switch {
	case strings.EqualFold(req.header.Get("Upgrade"), "websocket"):
		return c.webSocket(req, r)
	case req.method == "GET" && cookie != "" && req.header.Get("Accept") == tunnelled:
		return c.downstream(cookie)
	case req.method == "POST" && cookie != "" && req.header.Get("Content-Type") == tunnelled:
		c.upstream(cookie, r)
		return nil
	default:
		c.answerHTTP("404 Not Found", "Connection: close")
		return nil
	}
}

// mayTunnel judges the login of a request for a tunnel.
func (c *conn) mayTunnel(req *request) bool {
	s := c.server
	if s.cfg.TunnelUser == "" {
		return true
	}
	scheme := s.cfg.TunnelAuth
	if scheme == 0 {
		scheme = AuthDigestMD5
	}
	header := req.header.Get("Authorization")
	switch scheme.check(header, req.method, s.cfg.TunnelUser, s.cfg.TunnelPassword, s.nonce) {
	case loginRight:
		_, params, _ := strings.Cut(header, " ")
		if uri := parseParams(params)["uri"]; scheme == AuthBasic || uri == req.url.RequestURI() {
			s.tunnelLogins.Add(1)
			return true
		}
		s.failedLogins.Add(1)
	case loginWrong:
		s.failedLogins.Add(1)
	case loginMissing, loginStale:
	}
	c.answerHTTP("401 Unauthorized", append(scheme.challenges(s.nonce, false), "Connection: close")...)
	return false
}

func (c *conn) answerHTTP(status string, header ...string) bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.write(fmt.Appendf(nil, "HTTP/1.1 %s\r\n%s\r\n\r\n", status, strings.Join(header, "\r\n")))
}

// downstream answers the GET of a tunnel and waits for its POST.
func (c *conn) downstream(cookie string) *bufio.Reader {
	h := &half{c, make(chan *upstream, 1)}
	s := c.server
	s.mu.Lock()
	taken := s.halves[cookie] != nil
	if !taken {
		s.halves[cookie] = h
	}
	s.mu.Unlock()
	if taken {
		c.answerHTTP("400 Bad Request", "Connection: close")
		return nil
	}
	defer s.take(cookie)
	if !c.answerHTTP("200 OK", "Content-Type: "+tunnelled, "Cache-Control: no-store") {
		return nil
	}
	wait := time.NewTimer(tunnelWait)
	defer wait.Stop()
	select {
	case up := <-h.join:
		s.httpTunnels.Add(1)
		c.rw = &httpTunnel{Conn: c.rw, up: up}
		return bufio.NewReaderSize(c.rw, maxLine)
	case <-wait.C:
	case <-c.done:
	}
	return nil
}

// upstream hands what comes over the POST of a tunnel to its GET, and ends with it.
func (c *conn) upstream(cookie string, r *bufio.Reader) {
	h := c.server.take(cookie)
	if h == nil {
		c.answerHTTP("404 Not Found", "Connection: close")
		return
	}
	h.join <- &upstream{c, &quanta{r: r}}
	select {
	case <-h.conn.done:
	case <-c.done:
	}
}

// take returns the half with a cookie, which nobody else gets any more.
func (s *Server) take(cookie string) *half {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.halves[cookie]
	delete(s.halves, cookie)
	return h
}

// httpTunnel is the two connections of a tunnel: the GET's, and what comes over the POST's.
type httpTunnel struct {
	net.Conn
	up *upstream
}

// Read implements net.Conn.
func (t *httpTunnel) Read(p []byte) (int, error) { return t.up.body.Read(p) }

// SetReadDeadline implements net.Conn.
func (t *httpTunnel) SetReadDeadline(at time.Time) error { return t.up.conn.rw.SetReadDeadline(at) }

// quanta decodes base64 four characters at a time: each message is padded on its own.
type quanta struct {
	r    *bufio.Reader
	rest []byte
}

func (q *quanta) Read(p []byte) (int, error) {
	if len(q.rest) == 0 {
		var coded [4]byte
		for i := 0; i < len(coded); {
			b, err := q.r.ReadByte()
			if err != nil {
				return 0, err
			}
			if b != '\r' && b != '\n' {
				coded[i] = b
				i++
			}
		}
		plain, err := base64.StdEncoding.DecodeString(string(coded[:]))
		if err != nil {
			return 0, errMessage
		}
		q.rest = plain
	}
	n := copy(p, q.rest)
	q.rest = q.rest[n:]
	return n, nil
}
