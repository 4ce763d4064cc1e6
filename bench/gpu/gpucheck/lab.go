package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/gpu/nvml"
)

// lab is the device that a part works with.
type lab struct {
	bundle  bundle
	driver  *gpu.Driver
	device  *gpu.Device
	kernels *kernels.Set
	// counters are NVML's; nil where there is none, and everything works without.
	counters nvml.Meter
}

// openLab opens the first device. Nothing but the context and the kernels is made.
func openLab(b bundle) (*lab, error) {
	l := &lab{bundle: b}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) open() (err error) {
	if monitor, err := nvml.Open(nvml.Config{Dirs: l.bundle.library().Dirs()}); err == nil {
		l.counters = monitor
	}
	if l.driver, err = gpu.Open(l.bundle.library()); err != nil {
		return err
	}
	if l.device, err = l.driver.OpenDevice("", gpu.DeviceConfig{ProcessMemory: l.processMemory}); err != nil {
		return err
	}
	if isSimulated(l.device.Info()) && !l.bundle.simulated {
		return errors.New("this is the simulated driver, and the check was told that it is a real one")
	}
	l.kernels, err = kernels.Load(l.device)
	return err
}

func (l *lab) processMemory(device gpu.DeviceInfo) (bytes int64, known bool) {
	if l.counters == nil {
		return 0, false
	}
	s, err := l.counters.Sample(device.UUID)
	return s.ProcessMemory.N, err == nil && s.ProcessMemory.Known
}

// close gives everything back, and fails when something of the device is left.
func (l *lab) close() error {
	var errs []error
	if l.kernels != nil {
		errs = append(errs, l.kernels.Close())
	}
	if l.device != nil {
		errs = append(errs, l.device.Close())
	}
	if l.driver != nil {
		errs = append(errs, l.driver.Close())
	}
	if l.counters != nil {
		errs = append(errs, l.counters.Close())
	}
	return errors.Join(errs...)
}

// mebi prints bytes in MiB.
func mebi(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// withLab runs measure with a device of its own. What was not given back is an error.
func withLab[R result](b bundle, measure func(*lab) (R, error)) (result, error) {
	l, err := openLab(b)
	if err != nil {
		return nil, err
	}
	r, err := measure(l)
	return r, errors.Join(err, l.close())
}

// joinClose closes after an error.
func joinClose(err error, c io.Closer) error { return errors.Join(err, c.Close()) }

// used is the device's memory in use, by everybody.
func (l *lab) used() (int64, error) {
	free, total, err := l.device.MemInfo()
	return total - free, err
}
