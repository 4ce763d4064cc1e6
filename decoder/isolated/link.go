package isolated

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// link is a decoder's place in a child.
type link struct {
	process *process
	camera  string
	conn    *socket     // nil until connected
	memory  *memory     // of its pictures; nil = none
	there   atomic.Bool // the child has its socket
	busy    atomic.Bool // the child has a unit of it
}

// errGone: a child has died before a decoder was in it.
var errGone = errors.New("the decoder process has gone")

// connect waits for the child and gives it the other end of a new socket.
func (l *link) connect(ctx context.Context) error {
	p := l.process
	select {
	case <-p.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.dead:
		return p.why()
	default:
	}
	if p.control == nil { // it could not be started; dead follows
		<-p.dead
		return p.err
	}
	fd, other, err := pair()
	if err != nil {
		return err
	}
	defer other.Close()
	l.conn = &socket{fd: fd}
	raw := unix.UnixRights(int(other.Fd()))
	l.there.Store(true)
	err = p.control.SetWriteDeadline(time.Now().Add(quickDeath))
	if err == nil {
		_, _, err = p.control.WriteMsgUnix([]byte{0}, raw, nil)
	}
	if err != nil { // as a rule because it is about to be dead
		select {
		case <-p.dead:
			return p.why()
		case <-time.After(quickDeath):
			return fmt.Errorf("decoder process %d takes no decoder: %w", p.number, err)
		}
	}
	return nil
}

// why says what the end of a child, which is dead, means to a decoder that was to go there.
func (p *process) why() error {
	if p.worked {
		return fmt.Errorf("%w: %w", errGone, p.err)
	}
	return p.err
}

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// gone says whether the child has ended.
func (l *link) gone() bool {
	select {
	case <-l.process.dead:
		return true
	default:
		return false
	}
}

// send writes a message, with a file when there is one.
func (l *link) send(message []byte, file *os.File) error {
	if file == nil {
		_, err := l.conn.Write(message)
		return err
	}
	return l.conn.send(message, file)
}
