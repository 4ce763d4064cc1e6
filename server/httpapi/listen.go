package httpapi

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/net/netutil"
)

// sendBuffer bounds what the kernel keeps for a client. Left alone it grows to
// megabytes, which is seconds of an MJPEG stream that a slow reader would see late.
const sendBuffer = 256 << 10

// Listen opens a TCP listener whose connections have small send buffers, and takes
// at most maxConnections at a time; more wait in the system's backlog.
func Listen(ctx context.Context, address string, maxConnections int) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		// Accepted sockets inherit the option.
		if cerr := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, sendBuffer)
		}); cerr != nil {
			return cerr
		}
		return err
	}}
	lis, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w; if another program listens on %s, stop it or choose another address", err, address)
	}
	return netutil.LimitListener(lis, maxConnections), nil
}
