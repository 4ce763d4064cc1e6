package rtsp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/rtsp/address"
)

// classify turns an error of the library, the network or TLS into a fault.
func classify(op string, err error) *fault.Error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[liberrors.ErrClientBadStatusCode](err); ok {
		return ofStatus(op, e.Code, e.Message)
	}
	if e := ofTLS(op, err); e != nil {
		return e
	}
	if errors.Is(err, address.ErrDenied) {
		return fault.New(fault.Policy, op, err)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return fault.New(fault.Unreachable, op, fmt.Errorf("the camera does not answer in time: check that it is on and reachable (%w)", err))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.New(fault.Unreachable, op, fmt.Errorf("the connection is refused: check the port, and that RTSP is enabled on the camera (%w)", err))
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fault.New(fault.Unreachable, op, fmt.Errorf("the host name does not resolve: check its spelling and the name server (%w)", dns))
	}
	for _, full := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, full) {
			return fault.New(fault.Limit, op, fmt.Errorf("this machine has no socket left: raise its limits, for example of open files (%w)", err))
		}
	}
	if isLoss(err) {
		return fault.New(fault.Unreachable, op, fmt.Errorf("the connection is lost (%w)", err))
	}
	if isNetwork(err) {
		return fault.New(fault.Unreachable, op, fmt.Errorf("the network to the camera fails (%w)", err))
	}
	if _, ok := errors.AsType[liberrors.ErrClientAuthSetup](err); ok {
		return fault.New(fault.Auth, op, fmt.Errorf("the camera asks for a login in no way that is known here (%w)", err))
	}
	return fault.New(fault.Protocol, op, fmt.Errorf("the camera's answer can't be understood (%w)", err))
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// isLoss reports whether a connection that existed has ended.
func isLoss(err error) bool {
	for _, known := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT,
		liberrors.ErrClientTerminated{},
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func isNetwork(err error) bool {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	_, ok := errors.AsType[syscall.Errno](err)
	return ok
}

func ofTLS(op string, err error) *fault.Error {
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fault.New(fault.Protocol, op, fmt.Errorf("the camera does not speak TLS on this port: use rtsp:// or another port (%w)", e))
	}
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	if verification || unknown {
		return fault.New(fault.Policy, op, fmt.Errorf("the camera's certificate is not trusted: install a valid one, pin it (tls mode PIN) or accept any (INSECURE) (%w)", err))
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return fault.New(fault.Protocol, op, fmt.Errorf("the TLS handshake fails (%w)", err))
	}
	return nil
}

// ofStatus classifies an RTSP status that ends an attempt.
func ofStatus(op string, code base.StatusCode, message string) *fault.Error {
	// not cut short here: half a password is not recognised by the scrubber
	status := fmt.Errorf("status %d %s", code, clean(message, maxErrorText))
	switch code {
	case base.StatusUnauthorized:
		return fault.New(fault.Auth, op, fmt.Errorf("the camera asks for a login: set user name and password (%w)", status))
	case base.StatusForbidden:
		return fault.New(fault.Auth, op, fmt.Errorf("the camera forbids this to the user: check the user's rights on the camera (%w)", status))
	case base.StatusNotFound, base.StatusGone, base.StatusSessionNotFound:
		return fault.New(fault.NotFound, op, fmt.Errorf("the camera has no such stream: check the path of the URL (%w)", status))
	case base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		return fault.New(fault.Busy, op, fmt.Errorf("the camera has no session left: close other viewers or raise its limit (%w)", status))
	case base.StatusUnsupportedTransport, base.StatusNotAcceptable, base.StatusAggregateOperationNotAllowed:
		return fault.New(fault.Unsupported, op, fmt.Errorf("the camera refuses this transport: set transport to AUTO or to another one (%w)", status))
	case base.StatusUnsupportedMediaType, base.StatusOptionNotSupported:
		return fault.New(fault.Unsupported, op, fmt.Errorf("the camera can't deliver this stream (%w)", status))
	default:
		return fault.New(fault.Protocol, op, fmt.Errorf("the camera answers with an error (%w)", status))
	}
}
