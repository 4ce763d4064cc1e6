package rtsp

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// lateConn is a connection whose first read has begun when closing begins, and brings
// what came after that. A machine that is busy does this.
type lateConn struct {
	net.Conn
	begun, release chan struct{}
	reads          []string // one for each read
}

func (c *lateConn) Read(p []byte) (int, error) {
	if c.begun != nil {
		close(c.begun)
		c.begun = nil
		<-c.release
	}
	if len(c.reads) == 0 {
		return 0, errors.New("read until the budget was spent")
	}
	n := copy(p, c.reads[0])
	c.reads = c.reads[1:]
	return n, nil
}

func (*lateConn) SetReadDeadline(time.Time) error  { return nil }
func (*lateConn) SetWriteDeadline(time.Time) error { return nil }
func (*lateConn) Close() error                     { return nil }

// An answer to TEARDOWN that a read of the library brings ends the wait for it.
func TestLateAnswerToTeardown(t *testing.T) {
	t.Parallel()
	for name, reads := range map[string][]string{
		"whole":     {"$\x00\x00\x01xRTSP/1.0 200 OK\r\n\r\n", "not to be read"},
		"in halves": {"$\x00\x00\x01xRTS", "P/1.0 200 OK\r\n\r\n", "not to be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &lateConn{begun: make(chan struct{}), release: make(chan struct{}), reads: reads}
			begun := c.begun
			l := &link{Conn: c, raw: c}
			done := make(chan error, 1)
			go func() {
				n, err := l.Read(make([]byte, 100))
				if n != 0 {
					t.Errorf("the library got %d bytes", n)
				}
				done <- err
			}()
			<-begun
			l.beginClose(time.Hour)
			l.teardown.Store(true)
			close(c.release)
			if err := <-done; !errors.Is(err, io.EOF) {
				t.Errorf("the library got %v", err)
			}
			if err := l.Close(); err != nil || len(c.reads) != 1 {
				t.Errorf("%v, %d reads left, want 1", err, len(c.reads))
			}
		})
	}
}
