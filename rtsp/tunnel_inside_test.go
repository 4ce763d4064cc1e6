package rtsp

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"github.com/frameport/frameport/fault"
)

// webServer answers the first request of every connection with a text and then waits
// for the other side to hang up. It returns the camera's URL.
func webServer(t *testing.T, text string) URL {
	t.Helper()
	return talker(t, "rtsp", func(c net.Conn, _ string) {
		_, _ = io.WriteString(c, text)
	})
}

// What a web server says instead of opening a tunnel becomes a fault in words, and
// whatever it sends is read within bounds.
func TestTunnelRefused(t *testing.T) {
	t.Parallel()
	long := "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: "+strings.Repeat("x", 1000)+"\r\n", 1000)
	for name, tc := range map[string]struct {
		answer string
		class  fault.Class
		text   string
	}{
		"login":     {"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n", fault.Auth, "none is set"},
		"forbidden": {"HTTP/1.1 403 Forbidden\r\n\r\n", fault.Auth, "status 403 Forbidden"},
		"not found": {"HTTP/1.0 404 Not Found\r\n\r\n", fault.NotFound, "status 404 Not Found"},
		"busy":      {"HTTP/1.0 503 Busy\n\n", fault.Busy, "status 503"},
		"elsewhere": {"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n", fault.Unsupported, "opens no such tunnel"},
		"RTSP":      {"RTSP/1.0 400 Bad Request\r\n\r\n", fault.Protocol, "does not speak HTTP"},
		"rubbish":   {"\x00\x01\x02\n", fault.Protocol, "does not speak HTTP"},
		"too many":  {long, fault.Protocol, "longer than 8192 bytes"},
		"one line":  {"HTTP/1.1 " + strings.Repeat("2", 100_000), fault.Protocol, "longer than 8192 bytes"},
		"silence":   {"HTTP/1.1 200", fault.Unreachable, "does not answer in time"},
	} {
		for _, transport := range []Transport{TransportHTTP, TransportWebSocket} {
			t.Run(name+" "+transport.String(), func(t *testing.T) {
				t.Parallel()
				wantFault(t, newSource(t, webServer(t, tc.answer), func(c *Config) {
					c.Transport = transport
					if name == "silence" {
						c.Timeouts.Response = 100 * time.Millisecond
					}
				}), tc.class, tc.text)
			})
		}
	}
	for name, text := range map[string]string{
		"wrong key":      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
		"not understood": "HTTP/1.1 200 OK\r\n\r\n<html>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t, webServer(t, text), func(c *Config) { c.Transport = TransportWebSocket })
			wantFault(t, s, map[bool]fault.Class{true: fault.Unsupported, false: fault.Protocol}[strings.Contains(text, "200")], "check")
		})
	}
}

// Whoever has another certificate at the second connection of a tunnel than the pinned
// one gets no word of what would go through it.
func TestTunnelPinsBothConnections(t *testing.T) {
	t.Parallel()
	good, other := testCert(t, time.Now().Add(24*time.Hour)), testCert(t, time.Now().Add(24*time.Hour))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() {
		defer close(second)
		for _, cert := range []tls.Certificate{good, other} {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			defer func() { _ = raw.Close() }()
			c := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{cert}})
			n, err := c.Read(make([]byte, 4096))
			if n > 0 && cert.Leaf == good.Leaf {
				_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
				continue
			}
			if n > 0 {
				err = nil
			}
			second <- err
		}
	}()
	sum := sha256.Sum256(good.Certificate[0])
	u, _, _ := ParseURL("rtsps://" + ln.Addr().String() + "/")
	s := newSource(t, u, func(c *Config) {
		c.Transport, c.TLS = TransportHTTP, TLS{Mode: TLSPin, PinSHA256: hex.EncodeToString(sum[:])}
	})
	wantFault(t, s, fault.Policy, "not the pinned one")
	if err, ok := <-second; !ok || err == nil {
		t.Errorf("the second connection: %v, %v", err, ok)
	}
	_ = ln.Close()
}

// The parts of a tunnel over HTTP: deadlines reach the connection that they are for, and
// each write is whole by itself.
func TestHTTPTunnelParts(t *testing.T) {
	t.Parallel()
	down, cameraDown := net.Pipe()
	up, cameraUp := net.Pipe()
	tunnel := newHTTPTunnel(down, bufio.NewReader(down), up, time.Minute)
	defer func() { _, _ = cameraDown.Close(), cameraUp.Close() }()
	past := time.Unix(1, 0)
	if err := tunnel.SetWriteDeadline(past); err != nil {
		t.Fatal(err)
	}
	if _, err := tunnel.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
	go func() { _, _ = io.WriteString(cameraDown, "answer") }()
	got := make([]byte, 6)
	if _, err := io.ReadFull(tunnel, got); err != nil || string(got) != "answer" {
		t.Errorf("%q, %v", got, err)
	}
	if err := tunnel.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := tunnel.SetReadDeadline(past); err != nil {
		t.Fatal(err)
	}
	if _, err := tunnel.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	for _, text := range []string{"OPTIONS * RTSP/1.0", "\x80\xc9\x00\x01"} {
		go func() { _, _ = tunnel.Write([]byte(text)) }()
		want := base64.StdEncoding.EncodeToString([]byte(text))
		got := make([]byte, len(want))
		if _, err := io.ReadFull(cameraUp, got); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	_ = tunnel.Close()
	for _, c := range []net.Conn{cameraDown, cameraUp} {
		if _, err := c.Read(got); !errors.Is(err, io.EOF) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// A web server is asked in its own form: by path and query, with the port that is not its
// usual one; a digest is over the same.
func TestTunnelHead(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"rtsp://camera:80":                       {"/", "camera"},
		"rtsp://camera/?x=1":                     {"/?x=1", "camera:554"},
		"rtsp://camera:8080/a%20b//c?d=e%2f&f":   {"/a%20b//c?d=e%2f&f", "camera:8080"},
		"rtsps://[2001:db8::1]:443/ä":            {"/%C3%A4", "[2001:db8::1]"},
		"rtsps://[fe80::1%25eth0]:80//two?a?b=c": {"//two?a?b=c", "[fe80::1]:80"},
	} {
		u, _, err := ParseURL(in)
		if err != nil {
			t.Fatal(err)
		}
		a := newAttempt(newSource(t, u, nil), &runState{}, u, TransportHTTP, nil)
		line, rest, _ := strings.Cut(a.head("GET", "HTTP/1.0"), "\r\n")
		if line != "GET "+want[0]+" HTTP/1.0" || !strings.HasPrefix(rest, "Host: "+want[1]+"\r\n") || strings.Contains(rest, "Authorization") {
			t.Errorf("%s: %q %q", in, line, rest)
		}
		a.web = &auth.Sender{WWWAuth: base.HeaderValue{`Digest realm="r", nonce="n"`}, User: "u", Pass: "p"}
		if err := a.web.Initialize(); err != nil {
			t.Fatal(err)
		}
		a.opaque = "o"
		if head := a.head("POST", "HTTP/1.0"); !strings.Contains(head, `uri="`+want[0]+`"`) || !strings.Contains(head, `, opaque="o"`+"\r\n") {
			t.Errorf("%s: %q", in, head)
		}
	}
}

// A tunnel is the one connection of its attempt, and what the web server's challenge said
// is not told to the camera.
func TestTunnelIsTheConnection(t *testing.T) {
	t.Parallel()
	for transport, text := range map[Transport]string{
		TransportHTTP: "HTTP/1.0 200 OK\r\n\r\n", TransportTCP: "",
	} {
		u := webServer(t, text)
		a := newAttempt(newSource(t, u, nil), &runState{}, u, transport, nil)
		a.opaque = "the web server's"
		c, err := a.dial(t.Context(), "tcp", u.Address())
		if err != nil {
			t.Fatal(err)
		}
		if a.opaque != "" {
			t.Errorf("%v: opaque %q", transport, a.opaque)
		}
		if _, err := a.dial(t.Context(), "tcp", u.Address()); fault.ClassOf(err) != fault.Policy {
			t.Errorf("%v: a second one: %v", transport, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// FuzzTunnelAnswer reads any answer within bounds.
func FuzzTunnelAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nrest"))
	f.Add([]byte("HTTP/1.0 200\n:\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), maxAnswer)
		got, err := readAnswer(r)
		if err == nil && (got.header == nil || len(data) < len("HTTP/1. 0\n\n")) {
			t.Errorf("%q: %+v", data, got)
		}
	})
}

// wsPair returns the client's end of a WebSocket and the camera's of the connection.
func wsPair(t *testing.T) (*webSocket, net.Conn) {
	t.Helper()
	mine, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = mine.Close(), theirs.Close() })
	_ = theirs.SetDeadline(time.Now().Add(time.Minute)) // a mistake becomes an error
	return &webSocket{Conn: mine, r: bufio.NewReaderSize(mine, maxAnswer), patience: time.Minute}, theirs
}

// Frames are put together to one stream, whatever their sizes are, also when deadlines
// interrupt the reading within their heads.
func TestWebSocketReads(t *testing.T) {
	t.Parallel()
	w, camera := wsPair(t)
	large := strings.Repeat("0123456789", 7000)
	wire := "\x01\x02ab" + "\x00\x00" + "\x8a\x01p" + "\x80\x01c" + "\x82\x7e\x00\x03def" +
		"\x82\x7f" + string(binary.BigEndian.AppendUint64(nil, uint64(len(large)))) + large + "\x88\x02\x03\xe8"
	go func() {
		for i := range 40 { // one by one, each of which may be the last for now
			if _, err := camera.Write([]byte{wire[i]}); err != nil {
				return
			}
			_ = w.SetReadDeadline(time.Unix(1, 0))
		}
		_, _ = io.WriteString(camera, wire[40:])
	}()
	want := "abcdef" + large
	var got []byte
	p := make([]byte, 4096)
	interrupted := 0
	for len(got) < len(want) {
		n, err := w.Read(p)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			interrupted++
			err = w.SetReadDeadline(time.Time{})
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
	if interrupted < 5 {
		t.Errorf("interrupted %d times only", interrupted)
	}
	if string(got) != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if n, err := w.Read(p); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

// What a client may not get ends the connection.
func TestWebSocketRefuses(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string]string{
		"masked": "\x82\x81\x00\x00\x00\x00x", "compressed": "\xc2\x01x", "unknown": "\x83\x01x", "long ping": "\x89\x7e\x01\x00", "part of a ping": "\x09\x01x",
	} {
		w, camera := wsPair(t)
		go func() { _, _ = io.WriteString(camera, frame) }()
		if n, err := w.Read(make([]byte, 10)); n != 0 || fault.ClassOf(err) != fault.Protocol {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// Requests are masked messages, and pings get their text back, although the last
// deadline for writing is over.
func TestWebSocketWrites(t *testing.T) {
	t.Parallel()
	w, camera := wsPair(t)
	read := func(kind byte, size int) string {
		t.Helper()
		head := make([]byte, 2, 10)
		if _, err := io.ReadFull(camera, head); err != nil {
			t.Fatal(err)
		}
		long := map[byte]int{126: 2, 127: 8}[head[1]&0x7f]
		rest := make([]byte, long+4+size)
		if _, err := io.ReadFull(camera, rest); err != nil {
			t.Fatal(err)
		}
		length := uint64(head[1] & 0x7f)
		if long > 0 {
			length = binary.BigEndian.Uint64(append(make([]byte, 8-long), rest[:long]...))
		}
		mask, body := rest[long:long+4], rest[long+4:]
		for i := range body {
			body[i] ^= mask[i%4]
		}
		if head[0] != 0x80|kind || head[1]&0x80 == 0 || length != uint64(size) {
			t.Errorf("head %x, length %d, want kind %d of %d", head, length, kind, size)
		}
		return string(body)
	}
	for _, size := range []int{0, 5, 125, 126, 65535, 65536} {
		want := strings.Repeat("r", size)
		go func() {
			if n, err := w.Write([]byte(want)); n != size || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}()
		if got := read(frameBinary, size); got != want {
			t.Errorf("%d bytes differ", size)
		}
	}
	_ = w.SetWriteDeadline(time.Unix(1, 0))
	reading := make(chan error)
	go func() {
		_, err := w.Read(make([]byte, 1))
		reading <- err
	}()
	if _, err := io.WriteString(camera, "\x89\x04here"); err != nil {
		t.Fatal(err)
	}
	if got := read(framePong, 4); got != "here" {
		t.Errorf("pong %q", got)
	}
	_, _ = io.WriteString(camera, "\x82\x01x")
	if err := <-reading; err != nil {
		t.Error(err)
	}
}
