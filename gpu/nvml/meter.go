package nvml

// Meter reads counters. *Monitor is the real one, nvmltest.Meter one for tests.
type Meter interface {
	// Sample reads the counters of the device, or MIG slice, with this UUID. What
	// the device does not tell is not known in the Sample; an error means that
	// there is no such device or that it is lost.
	Sample(uuid string) (Sample, error)
	// DriverVersion is the version of the driver's packages, "570.86.15", or "".
	DriverVersion() string
	// Close ends the use of NVML. It may be called again.
	Close() error
}

// Sample is one reading.
type Sample struct {
	GPU     Load // kernels running
	Decoder Load // average over the NVDEC engines
	JPEG    Load // average over the NVJPG engines, which decode only

	MemoryTotal   Bytes
	MemoryUsed    Bytes // by all processes and the driver
	ProcessMemory Bytes // by this process; see Note: [Process IDs in containers]

	MaxVideoClock int // MHz, the clock that NVDEC runs at; 0 is not known
}

// Load is a share of time, in percent of the last fraction of a second.
type Load struct {
	Percent int
	Known   bool
}

// Bytes is an amount of device memory.
type Bytes struct {
	N     int64
	Known bool
}
