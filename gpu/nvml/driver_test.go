package nvml_test

import (
	"testing"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/nvml"
)

// The library behind the bindings answers for the very devices that the driver lists.
func TestDriver(t *testing.T) {
	cfg := gpu.LibraryConfig{Path: gputest.LibraryPath(t)}
	sim := gputest.Open(t)
	for range 2 { // also after it has been closed once
		monitor, err := nvml.Open(nvml.Config{Dirs: cfg.Dirs()})
		if err != nil {
			t.Fatal(err)
		}
		if monitor.DriverVersion() == "" {
			t.Error("no driver version")
		}
		for _, d := range sim.Driver.Devices() {
			s, err := monitor.Sample(d.UUID)
			if err != nil {
				t.Fatal(err)
			}
			if !s.MemoryTotal.Known || s.MemoryTotal.N < d.TotalMemory || s.MemoryUsed.N > s.MemoryTotal.N {
				t.Errorf("%+v, and the driver says %d bytes", s, d.TotalMemory)
			}
		}
		if err := monitor.Close(); err != nil {
			t.Error(err)
		}
	}
}
