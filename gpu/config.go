package gpu

import (
	"errors"
	"fmt"
)

// DefaultReserve is the device memory that admission leaves free: for the
// driver's own needs and the graphics or inference that shares the GPU.
const DefaultReserve = 256 << 20

// DefaultCallsPerEngine is how many goroutines per NVDEC engine pass the gate.
// The driver queues about four pictures per decoder: more goroutines would wait.
const DefaultCallsPerEngine = 4

// DeviceConfig says how a device is shared.
type DeviceConfig struct {
	Budget  int64 // device memory that this process may use, in bytes; 0 is no limit
	Reserve int64 // device memory that stays free; 0 is DefaultReserve, negative is none

	CallsPerEngine int // goroutines inside the driver per NVDEC engine; 0 is DefaultCallsPerEngine

	// ProcessMemory tells how much of the device's memory this process has, where
	// that is known (NVML). It is asked once, when there is a context and nothing
	// else, and may be nil: then the context is booked with 0 bytes, because the
	// driver itself does not tell what it takes for one.
	ProcessMemory func(DeviceInfo) (bytes int64, known bool)
}

// EnsureDefaults fills in what is not set.
func (c *DeviceConfig) EnsureDefaults() {
	switch {
	case c.Reserve == 0:
		c.Reserve = DefaultReserve
	case c.Reserve < 0:
		c.Reserve = 0
	}
	if c.CallsPerEngine == 0 {
		c.CallsPerEngine = DefaultCallsPerEngine
	}
}

// Validate reports everything that is wrong.
func (c *DeviceConfig) Validate() error {
	var errs []error
	if c.Budget < 0 {
		errs = append(errs, fmt.Errorf("GPU memory budget %d is negative", c.Budget))
	}
	if c.CallsPerEngine < 0 {
		errs = append(errs, fmt.Errorf("%d calls per engine: use 1 or more", c.CallsPerEngine))
	}
	return errors.Join(errs...)
}
