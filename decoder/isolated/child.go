package isolated

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/decoder"
)

// Argument is the only argument of a child's command line.
const Argument = "decoder-process"

// IsChild says whether a command line is that of a child. Programs whose hosts use their
// own executable ask first of all, and end with the status of [Main].
func IsChild(args []string) bool { return len(args) == 2 && args[1] == Argument }

// controlFile is the child's end of the socket over which decoders' sockets come.
const controlFile = 3

// hello is a child's first word: it is ready, and locked in.
const hello = 'h'

// NewDecoder makes a decoder in the child. Its pictures that other processes can map
// reach the worker without a copy.
type NewDecoder func(decoder.Config) (decoder.Decoder, error)

// Main is the child: it gives up what it does not need and decodes until the worker ends
// or ends it. It returns the status to exit with.
func Main(create NewDecoder) int {
	if err := child(create); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child(create NewDecoder) error {
	places, err := inherit()
	if err != nil {
		return err
	}
	if err := limit(places); err != nil {
		return err
	}
	file := os.NewFile(controlFile, "control")
	conn, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("the worker's socket: %w", err)
	}
	if err := file.Close(); err != nil {
		return err
	}
	control, ok := conn.(*net.UnixConn)
	if !ok {
		return errors.New("descriptor 3 is no socket of the worker")
	}
	if err := confine(); err != nil {
		return err
	}
	if _, err := control.Write([]byte{hello}); err != nil {
		return err
	}
	for {
		conn, err := accept(control)
		if err != nil {
			// The worker is gone, or wants us gone. Calls into a codec library can't be
			// ended: the process ends under them.
			return nil //nolint:nilerr // that is how a child ends
		}
		go func() {
			s := &session{conn: conn, create: create}
			if err := s.run(); err != nil {
				_, _ = fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
			}
		}()
	}
}

// accept waits for the socket of another decoder.
func accept(control *net.UnixConn) (*net.UnixConn, error) {
	var word [1]byte
	fd, err := receive(control, word[:])
	if err != nil {
		return nil, err
	}
	if fd < 0 {
		return nil, errProtocol
	}
	file := os.NewFile(uintptr(fd), "decoder")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errProtocol, conn.Close())
	}
	return socket, nil
}

// receive reads exactly len(b) bytes that were sent at once, and the descriptor that came
// with them; -1 when none did.
func receive(conn *net.UnixConn, b []byte) (fd int, err error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, flags, _, err := conn.ReadMsgUnix(b, oob)
	if err != nil {
		return -1, err
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
