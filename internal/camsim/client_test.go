package camsim

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client is the least RTSP client that can judge the server.
type client struct {
	t       *testing.T
	conn    net.Conn
	r       *bufio.Reader
	url     string
	cseq    int
	session string
	auth    func(method, uri string) string
	pending []frame // interleaved data met while waiting for an answer
}

type frame struct {
	channel byte
	data    []byte
}

type answer struct {
	status int
	header textproto.MIMEHeader
	body   string
}

func dial(t *testing.T, h *Handle) *client {
	t.Helper()
	u, err := url.Parse(h.URL())
	if err != nil {
		t.Fatal(err)
	}
	var conn net.Conn
	if u.Scheme == "rtsps" {
		conn, err = tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true})
	} else {
		conn, err = net.Dial("tcp", u.Host)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(50 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, conn: conn, r: bufio.NewReaderSize(conn, 1<<16), url: h.URL()}
}

func (c *client) send(method, uri string, header ...string) {
	c.t.Helper()
	c.cseq++
	text := fmt.Sprintf("%s %s RTSP/1.0\r\nCSeq: %d\r\n", method, uri, c.cseq)
	if c.session != "" {
		text += "Session: " + c.session + "\r\n"
	}
	if c.auth != nil {
		if a := c.auth(method, uri); a != "" {
			text += "Authorization: " + a + "\r\n"
		}
	}
	for _, h := range header {
		text += h + "\r\n"
	}
	if _, err := io.WriteString(c.conn, text+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

// try sends a request and returns the answer, or the error that ended the wait.
func (c *client) try(method, uri string, header ...string) (*answer, error) {
	c.t.Helper()
	c.send(method, uri, header...)
	for {
		first, err := c.r.Peek(1)
		if err != nil {
			return nil, err
		}
		if first[0] == '$' {
			f, err := c.frame()
			if err != nil {
				return nil, err
			}
			c.pending = append(c.pending, f)
			continue
		}
		return c.answer()
	}
}

func (c *client) answer() (*answer, error) {
	tp := textproto.NewReader(c.r)
	line, err := tp.ReadLine()
	if err != nil {
		return nil, err
	}
	a := new(answer)
	if _, err := fmt.Sscanf(line, "RTSP/1.0 %d", &a.status); err != nil {
		return nil, fmt.Errorf("%q: %w", line, err)
	}
	if a.header, err = tp.ReadMIMEHeader(); err != nil {
		return nil, err
	}
	if n, err := strconv.Atoi(a.header.Get("Content-Length")); err == nil {
		body := make([]byte, n)
		if _, err := io.ReadFull(c.r, body); err != nil {
			return nil, err
		}
		a.body = string(body)
	}
	if s := a.header.Get("Session"); s != "" {
		c.session, _, _ = strings.Cut(s, ";")
	}
	return a, nil
}

func (c *client) frame() (frame, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(c.r, head); err != nil {
		return frame{}, err
	}
	f := frame{head[1], make([]byte, binary.BigEndian.Uint16(head[2:]))}
	_, err := io.ReadFull(c.r, f.data)
	return f, err
}

// do is try for requests that must be answered with a status.
func (c *client) do(want int, method, uri string, header ...string) *answer {
	c.t.Helper()
	a, err := c.try(method, uri, header...)
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	if a.status != want {
		c.t.Fatalf("%s: status %d, want %d", method, a.status, want)
	}
	return a
}

// play sets the video track up over TCP and plays it.
func (c *client) play() {
	c.t.Helper()
	c.do(200, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
	c.do(200, "PLAY", c.url)
}

// next returns the next interleaved frame.
func (c *client) next() frame {
	c.t.Helper()
	if len(c.pending) > 0 {
		f := c.pending[0]
		c.pending = c.pending[1:]
		return f
	}
	f, err := c.frame()
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// rtpPacket is an RTP packet taken apart.
type rtpPacket struct {
	rtp
	payload []byte
}

func parseRTP(t *testing.T, b []byte) rtpPacket {
	t.Helper()
	if len(b) < 12 || b[0] != 0x80 {
		t.Fatalf("not an RTP packet: % x", b[:min(len(b), 12)])
	}
	return rtpPacket{rtp{
		payloadType: b[1] & 0x7F, marker: b[1]&0x80 != 0, sequence: binary.BigEndian.Uint16(b[2:]),
		timestamp: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]),
	}, b[12:]}
}

// video returns the next RTP packet of the video track.
func (c *client) video() rtpPacket {
	c.t.Helper()
	for {
		if f := c.next(); f.channel == 0 {
			return parseRTP(c.t, f.data)
		}
	}
}

// unit returns the packets of the next access unit, ended by a marker.
func (c *client) unit() []rtpPacket {
	c.t.Helper()
	var out []rtpPacket
	for {
		p := c.video()
		out = append(out, p)
		if p.marker {
			return out
		}
	}
}
