package nvml

import "github.com/NVIDIA/go-nvml/pkg/nvml"

// read asks for one counter after the other. A device or slice without one says
// so, and the rest is read all the same; a lost device ends it.
func (m *Monitor) read(device nvml.Device) (Sample, error) {
	var s Sample
	var lost *Error
	// ask calls read if the library has one of these functions.
	ask := func(read func() nvml.Return, functions ...string) bool {
		for _, f := range functions {
			if lost != nil || !m.has(f) {
				continue
			}
			switch ret := read(); ret {
			case nvml.SUCCESS:
				return true
			case nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED:
				lost = newError(f, ret)
			}
			return false
		}
		return false
	}
	s.GPU.Known = ask(func() nvml.Return {
		u, ret := device.GetUtilizationRates()
		s.GPU.Percent = int(u.Gpu)
		return ret
	}, "nvmlDeviceGetUtilizationRates")
	s.Decoder.Known = ask(func() nvml.Return {
		u, _, ret := device.GetDecoderUtilization()
		s.Decoder.Percent = int(u)
		return ret
	}, "nvmlDeviceGetDecoderUtilization")
	s.JPEG.Known = ask(func() nvml.Return {
		u, _, ret := device.GetJpgUtilization()
		s.JPEG.Percent = int(u)
		return ret
	}, "nvmlDeviceGetJpgUtilization")
	known := ask(func() nvml.Return {
		i, ret := device.GetMemoryInfo()
		s.MemoryTotal.N, s.MemoryUsed.N = int64(i.Total), int64(i.Used)
		return ret
	}, "nvmlDeviceGetMemoryInfo")
	s.MemoryTotal.Known, s.MemoryUsed.Known = known, known
	ask(func() nvml.Return {
		mhz, ret := device.GetMaxClockInfo(nvml.CLOCK_VIDEO)
		if ret == nvml.SUCCESS {
			s.MaxVideoClock = int(mhz)
		}
		return ret
	}, "nvmlDeviceGetMaxClockInfo")
	// go-nvml takes the newest of these that there is.
	ask(func() nvml.Return {
		list, ret := device.GetComputeRunningProcesses()
		if ret == nvml.SUCCESS {
			s.ProcessMemory = m.self.memory(list)
		}
		return ret
	}, "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2", "nvmlDeviceGetComputeRunningProcesses")
	if lost != nil {
		return Sample{}, lost
	}
	// A value that could not be read is not a value.
	for _, l := range []*Load{&s.GPU, &s.Decoder, &s.JPEG} {
		if !l.Known {
			l.Percent = 0
		}
	}
	return s, nil
}
