package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// maxFrameBytes is what the client commands accept in one message: an 8K RGB
// picture would be larger, a 4K one (24.9 MB) is not.
const maxFrameBytes = 32 << 20

// connection are the flags of every command that talks to a worker.
type connection struct {
	Address string        `help:"gRPC address of the worker." default:"127.0.0.1:50051" env:"FRAMEPORT_ADDRESS"`
	Timeout time.Duration `help:"How long a single call may take." default:"10s"`
}

// client is an open connection with the two services the commands use.
type client struct {
	cameras frameportv1.CameraServiceClient
	frames  frameportv1.FrameServiceClient
	conn    *grpc.ClientConn
	address string
}

func (c connection) dial() (*client, error) {
	if _, port, err := net.SplitHostPort(c.Address); err != nil || port == "" {
		return nil, fmt.Errorf("address %q: write host:port, for example 127.0.0.1:50051", c.Address)
	}
	conn, err := grpc.NewClient(c.Address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxFrameBytes)))
	if err != nil {
		return nil, fmt.Errorf("address %q: %w (want host:port, for example 127.0.0.1:50051)", c.Address, err)
	}
	return &client{
		cameras: frameportv1.NewCameraServiceClient(conn),
		frames:  frameportv1.NewFrameServiceClient(conn),
		conn:    conn,
		address: c.Address,
	}, nil
}

// call dials, runs one bounded call and closes.
func (c connection) call(ctx context.Context, f func(context.Context, *client) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return c.open(ctx, f)
}

// open dials, runs f for as long as it wants and closes.
func (c connection) open(ctx context.Context, f func(context.Context, *client) error) error {
	cl, err := c.dial()
	if err != nil {
		return err
	}
	defer func() { _ = cl.conn.Close() }()
	err = f(ctx, cl)
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return errInterrupted
	}
	if _, ours := apierr.ReasonOf(err); !ours && status.Code(err) == codes.Unavailable {
		return &unreachableError{c.Address, err}
	}
	return err
}

// explain turns an error into text for people: the message, what is wrong with
// which field, and the reason that programs branch on.
func explain(err error) string {
	if own, ok := errors.AsType[*unreachableError](err); ok {
		return own.Error()
	}
	st := statusOf(err)
	if st == nil {
		return err.Error()
	}
	var b strings.Builder
	b.WriteString(st.Message())
	for _, v := range apierr.Violations(st.Err()) {
		if !strings.Contains(st.Message(), v.Description) {
			fmt.Fprintf(&b, "\n  %s: %s", v.Field, v.Description)
		}
	}
	if r, ok := apierr.ReasonOf(st.Err()); ok {
		fmt.Fprintf(&b, " [%s %s]", st.Code(), r)
	} else {
		fmt.Fprintf(&b, " [%s]", st.Code())
	}
	return commandNames.Replace(b.String())
}

// commandNames says in this program's terms what the API says in its own.
var commandNames = strings.NewReplacer(
	"ListCameras shows", "frameport camera list shows",
	"with UpdateCamera", "with frameport camera update",
)

// statusOf finds the status inside err, without the texts of what wraps it; nil =
// there is none.
func statusOf(err error) *status.Status {
	if s, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		return s.GRPCStatus()
	}
	return nil
}

// unreachableError says that nobody listens where a worker should be.
type unreachableError struct {
	address string
	err     error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("no worker answers at %s: start one with \"frameport serve\", or name another with --address (the gRPC address, not the HTTP one)", e.address)
}

func (e *unreachableError) Unwrap() error { return e.err }
