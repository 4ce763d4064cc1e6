package rtsp

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const tunnelled = "application/x-rtsp-tunnelled"

// openHTTP opens a tunnel of two connections, which the camera joins by a cookie: a
// GET whose answer never ends, and a POST whose body goes on.
func (a *attempt) openHTTP(ctx context.Context, network, address string) (*link, error) {
	// GStreamer's server compares no more than 23 characters
	common := "x-sessioncookie: " + rand.Text()[:22] + "\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
	down, r, got, err := a.get(ctx, network, address, "HTTP/1.0", common+"Accept: "+tunnelled+"\r\n")
	if err != nil {
		return nil, err
	}
	if err := got.opened(); err != nil {
		_ = down.raw.Close()
		return nil, err
	}
	// The same host again, whatever its name means by now: one cookie at two hosts opens
	// nothing, and tells one of them about the other.
	if at, ok := down.raw.RemoteAddr().(*net.TCPAddr); ok {
		address = at.String()
	}
	up, err := a.openWire(ctx, network, address)
	if err != nil {
		_ = down.raw.Close()
		return nil, err
	}
	err = a.within(ctx, up, func() error {
		// The length is what all clients give, and no camera counts it. Most do not answer
		// a POST, so no answer is awaited; one that refuses is found by askPost.
		_, err := io.WriteString(up, a.head("POST", "HTTP/1.0")+common+"Content-Type: "+tunnelled+
			"\r\nContent-Length: 32767\r\nExpires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n")
		return err
	})
	if err != nil {
		_, _ = down.raw.Close(), up.raw.Close()
		return nil, err
	}
	return &link{Conn: newHTTPTunnel(down, r, up, a.src.cfg.Timeouts.Response/5), raw: closers{down.raw, up.raw}}, nil
}

// httpTunnel is the two connections of a tunnel over HTTP.
type httpTunnel struct {
	net.Conn               // of the GET
	r        *bufio.Reader // over it
	up       net.Conn      // of the POST

	heard   atomic.Bool  // something has come over the GET
	refused func() error // what the web server has answered to the POST
}

// newHTTPTunnel returns a tunnel that looks for an answer to the POST for so long when
// nothing has come over the GET.
func newHTTPTunnel(down net.Conn, r *bufio.Reader, up net.Conn, patience time.Duration) *httpTunnel {
	t := &httpTunnel{Conn: down, r: r, up: up}
	t.refused = sync.OnceValue(func() error { return t.askPost(patience) })
	return t
}

// askPost looks whether the web server has refused the POST, which is not read otherwise.
// Its answer has come long before; the time is for a busy machine.
func (t *httpTunnel) askPost(patience time.Duration) error {
	if t.up.SetReadDeadline(time.Now().Add(patience)) != nil {
		return nil
	}
	got, err := readAnswer(bufio.NewReaderSize(t.up, maxAnswer))
	if err != nil || got.status == 200 {
		return nil
	}
	return got.refusal()
}

// explain puts the refusal of the POST in the place of an error that follows from it.
func (t *httpTunnel) explain(err error) error {
	if err == nil || t.heard.Load() {
		return err
	}
	if refusal := t.refused(); refusal != nil {
		return refusal
	}
	return err
}

// Read implements net.Conn.
func (t *httpTunnel) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 {
		t.heard.Store(true)
	}
	return n, t.explain(err)
}

// Write implements net.Conn. Each write is padded on its own, as the camera may be
// waiting for its last byte.
func (t *httpTunnel) Write(p []byte) (int, error) {
	_, err := io.WriteString(t.up, base64.StdEncoding.EncodeToString(p))
	switch {
	case err == nil:
		return len(p), nil
	case isTimeout(err): // the camera reads nothing
		return 0, err
	default:
		return 0, t.explain(err)
	}
}

// SetDeadline implements net.Conn.
func (t *httpTunnel) SetDeadline(at time.Time) error {
	return errors.Join(t.SetReadDeadline(at), t.SetWriteDeadline(at))
}

// SetReadDeadline implements net.Conn. It ends a look at the POST, too.
func (t *httpTunnel) SetReadDeadline(at time.Time) error {
	return errors.Join(t.Conn.SetReadDeadline(at), t.up.SetReadDeadline(at))
}

// SetWriteDeadline implements net.Conn.
func (t *httpTunnel) SetWriteDeadline(at time.Time) error { return t.up.SetWriteDeadline(at) }

// Close implements net.Conn.
func (t *httpTunnel) Close() error { return errors.Join(t.up.Close(), t.Conn.Close()) }

// closers closes all of them.
type closers []io.Closer

// Close implements io.Closer.
func (c closers) Close() error {
	var err error
	for _, one := range c {
		err = errors.Join(err, one.Close())
	}
	return err
}
