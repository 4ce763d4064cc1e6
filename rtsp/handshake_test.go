package rtsp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// pipes is a network without a kernel: in a synctest bubble its connections wait by the
// bubble's clock.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	slow   time.Duration // how long a dial takes
}

func newPipes(slow time.Duration) *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{}), slow: slow}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, camera := net.Pipe()
	select {
	case <-time.After(p.slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case p.conns <- camera:
		return brusque{ours}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// brusque is a connection whose other end hangs up at TEARDOWN, however busy it is:
// nobody waits for it in a bubble while somebody else waits for a mutex.
type brusque struct{ net.Conn }

func (c brusque) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("TEARDOWN")) {
		return len(b), c.Close()
	}
	return c.Conn.Write(b)
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 554} }

// TestHandshakeTime: by default a camera has 5 s for each step and 15 s for all of them
// until it plays, however it uses them.
func TestHandshakeTime(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dial, answer time.Duration // that each takes
		drip         time.Duration // between the bytes of an answer
		plays        bool
		text         string
		after        time.Duration // when it is given up
	}{
		"just in time":              {dial: 4900 * time.Millisecond, answer: 2500 * time.Millisecond, plays: true}, // for the dial and four answers
		"each step almost too late": {dial: 4900 * time.Millisecond, answer: 4900 * time.Millisecond, text: "did not begin to play within 15s", after: 15 * time.Second},
		"quickly connected":         {answer: 4900 * time.Millisecond, text: "did not begin to play within 15s", after: 15 * time.Second},
		"all together too late":     {dial: 4900 * time.Millisecond, answer: 2600 * time.Millisecond, text: "did not begin to play within 15s", after: 15 * time.Second},
		"one step too late":         {answer: 5100 * time.Millisecond, text: "does not answer in time", after: 5 * time.Second},
		"no connection":             {dial: 5100 * time.Millisecond, text: "does not answer in time", after: 5 * time.Second},
		"byte by byte":              {drip: time.Second, text: "does not answer in time", after: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				network := newPipes(tc.dial)
				wait := func(c *camConn, d time.Duration) bool {
					select {
					case <-time.After(d):
						return true
					case <-c.ctx.Done():
						return false
					}
				}
				cam := startCam(t, &fakeCam{script: func(c *camConn, _ *camRequest) bool {
					for _, b := range []byte("RTSP/1.0 200 OK\r\n") {
						if tc.drip == 0 || !wait(c, tc.drip) || !c.send([]byte{b}) {
							break
						}
					}
					return !wait(c, tc.answer)
				}}, network)
				s := newSource(t, camURL(t, cam), func(c *Config) { c.Timeouts, c.DialContext = Timeouts{}, network.dial })
				began, units := time.Now(), 0
				err := s.Run(t.Context(), func(*media.AccessUnit) error { units++; return errEnough })
				took := time.Since(began)
				if tc.plays {
					if !errors.Is(err, errEnough) {
						t.Errorf("after %v: %v", took, err)
					}
					return
				}
				e, ok := errors.AsType[*fault.Error](err)
				if !ok || e.Class != fault.Unreachable || !strings.Contains(e.Error(), tc.text) {
					t.Errorf("after %v: %v", took, err)
				}
				if took != tc.after {
					t.Errorf("given up after %v, want %v", took, tc.after)
				}
			})
		})
	}
}
