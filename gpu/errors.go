package gpu

import (
	"errors"
	"strconv"
	"strings"
)

// What callers branch on. Every *Error is at most one of them.
var (
	// ErrNoDriver: there is no NVIDIA driver here, or not one that works.
	ErrNoDriver = errors.New("no usable NVIDIA driver")
	// ErrNoDevice: the driver works and has no GPU for us.
	ErrNoDevice = errors.New("no usable GPU")
	// ErrUnsupported: this driver or GPU cannot do what was asked.
	ErrUnsupported = errors.New("not supported by this GPU or driver")
	// ErrOutOfMemory: device or pinned memory is used up, or the budget is.
	ErrOutOfMemory = errors.New("out of GPU memory")
	// ErrDeviceLost: the context is broken for good; the process should end.
	ErrDeviceLost = errors.New("GPU lost")
	// ErrLeak: something was not closed before what it was made from.
	ErrLeak = errors.New("GPU objects still live")
	// ErrClosed: the object, or the device, has been closed.
	ErrClosed = errors.New("closed")
)

// Error is what the driver, or looking for it, said.
type Error struct {
	Op     string // the driver's function or our step: "cuMemAlloc", "load libcuda.so.1"
	Code   int    // CUresult; 0 when the driver was not reached
	Name   string // the code's name, "CUDA_ERROR_OUT_OF_MEMORY"
	Reason string // what it means here and what to do, where that is known
	Err    error  // cause outside the driver, or nil

	kind error // which sentinel it is, or nil
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("gpu: ")
	b.WriteString(e.Op)
	if e.Code != 0 {
		b.WriteString(": ")
		if e.Name != "" {
			b.WriteString(e.Name + " ")
		}
		b.WriteString("(" + strconv.Itoa(e.Code) + ")")
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Is matches the sentinel that the error belongs to.
func (e *Error) Is(target error) bool { return e.kind != nil && target == e.kind }

// Unwrap returns the cause outside the driver.
func (e *Error) Unwrap() error { return e.Err }

// newError describes a code that a driver function returned.
func newError(op string, code int, name string) *Error {
	e := &Error{Op: op, Code: code, Name: name}
	if known, ok := codes[code]; ok {
		if e.Name == "" {
			e.Name = known.name
		}
		e.Reason, e.kind = known.reason, known.kind
	}
	if Sticky(code) {
		e.kind = ErrDeviceLost
		if e.Reason == "" {
			e.Reason = "the GPU's context is broken and every later call fails: the process has to be started again"
		}
	}
	return e
}
