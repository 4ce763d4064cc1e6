package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/api/client"
)

// connection are the flags of every command that talks to a worker.
type connection struct {
	Address string        `help:"gRPC address of the worker: HOST:PORT or unix:/PATH." default:"127.0.0.1:50051" env:"FRAMEPORT_ADDRESS"`
	Timeout time.Duration `help:"How long a single call may take." default:"10s"`
	clientAccess
}

// call dials, runs one bounded call and closes.
func (c connection) call(ctx context.Context, f func(context.Context, *client.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return c.open(ctx, f)
}

// open dials, runs f for as long as it wants and closes.
func (c connection) open(ctx context.Context, f func(context.Context, *client.Client) error) error {
	options, err := c.options(os.Getenv(tokenEnvironment))
	if err != nil {
		return err
	}
	cl, err := client.Dial(c.Address, options...)
	if err != nil {
		return err
	}
	defer func() { _ = cl.Close() }()
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
		if after, known := apierr.RetryDelay(st.Err()); known && r == apierr.TooManyChanges {
			fmt.Fprintf(&b, "; try again in %s", after)
		}
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
	"give the password again", "give the password again, with --password-file or in "+passwordEnvironment,
	`send it with each call as "authorization: Bearer TOKEN"`, "give it with --token-file or in "+tokenEnvironment,
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
	// gRPC keeps only the text of the cause.
	if strings.HasPrefix(e.address, "unix:") && strings.Contains(e.err.Error(), syscall.EACCES.Error()) {
		return fmt.Sprintf("this user may not connect to %s: run as the worker's user, or start the worker with --grpc-socket-mode 0660 and join its group", e.address)
	}
	switch text := e.err.Error(); {
	case strings.Contains(text, "tls: first record does not look like a TLS handshake"):
		return fmt.Sprintf("the worker at %s does not speak TLS: leave --tls-ca out, or start the worker with --tls-cert and --tls-key", e.address)
	case strings.Contains(text, "error reading server preface"):
		return fmt.Sprintf("what listens at %s answers in another way than gRPC in plain text: if it is a worker with TLS, give --tls-ca", e.address)
	case strings.Contains(text, "certificate required"), strings.Contains(text, "bad certificate"):
		return fmt.Sprintf("the worker at %s wants a certificate of the client: give --tls-client-cert and --tls-client-key", e.address)
	case strings.Contains(text, "tls: "), strings.Contains(text, "x509: "):
		_, reason, _ := strings.Cut(text, "authentication handshake failed: ")
		return fmt.Sprintf("no secure connection to %s: %s", e.address, strings.Trim(reason, `"`))
	}
	return fmt.Sprintf("no worker answers at %s: start one with \"frameport serve\", or name another with --address (the gRPC address, not the HTTP one)", e.address)
}

func (e *unreachableError) Unwrap() error { return e.err }
