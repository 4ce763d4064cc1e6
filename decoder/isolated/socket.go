package isolated

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socket is one end of what a decoder and its part of the child talk over. It belongs to
// one goroutine, and its calls block the thread, as calls into a codec library do: to wait
// in the runtime's poller would wake another thread or two for each message, which costs
// more than the message.
type socket struct {
	fd      int
	until   time.Time     // reading and writing fail from then on; zero = never
	timeout time.Duration // of the socket now
}

// pair makes a socket for two processes; other is the end to give away.
func pair() (ours int, other *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socket for a decoder process", err)
	}
	return fds[0], os.NewFile(uintptr(fds[1]), "worker"), nil
}

// wait sets how long the next call may block. A timeout that is a little too long stays,
// so that the usual case costs no system call.
func (s *socket) wait() error {
	if s.until.IsZero() {
		return nil
	}
	rest := time.Until(s.until)
	if rest <= 0 {
		return os.ErrDeadlineExceeded
	}
	if rest <= s.timeout && rest > s.timeout/10*9 {
		return nil
	}
	t := unix.NsecToTimeval(max(rest, time.Millisecond).Nanoseconds())
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, option, &t); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	s.timeout = rest
	return nil
}

// do calls f until it is neither interrupted nor too early.
func (s *socket) do(call string, f func() (int, error)) (int, error) {
	for {
		if err := s.wait(); err != nil {
			return 0, err
		}
		n, err := f()
		switch err {
		case nil:
			return n, nil
		case unix.EINTR, unix.EAGAIN: // the time may be over: wait says so
		default:
			return 0, os.NewSyscallError(call, err)
		}
	}
}

// Read implements [io.Reader].
func (s *socket) Read(b []byte) (int, error) {
	n, err := s.do("read", func() (int, error) { return unix.Read(s.fd, b) })
	if n == 0 && err == nil && len(b) > 0 {
		return 0, io.EOF
	}
	return n, err
}

// Write implements [io.Writer].
func (s *socket) Write(b []byte) (written int, err error) {
	for written < len(b) {
		n, err := s.do("write", func() (int, error) { return unix.Write(s.fd, b[written:]) })
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// send writes a short message with a file.
func (s *socket) send(message []byte, file *os.File) error {
	rights := unix.UnixRights(int(file.Fd()))
	n, err := s.do("sendmsg", func() (int, error) {
		return unix.SendmsgN(s.fd, message, rights, nil, unix.MSG_NOSIGNAL)
	})
	if err == nil && n < len(message) { // the file has gone with what there was
		_, err = s.Write(message[n:])
	}
	return err
}

// receive reads exactly len(b) bytes that were sent at once, and the descriptor that came
// with them; -1 when none did.
func (s *socket) receive(b []byte) (fd int, err error) {
	oob := make([]byte, unix.CmsgSpace(4))
	var oobn, flags int
	n, err := s.do("recvmsg", func() (n int, err error) {
		n, oobn, flags, _, err = unix.Recvmsg(s.fd, b, oob, unix.MSG_CMSG_CLOEXEC)
		return n, err
	})
	if err != nil {
		return -1, err
	}
	if n == 0 {
		return -1, io.EOF
	}
	if n != len(b) || flags&unix.MSG_CTRUNC != 0 {
		return -1, errProtocol
	}
	if oobn == 0 {
		return -1, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// Close must be called once.
func (s *socket) Close() error { return os.NewSyscallError("close", unix.Close(s.fd)) }
