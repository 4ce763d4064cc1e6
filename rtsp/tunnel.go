package rtsp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

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

// get opens a connection and sends a GET over it, and both once more with a login when
// the web server wants one. What follows the answer is in r.
func (a *attempt) get(ctx context.Context, network, address, version, header string) (w wire, r *bufio.Reader, got *answer, err error) {
	a.web = nil
	for {
		if w, err = a.openWire(ctx, network, address); err != nil {
			return wire{}, nil, nil, err
		}
		r = bufio.NewReaderSize(w, maxAnswer)
		a.now = exchange{authorized: a.web != nil}
		err = a.within(ctx, w, func() error {
			if _, err := io.WriteString(w, a.head("GET", version)+header+"\r\n"); err != nil {
				return err
			}
			got, err = readAnswer(r)
			return err
		})
		if err == nil && got.status != http.StatusUnauthorized {
			a.settleWeb(got.status)
			return w, r, got, nil
		}
		_ = w.raw.Close()
		if err == nil {
			err = a.answerWeb(ctx, got)
		}
		if err != nil {
			return wire{}, nil, nil, err
		}
	}
}

// answerWeb judges a 401 of the web server by the rules for the camera's own. It returns
// nil when the login may be tried.
func (a *attempt) answerWeb(ctx context.Context, got *answer) error {
	res := &base.Response{
		StatusCode: base.StatusUnauthorized,
		Header:     base.Header{"WWW-Authenticate": got.header["Www-Authenticate"]},
	}
	a.challenged(ctx, res, false)
	sender := &auth.Sender{WWWAuth: res.Header["WWW-Authenticate"], User: a.src.cfg.Username, Pass: a.src.cfg.Password.Reveal()}
	err := sender.Initialize()
	if res.StatusCode != base.StatusUnauthorized || err != nil {
		return a.failureOr(fault.New(fault.Auth, "login", errors.New("the camera's web server asks for a login in no way that is known here")))
	}
	a.web = sender
	return nil
}

// settleWeb reports what became of a login at the web server. The camera itself may
// want another one: that is judged by itself.
func (a *attempt) settleWeb(status int) {
	switch {
	case !a.now.authorized:
	case status == http.StatusForbidden:
		a.reportLogin(loginForbidden)
	default:
		a.loggedIn()
	}
	a.login = loginUnknown
}

// head begins a request to the web server.
func (a *attempt) head(method, version string) string {
	at := a.url.base(nil)
	at.Scheme, at.Host = "", "" // the form for a web server, also inside its digest
	if at.Path == "" {
		at.Path = "/"
	}
	text := method + " " + at.String() + " " + version + "\r\nHost: " + a.host() + "\r\nUser-Agent: " + userAgent + "\r\n"
	if a.web == nil {
		return text
	}
	req := &base.Request{Method: base.Method(method), URL: at}
	a.web.AddAuthorization(req)
	a.addOpaque(req)
	return text + "Authorization: " + first(req.Header, "Authorization") + "\r\n"
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
