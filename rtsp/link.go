package rtsp

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/internal/failpoint"
)

// link is one connection to a camera, as the library sees it. It closes the way
// cameras need: TEARDOWN is written, and the connection stays open until the
// camera has answered or the budget is spent. Closing at once, with media still
// in the receive buffer, would send a reset that can overtake the TEARDOWN, and
// the camera would keep the session until its own timeout (one more viewer than
// it allows).
type link struct {
	net.Conn           // TCP, TLS over it, or a tunnel
	raw      io.Closer // what is below, which closes without a word

	closing  atomic.Pointer[time.Time] // deadline for closing, also by the monotonic clock; nil = open
	teardown atomic.Bool               // TEARDOWN has been sent
	broken   atomic.Bool               // reading or writing has failed
	reading  sync.Mutex                // held while the library reads
	lines    lineMender                // belongs to who holds reading, as late does
	late     []byte                    // what a read brought after TEARDOWN had been sent
	closed   sync.Once
}

// Read implements io.Reader for the library.
func (l *link) Read(p []byte) (int, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	if l.closing.Load() != nil {
		return 0, io.EOF
	}
	if len(l.lines.out) > 0 {
		return l.mended(p), nil
	}
	n, err := l.Conn.Read(p)
	if err != nil && l.closing.Load() == nil {
		l.broken.Store(true)
	}
	// A read that was on its way when closing began may bring the answer to TEARDOWN,
	// which is not for the library.
	if l.closing.Load() != nil && l.teardown.Load() {
		l.late = append(l.late, p[:n]...)
		return 0, io.EOF
	}
	if l.lines.sound || n == 0 {
		return n, err
	}
	l.lines.feed(p[:n])
	return l.mended(p), err
}

// mended hands out what the mender has.
func (l *link) mended(p []byte) int {
	n := copy(p, l.lines.out)
	l.lines.out = append(l.lines.out[:0], l.lines.out[n:]...)
	return n
}

// Write implements io.Writer for the library.
func (l *link) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	if err != nil {
		l.broken.Store(true)
	}
	return n, err
}

// SetWriteDeadline never lets a write outlive the closing budget.
func (l *link) SetWriteDeadline(t time.Time) error {
	if end := l.closing.Load(); end != nil {
		t = *end
	}
	return l.Conn.SetWriteDeadline(t)
}

// beginClose starts the budget. From now on the library reads an end of file.
func (l *link) beginClose(budget time.Duration) {
	end := failpoint.Now().Add(budget)
	if l.closing.CompareAndSwap(nil, &end) {
		_ = l.Conn.SetReadDeadline(time.Now()) // wakes a reader
		_ = l.Conn.SetWriteDeadline(end)
	}
}

// force ends everything at once.
func (l *link) force() { _ = l.raw.Close() }

// Close implements io.Closer for the library.
func (l *link) Close() error {
	l.closed.Do(func() {
		l.beginClose(0)
		_ = l.Conn.SetReadDeadline(time.Now())
		l.reading.Lock()
		defer l.reading.Unlock()
		if l.teardown.Load() && !l.broken.Load() {
			l.drain()
		}
		_ = l.Conn.Close()
		_ = l.raw.Close()
	})
	return nil
}

// drain discards what the camera still sends until it answers or hangs up.
func (l *link) drain() {
	if l.Conn.SetReadDeadline(*l.closing.Load()) != nil {
		return
	}
	answer := []byte("RTSP/1.")
	if bytes.Contains(l.late, answer) {
		return
	}
	buf := make([]byte, 4096)
	kept := copy(buf, l.late[max(0, len(l.late)-len(answer)+1):])
	for {
		n, err := l.Conn.Read(buf[kept:])
		if bytes.Contains(buf[:kept+n], answer) || err != nil {
			return
		}
		tail := min(kept+n, len(answer)-1)
		copy(buf, buf[kept+n-tail:kept+n])
		kept = tail
	}
}
