package httpapi

import (
	"context"
	"net"

	"github.com/frameport/frameport/server"
)

// sendBuffer bounds what the kernel keeps for a client. Left alone it grows to
// megabytes, which is seconds of an MJPEG stream that a slow reader would see late.
const sendBuffer = 256 << 10

// Listen is [server.Listen] with small send buffers.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	return server.Listen(ctx, address, sendBuffer)
}
