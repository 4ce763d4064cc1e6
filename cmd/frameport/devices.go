package main

import (
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/nvml"
)

// devices writes the GPUs as WorkerService shows them.
func devices(list []backend.DeviceStatus) []*frameportv1.Device {
	out := make([]*frameportv1.Device, 0, len(list))
	for _, d := range list {
		out = append(out, &frameportv1.Device{
			Uuid:                d.Info.UUID,
			Index:               int32(d.Info.Ordinal),
			Name:                d.Info.Name,
			DriverVersion:       d.Driver,
			NvdecEngines:        int32(d.Engines),
			Utilization:         share(d.Load),
			DecoderUtilization:  share(d.DecoderLoad),
			MemoryTotalBytes:    d.Total,
			MemoryUsedBytes:     d.Total - d.Free,
			MemoryFreeBytes:     d.Free,
			MemoryBudgetBytes:   d.Budget,
			MemoryReserveBytes:  d.Reserve,
			MemoryPromisedBytes: d.Promised,
			JpegEncoder:         d.JPEG,
			Ledger:              ledger(d),
			Cameras:             int32(d.Cameras),
		})
	}
	return out
}

func share(l nvml.Load) *float64 {
	if !l.Known {
		return nil
	}
	v := float64(l.Percent) / 100
	return &v
}

// ledger sums the account of a GPU's memory: what is there without cameras, what they
// added, and what clients' batches take.
func ledger(d backend.DeviceStatus) *frameportv1.DeviceLedger {
	of := func(p gpu.Purpose) int64 { return d.Ledger.ByPurpose[p].Bytes }
	l := &frameportv1.DeviceLedger{
		ContextBytes: of(gpu.PurposeContext),
		ModuleBytes:  of(gpu.PurposeModule),
		JpegBytes:    of(gpu.PurposeJPEG),
		DecoderBytes: of(gpu.PurposeDecoder),
		RingBytes:    of(gpu.PurposeRing),
		BatchBytes:   of(gpu.PurposeBatch),
		OtherBytes:   of(gpu.PurposeOther),
	}
	l.FixedBytes = d.Ledger.Owner("").Bytes - l.BatchBytes
	l.CameraBytes = d.Ledger.Total.Bytes - l.FixedBytes - l.BatchBytes
	if d.Cameras > 0 {
		l.MarginalBytesPerCamera = l.CameraBytes / int64(d.Cameras)
	}
	if d.Process.Known {
		l.DriverReportedBytes = d.Process.N
		l.UnaccountedBytes = d.Process.N - d.Ledger.Total.Bytes
	}
	return l
}
