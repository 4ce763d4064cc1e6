package rtsp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/frameport/frameport/fault"
)

// Note: [Tunnels]
//
// Where only a camera's web server can be reached, RTSP goes through it: over HTTP in
// the form that QuickTime began and ONVIF takes over, or over WebSocket as ONVIF has it.
// Both become a net.Conn inside the link, so that everything above it holds unchanged:
// the closing with its TEARDOWN, the mending of lines, the deadlines. Everything below
// holds as well, since each connection comes from openWire. The library has tunnels of its
// own, which are not used: they follow none of these rules, and read answers of any
// length.
//
// A tunnel is only taken when it is asked for. It needs the port of a web server, which
// nothing but the operator knows, and a camera whose RTSP port is closed is better shown
// than worked around with requests to whatever serves HTTP there.

// maxAnswer bounds the head of a web server's answer.
const maxAnswer = 8 << 10

// answer is the head of a web server's answer.
type answer struct {
	status int
	reason string
	header textproto.MIMEHeader
}

// within runs f, which uses w, with a deadline for it and for as long as ctx lasts.
func (a *attempt) within(ctx context.Context, w wire, f func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = w.raw.Close() })
	err := w.SetDeadline(time.Now().Add(a.src.cfg.Timeouts.Response))
	if err == nil {
		err = f()
	}
	if !stop() {
		return ctx.Err()
	}
	if err == nil {
		err = w.SetDeadline(time.Time{})
	}
	return err
}

// target is what a request asks the web server for: path and query of the camera's URL.
func (a *attempt) target() string { return (*url.URL)(a.url.base(nil)).RequestURI() }

// host is the Host header for the web server.
func (a *attempt) host() string {
	name, _, _ := strings.Cut(a.url.host, "%") // a zone means something on this machine only
	if a.url.port == 80 && !a.url.Secure() || a.url.port == 443 && a.url.Secure() {
		if strings.Contains(name, ":") {
			return "[" + name + "]"
		}
		return name
	}
	return net.JoinHostPort(name, strconv.Itoa(int(a.url.port)))
}

// readAnswer reads a head and leaves what follows in r, which is large enough for one.
func readAnswer(r *bufio.Reader) (*answer, error) {
	left := maxAnswer
	line := func() (string, error) {
		b, err := r.ReadSlice('\n')
		if left -= len(b); left < 0 || errors.Is(err, bufio.ErrBufferFull) {
			return "", fault.New(fault.Protocol, "tunnel", fmt.Errorf("the head of the web server's answer is longer than %d bytes", maxAnswer))
		}
		if errors.Is(err, io.EOF) && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return strings.TrimRight(string(b), "\r\n"), err
	}
	start, err := line()
	if err != nil {
		return nil, err
	}
	version, rest, _ := strings.Cut(start, " ")
	code, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	status, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(version, "HTTP/1.") {
		return nil, fault.New(fault.Protocol, "tunnel", errors.New(
			"what answers at this port does not speak HTTP: give the port of the camera's web server in the URL, mostly 80, and 443 for rtsps, or use another transport"))
	}
	out := &answer{status: status, reason: reason, header: textproto.MIMEHeader{}}
	for {
		text, err := line()
		if err != nil {
			return nil, err
		}
		if text == "" {
			return out, nil
		}
		key, value, _ := strings.Cut(text, ":")
		out.header.Add(strings.TrimSpace(key), strings.TrimSpace(value))
	}
}

// refusal is the fault of an answer that opens no tunnel.
func (r *answer) refusal() error {
	// not cut short here, as with the status of an RTSP answer
	status := fmt.Errorf("status %d %s", r.status, clean(r.reason, maxErrorText))
	switch r.status {
	case 401, 407:
		return fault.New(fault.Unsupported, "tunnel", fmt.Errorf(
			"the camera's web server wants a login before it opens a tunnel, which is not supported: let it open tunnels without one, as the stream still asks for it, or use another transport (%w)", status))
	case 404, 410:
		return fault.New(fault.NotFound, "tunnel", fmt.Errorf("the camera's web server has no stream there: check the path of the URL (%w)", status))
	case 453, 503:
		return fault.New(fault.Busy, "tunnel", fmt.Errorf("the camera has no session left: close other viewers or raise its limit (%w)", status))
	default:
		return fault.New(fault.Unsupported, "tunnel", fmt.Errorf(
			"the camera's web server opens no such tunnel: check port and path of the URL, and that it is switched on at the camera, or use another transport (%w)", status))
	}
}
