// Package nvmltest has a Meter for the tests of other packages. It may be used
// from any goroutine and belongs to the test.
package nvmltest

import (
	"fmt"
	"sync"

	"github.com/frameport/frameport/gpu/nvml"
)

// Meter returns what it was told to.
type Meter struct {
	Version string

	mu      sync.Mutex
	samples map[string]nvml.Sample
	closed  bool
}

var _ nvml.Meter = (*Meter)(nil)

// Set makes a device, or changes its counters.
func (m *Meter) Set(uuid string, s nvml.Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.samples == nil {
		m.samples = make(map[string]nvml.Sample)
	}
	m.samples[uuid] = s
}

// Sample implements nvml.Meter.
func (m *Meter) Sample(uuid string) (nvml.Sample, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nvml.Sample{}, nvml.ErrUnavailable
	}
	s, ok := m.samples[uuid]
	if !ok {
		return nvml.Sample{}, fmt.Errorf("%w: %s", nvml.ErrNoDevice, uuid)
	}
	return s, nil
}

// DriverVersion implements nvml.Meter.
func (m *Meter) DriverVersion() string { return m.Version }

// Close implements nvml.Meter.
func (m *Meter) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
