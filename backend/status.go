package backend

import (
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/nvml"
)

// DeviceStatus is one GPU as it is now. Memory is in bytes.
type DeviceStatus struct {
	Info    gpu.DeviceInfo
	Driver  string // version of the driver's packages, "580.82.07"; empty = not known
	Engines int    // NVDEC
	JPEG    string // what encodes JPEG: nvJPEG's version and file, or why the CPU does

	Load, DecoderLoad nvml.Load
	Free, Total       int64 // of all processes, as the driver says; 0 = it does not answer
	Budget            int64 // 0 = none
	Reserve           int64
	Promised          int64 // to cameras that have not taken it yet

	Ledger gpu.LedgerSnapshot
	// Process is what the driver says that this process holds.
	Process nvml.Bytes
	Cameras int // that hold memory here
}

// Devices returns the GPUs in use; none on the CPU backend.
func (b *Backend) Devices() []DeviceStatus {
	if b.cuda == nil {
		return nil
	}
	out := make([]DeviceStatus, 0, len(b.cuda.sites))
	for _, s := range b.cuda.sites {
		out = append(out, b.cuda.status(s))
	}
	return out
}

func (c *cuda) status(s *site) DeviceStatus {
	admission := s.device.Admission().Stats()
	d := DeviceStatus{
		Info: s.device.Info(), Engines: s.device.Engines(), JPEG: s.jpeg(),
		Budget: admission.Budget, Reserve: admission.Reserve, Promised: admission.Promised,
		Ledger: s.device.Ledger().Snapshot(),
	}
	for owner := range d.Ledger.ByOwner {
		if !shared(owner) {
			d.Cameras++
		}
	}
	if free, total, err := s.device.MemInfo(); err == nil {
		d.Free, d.Total = free, total
	}
	if c.meter == nil {
		return d
	}
	d.Driver = c.meter.DriverVersion()
	if sample, err := c.meter.Sample(d.Info.UUID); err == nil {
		d.Load, d.DecoderLoad, d.Process = sample.GPU, sample.Decoder, sample.ProcessMemory
	}
	return d
}
