package gpuconv

import (
	"errors"
	"fmt"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
)

const (
	// DefaultLanes is how many pictures are in the works at a time when not set.
	DefaultLanes = 3
	maxLanes     = 16
)

// Config is what a Converter is made from. Device and Kernels are required.
type Config struct {
	Device  *gpu.Device
	Kernels *kernels.Set // of the same device; stays the caller's
	// Lanes is how many pictures are in the works at a time. 0 = DefaultLanes.
	Lanes int
	// HostJPEG brings pictures for JPEG to host memory as well: where the CPU encodes.
	HostJPEG bool
	// Account is where results are booked: frames of both kinds, and bytes of host
	// memory (those of device memory are in the device's ledger). May be nil.
	Account *frame.Account
}

// EnsureDefaults fills in what is not set.
func (c *Config) EnsureDefaults() {
	if c.Lanes == 0 {
		c.Lanes = DefaultLanes
	}
}

// Validate reports everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.Device == nil {
		errs = append(errs, errors.New("no device"))
	}
	if c.Kernels == nil {
		errs = append(errs, errors.New("no kernels"))
	}
	if c.Lanes < 1 || c.Lanes > maxLanes {
		errs = append(errs, fmt.Errorf("%d lanes: use 1 to %d", c.Lanes, maxLanes))
	}
	return errors.Join(errs...)
}
