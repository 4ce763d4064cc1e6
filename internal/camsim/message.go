package camsim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// Limits on what a client may send.
const (
	maxLine = 8 << 10
	maxBody = 64 << 10
)

var errMessage = errors.New("malformed RTSP message")

// request is one RTSP request.
type request struct {
	method string
	url    *url.URL
	header textproto.MIMEHeader
}

// path returns the request's path without its track, and the track's number or -1.
func (r *request) path() (path string, track int) {
	path = strings.TrimRight(r.url.Path, "/")
	if at := strings.LastIndex(path, "/trackID="); at >= 0 {
		n, err := strconv.Atoi(path[at+len("/trackID="):])
		if err != nil {
			n = -1
		}
		return strings.TrimRight(path[:at], "/"), n
	}
	return path, -1
}

// readRequest reads one request, its body included.
func readRequest(r *bufio.Reader) (*request, error) {
	req, err := readHead(r, "RTSP/1.0")
	if err != nil {
		return nil, err
	}
	return req, discardBody(r, req.header.Get("Content-Length"))
}

// readHead reads a request's head. The protocol may end with more than is given.
func readHead(r *bufio.Reader, protocol string) (*request, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	parts := strings.Fields(line)
	if len(parts) != 3 || !strings.HasPrefix(parts[2], protocol) {
		return nil, errMessage
	}
	req := &request{method: parts[0], header: textproto.MIMEHeader{}}
	if req.url, err = url.Parse(parts[1]); err != nil {
		return nil, errMessage
	}
	for range 100 {
		if line, err = readLine(r); err != nil {
			return nil, err
		}
		if line == "" {
			return req, nil
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, errMessage
		}
		req.header.Add(strings.TrimSpace(key), strings.TrimSpace(value))
	}
	return nil, errMessage
}

func discardBody(r *bufio.Reader, length string) error {
	if length == "" {
		return nil
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > maxBody {
		return errMessage
	}
	_, err = io.CopyN(io.Discard, r, int64(n))
	return err
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	if len(line) > maxLine {
		return "", errMessage
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// response is one RTSP response.
type response struct {
	status int
	header []string // "Name: value"
	body   string
	wire   func(string) string // changes the text; nil = it is sent as it is
	silent bool                // it is not sent
	cut    int                 // the connection ends after so many bytes of the body; 0 = it stays
}

func (r *response) add(format string, args ...any) {
	r.header = append(r.header, fmt.Sprintf(format, args...))
}

func (r *response) bytes(cseq string) []byte {
	b := fmt.Appendf(nil, "RTSP/1.0 %d %s\r\n", r.status, statusText(r.status))
	if cseq != "" {
		b = fmt.Appendf(b, "CSeq: %s\r\n", cseq)
	}
	b = append(b, "Server: Frameport simulated camera\r\n"...)
	for _, h := range r.header {
		b = fmt.Appendf(b, "%s\r\n", h)
	}
	if r.body != "" {
		b = fmt.Appendf(b, "Content-Length: %d\r\n", len(r.body))
	}
	b = append(append(b, "\r\n"...), r.body...)
	if r.wire != nil {
		return []byte(r.wire(string(b)))
	}
	return b
}

// statusText names the codes of RFC 2326, 11 that the simulation may send.
func statusText(code int) string {
	switch code {
	case 200:
		return "OK"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Moved Temporarily"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 453:
		return "Not Enough Bandwidth"
	case 454:
		return "Session Not Found"
	case 455:
		return "Method Not Valid in This State"
	case 459:
		return "Aggregate Operation Not Allowed"
	case 461:
		return "Unsupported Transport"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 503:
		return "Service Unavailable"
	default:
		return "Status " + strconv.Itoa(code)
	}
}
