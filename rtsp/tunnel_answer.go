package rtsp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/frameport/frameport/fault"
)

// maxAnswer bounds the head of a web server's answer.
const maxAnswer = 8 << 10

// answer is the head of a web server's answer.
type answer struct {
	status int
	reason string
	header textproto.MIMEHeader
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

// opened judges the answer to the GET of a tunnel over HTTP. Cameras name any kind of
// content or none, but those that serve a page or a text do not know of tunnels.
func (r *answer) opened() error {
	switch {
	case r.status != 200:
		return r.refusal()
	case strings.HasPrefix(strings.ToLower(r.header.Get("Content-Type")), "text/"):
		return fault.New(fault.Unsupported, "tunnel", errors.New(
			"the camera's web server answers with a web page: check the path of the URL, and that tunnels are switched on at the camera, or use another transport"))
	default:
		return nil
	}
}

// refusal is the fault of an answer that opens no tunnel.
func (r *answer) refusal() error {
	// not cut short here, as with the status of an RTSP answer
	status := fmt.Errorf("status %d %s", r.status, clean(r.reason, maxErrorText))
	switch r.status {
	case 401, 403: // 401 comes here for a POST, when the login was good for the GET
		return fault.New(fault.Auth, "tunnel", fmt.Errorf("the camera's web server forbids this to the user: check the user's rights on the camera (%w)", status))
	case 404, 410:
		return fault.New(fault.NotFound, "tunnel", fmt.Errorf("the camera's web server has no stream there: check the path of the URL (%w)", status))
	case 453, 503:
		return fault.New(fault.Busy, "tunnel", fmt.Errorf("the camera has no session left: close other viewers or raise its limit (%w)", status))
	default:
		return fault.New(fault.Unsupported, "tunnel", fmt.Errorf(
			"the camera's web server opens no such tunnel: check port and path of the URL, and that it is switched on at the camera, or use another transport (%w)", status))
	}
}
