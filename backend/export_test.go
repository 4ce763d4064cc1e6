package backend

import (
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/nvml"
)

// GPUs are the devices in use.
func GPUs(b *Backend) (list []*gpu.Device) {
	for _, s := range b.cuda.sites {
		list = append(list, s.device)
	}
	return list
}

// SetMeter has the backend read another meter; it returns the one before.
func SetMeter(b *Backend, m nvml.Meter) (before nvml.Meter) {
	before, b.cuda.meter = b.cuda.meter, m
	return before
}

// Hang is how long a call may stay in the driver.
const Hang = hang
