package rtsp

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// What an answer of a camera may have, as docs/guide/limits.md says. The library keeps to
// it; what it reads at once is the rest that a test allows.
const (
	answerHeaders = 255
	answerName    = 511 // bytes of a header's name, and of its value
	answerValue   = 2047
	answerBody    = 128 << 10
	readAhead     = 8 << 10
)

// counted counts what is read from a camera.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// TestAnswersThatDoNotEnd: an answer that is too large is read to its limit, whatever part
// of it is too large; and what is no answer at all is read as long as an answer may take.
func TestAnswersThatDoNotEnd(t *testing.T) {
	t.Parallel()
	const ok, sdp = "RTSP/1.0 200 OK\r\n", "Content-Type: application/sdp\r\n"
	line, lines := "X-A: "+strings.Repeat("a", answerValue)+"\r\n", strings.Repeat("v=0\r\n", 800)
	for name, tc := range map[string]struct {
		begin, forever string
		most           int // bytes that are read
		endless        bool
	}{
		"headers":        {begin: ok, forever: line, most: answerHeaders * len(line)},
		"short headers":  {begin: ok, forever: "X-A: a\r\n", most: answerHeaders * 8},
		"one header":     {begin: ok + "X-A: ", forever: strings.Repeat("a", 4096), most: answerValue},
		"one name":       {begin: ok, forever: strings.Repeat("a", 4096), most: answerName},
		"body":           {begin: ok + sdp + "Content-Length: 131073\r\n\r\n", forever: lines},
		"larger numbers": {begin: ok + sdp + "Content-Length: 99999999999999999999\r\n\r\n", forever: lines},
		"fewer than 0":   {begin: ok + sdp + "Content-Length: -1\r\n\r\n", forever: lines},
		"status":         {begin: "RTSP/1.0 200 ", forever: strings.Repeat("a", 4096)},
		"blanks":         {begin: ok + "X-A:", forever: strings.Repeat(" ", 4096), endless: true},
		"no answer":      {begin: lines, forever: lines, endless: true},
	} {
		for _, method := range []string{"OPTIONS", "DESCRIBE"} {
			t.Run(name+" of "+method, func(t *testing.T) {
				t.Parallel()
				var read, before atomic.Int64
				cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
					if r.method != method {
						return false
					}
					before.Store(read.Load())
					for text := tc.begin; c.send([]byte(text)); {
						text = tc.forever
					}
					return true
				}})
				s := newSource(t, camURL(t, cam), func(c *Config) {
					if tc.endless {
						c.Timeouts.Response = time.Second
					}
					c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
						conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
						return counted{conn, &read}, err
					}
				})
				err := s.Run(t.Context(), func(*media.AccessUnit) error { return nil })
				if tc.endless {
					if fault.ClassOf(err) != fault.Unreachable || !strings.Contains(err.Error(), "does not answer in time") {
						t.Errorf("it went on until: %v", err)
					}
					return
				}
				if n := read.Load() - before.Load(); fault.ClassOf(err) != fault.Protocol || n > int64(tc.most+readAhead) {
					t.Errorf("%d bytes were read, want %d at most and a few; %v", n, tc.most, err)
				}
			})
		}
	}
}

// TestLargestAnswer: what is documented as the largest answer is one, and the next is not.
func TestLargestAnswer(t *testing.T) {
	t.Parallel()
	sdp := func(size int) string {
		text := h264SDP()
		return text + "a=" + strings.Repeat("x", size-len(text)-4) + "\r\n"
	}
	for name, tc := range map[string]struct {
		headers, name, value, body int
		plays                      bool
	}{
		"largest":        {answerHeaders, answerName, answerValue, answerBody, true},
		"a header more":  {answerHeaders + 1, 3, 1, 1000, false},
		"a longer name":  {10, answerName + 1, 1, 1000, false},
		"a longer value": {10, 3, answerValue + 1, 1000, false},
		"a longer body":  {10, 3, 1, answerBody + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
				if r.method != "DESCRIBE" {
					return false
				}
				const others = 3 // that reply writes: CSeq, Content-Length, and Content-Type here
				line := "\r\n" + strings.Repeat("X", tc.name) + ": " + strings.Repeat("a", tc.value)
				c.reply(r, "200 OK", "Content-Type: application/sdp"+strings.Repeat(line, tc.headers-others), sdp(tc.body))
				return true
			}})
			s := newSource(t, camURL(t, cam), nil)
			if tc.plays {
				wantPlay(t, s)
			} else {
				wantFault(t, s, fault.Protocol, "can't be understood")
			}
		})
	}
}
