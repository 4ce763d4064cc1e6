package nvjpeg

import (
	"errors"
	"fmt"

	"github.com/frameport/frameport/gpu"
)

var (
	// ErrUnavailable: there is no nvJPEG here that works. JPEG is for the CPU then.
	ErrUnavailable = errors.New("nvJPEG is not available")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("encoder closed")
)

// Statuses of nvJPEG that mean something to us.
const (
	statusAllocatorFailure = 5
	statusNotSupported     = 9
)

// Error is what nvJPEG said.
type Error struct {
	Op     string // nvJPEG's function
	Status int    // nvjpegStatus_t
	Err    error  // what the driver said in the same call, a *gpu.Error, or nil
}

func (e *Error) Error() string {
	s := fmt.Sprintf("nvjpeg: %s: %s (%d)", e.Op, statusName(e.Status), e.Status)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is matches gpu.ErrOutOfMemory and gpu.ErrUnsupported.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case statusAllocatorFailure:
		return target == gpu.ErrOutOfMemory
	case statusNotSupported:
		return target == gpu.ErrUnsupported
	}
	return false
}

// Unwrap returns what the driver said.
func (e *Error) Unwrap() error { return e.Err }

func statusName(status int) string {
	names := [...]string{
		"success", "not initialized", "invalid parameter", "bad JPEG", "JPEG not supported", "out of memory",
		"execution failed", "architecture mismatch", "internal error", "not supported", "incomplete bitstream",
	}
	if status >= 0 && status < len(names) {
		return names[status]
	}
	return "unknown status"
}

// check turns a result into an error. The device learns from it when its context is
// broken.
func check(dev *gpu.Device, r result) error {
	switch {
	case r.op == "":
		return nil
	case r.status == 0:
		return dev.Check(r.op, r.cuda)
	}
	return &Error{Op: r.op, Status: r.status, Err: dev.Check("cuStreamSynchronize after "+r.op, r.cuda)}
}
