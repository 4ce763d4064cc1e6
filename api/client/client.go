package client

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// MaxMessageBytes is the largest message that a [Client] takes, and no worker sends a
// larger one. A 4K RGB frame has 24.9 MB.
const MaxMessageBytes = 64 << 20

// Client is a connection to a worker.
type Client struct {
	Cameras frameportv1.CameraServiceClient
	Frames  frameportv1.FrameServiceClient
	Worker  frameportv1.WorkerServiceClient
	conn    *grpc.ClientConn
}

// Dial makes a client of the worker at address: host:port, or unix:/path for a socket
// on this machine. It does no I/O; the first call connects, and a later one connects
// again when the worker was away. The connection is plain text unless options say
// otherwise. Messages may have up to [MaxMessageBytes].
func Dial(address string, options ...grpc.DialOption) (*Client, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if strings.Trim(path, "/") == "" {
			return nil, fmt.Errorf("address %q: write unix:/path, for example unix:/run/frameport/frameport.sock", address)
		}
	} else if !isHostPort(address) {
		return nil, fmt.Errorf("address %q: write host:port or unix:/path, for example 127.0.0.1:50051", address)
	}
	conn, err := grpc.NewClient(address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes)),
	}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	return &Client{
		Cameras: frameportv1.NewCameraServiceClient(conn),
		Frames:  frameportv1.NewFrameServiceClient(conn),
		Worker:  frameportv1.NewWorkerServiceClient(conn),
		conn:    conn,
	}, nil
}

// isHostPort is stricter than gRPC, which takes nearly everything for the name of a host.
func isHostPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

// Close ends the connection and all calls on it.
func (c *Client) Close() error { return c.conn.Close() }
