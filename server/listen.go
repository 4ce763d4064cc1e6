package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Listen opens a TCP listener. sendBuffer is what the kernel keeps for a client at
// most, in bytes; 0 leaves it to the system.
func Listen(ctx context.Context, address string, sendBuffer int) (net.Listener, error) {
	var lc net.ListenConfig
	if sendBuffer > 0 {
		lc.Control = func(_, _ string, c syscall.RawConn) error {
			var set error
			err := c.Control(func(fd uintptr) { // accepted sockets inherit the option
				set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, sendBuffer)
			})
			return errors.Join(err, set)
		}
	}
	lis, err := lc.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w; another program listens on %s (another frameport?): stop it or choose another address", err, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%w; ports below 1024 need a privilege: choose a higher one", err)
	case err != nil:
		return nil, err
	}
	return lis, nil
}
