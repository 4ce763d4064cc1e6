package rtsp

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// An answer that does not end is not read to its end, whatever part of it is too large:
// the camera gets rid of no more than what fits into the sockets on the way.
func TestAnswersThatDoNotEnd(t *testing.T) {
	t.Parallel()
	const enough = 64 << 20 // more than any socket buffers
	ok := "RTSP/1.0 200 OK\r\nCSeq: "
	for name, tc := range map[string]struct{ begin, forever string }{
		"headers":        {"", "X-A: " + strings.Repeat("a", 1000) + "\r\n"},
		"short headers":  {"", "X-A: a\r\n"},
		"one header":     {"X-A: ", strings.Repeat("a", 4096)},
		"one name":       {"", strings.Repeat("a", 4096)},
		"body":           {"Content-Type: application/sdp\r\nContent-Length: 1000000000\r\n\r\n", strings.Repeat("v=0\r\n", 800)},
		"larger numbers": {"Content-Type: application/sdp\r\nContent-Length: 99999999999999999999\r\n\r\n", strings.Repeat("v=0\r\n", 800)},
		"fewer than 0":   {"Content-Type: application/sdp\r\nContent-Length: -1\r\n\r\n", strings.Repeat("v=0\r\n", 800)},
	} {
		for _, method := range []string{"OPTIONS", "DESCRIBE"} {
			t.Run(name+" of "+method, func(t *testing.T) {
				t.Parallel()
				var wrote atomic.Int64
				cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
					if r.method != method {
						return false
					}
					text := ok + r.header.Get("CSeq") + "\r\n" + tc.begin
					for wrote.Load() < enough {
						n, err := c.Write([]byte(text))
						wrote.Add(int64(n))
						if err != nil {
							break
						}
						text = tc.forever
					}
					return true
				}})
				err := newSource(t, camURL(t, cam), nil).Run(t.Context(), func(*media.AccessUnit) error { return nil })
				if _, ok := errors.AsType[*fault.Error](err); !ok {
					t.Errorf("%T %v", err, err)
				}
				cam.cancel()
				_ = cam.ln.Close()
				cam.wg.Wait()
				if n := wrote.Load(); n >= enough {
					t.Errorf("%d bytes were taken", n)
				}
			})
		}
	}
}
