package nvml

import (
	"errors"
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

var (
	// ErrUnavailable: NVML is not on this machine or does not work.
	ErrUnavailable = errors.New("NVML is not available")
	// ErrNoDevice: NVML knows no such device.
	ErrNoDevice = errors.New("no such device")
	// ErrDeviceLost: the device no longer answers, or needs a reset.
	ErrDeviceLost = errors.New("device lost")
)

// Error is what NVML said.
type Error struct {
	Op     string
	Code   int // nvmlReturn_t; 0 when NVML was not reached
	Text   string
	Reason string // what to do; may be empty

	kind error
}

func (e *Error) Error() string {
	s := "nvml: " + e.Op + ": " + e.Text
	if e.Code != 0 {
		s += fmt.Sprintf(" (%d)", e.Code)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// Is matches the sentinel that the error belongs to.
func (e *Error) Is(target error) bool { return e.kind != nil && target == e.kind }

func newError(op string, ret nvml.Return) *Error {
	e := &Error{Op: op, Code: int(ret), Text: ret.Error()}
	switch ret {
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		e.kind = ErrUnavailable
		e.Reason = "the driver's libraries and the kernel's driver are of different versions: restart the machine (or reload the nvidia modules) after a driver update"
	case nvml.ERROR_DRIVER_NOT_LOADED:
		e.kind = ErrUnavailable
		e.Reason = "the kernel's driver is not loaded: modprobe nvidia, or start the container with the NVIDIA runtime"
	case nvml.ERROR_LIBRARY_NOT_FOUND, nvml.ERROR_FUNCTION_NOT_FOUND, nvml.ERROR_UNINITIALIZED:
		e.kind = ErrUnavailable
	case nvml.ERROR_NOT_FOUND, nvml.ERROR_INVALID_ARGUMENT:
		e.kind = ErrNoDevice
	case nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED:
		e.kind = ErrDeviceLost
		e.Reason = "the GPU needs a reset (nvidia-smi --gpu-reset) or the machine a restart"
	}
	return e
}
