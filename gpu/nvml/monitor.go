package nvml

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/NVIDIA/go-nvml/pkg/dl"
	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

const libraryName = "libnvidia-ml.so.1"

// Config says where NVML is looked for.
type Config struct {
	Dirs []string // folders that come before the dynamic linker's own places
}

// path is the file to load, or the name that the dynamic linker looks for.
func (c Config) path() string {
	for _, dir := range c.Dirs {
		path := filepath.Join(dir, libraryName)
		if _, err := os.Stat(path); err == nil {
			if abs, err := filepath.Abs(path); err == nil {
				return abs
			}
		}
	}
	return libraryName
}

// Monitor is NVML on this machine.
type Monitor struct {
	api  nvml.Interface
	self process

	mu      sync.Mutex
	missing map[string]bool // by function, of those asked for so far
	devices map[string]nvml.Device
	closed  bool
}

var _ Meter = (*Monitor)(nil)

// Open loads NVML and starts it. An error is an *Error, usually ErrUnavailable.
func Open(cfg Config) (*Monitor, error) {
	path := cfg.path()
	// go-nvml closes the library at the end, and functions that were called once
	// stay bound to where it was. Opened once more, for good, it stays there; and
	// this is where the dynamic linker's own words are.
	if err := dl.New(path, dl.RTLD_LAZY|dl.RTLD_GLOBAL|dl.RTLD_NODELETE).Open(); err != nil {
		return nil, &Error{
			Op: "load " + libraryName, Text: err.Error(), kind: ErrUnavailable,
			Reason: "in a container set NVIDIA_DRIVER_CAPABILITIES=compute,video,utility",
		}
	}
	return open(nvml.New(nvml.WithLibraryPath(path)), thisProcess())
}

func open(api nvml.Interface, self process) (*Monitor, error) {
	if ret := api.Init(); ret != nvml.SUCCESS {
		return nil, newError("nvmlInit", ret)
	}
	m := &Monitor{api: api, self: self, missing: make(map[string]bool), devices: make(map[string]nvml.Device)}
	for _, needed := range []string{"nvmlShutdown", "nvmlErrorString", "nvmlDeviceGetHandleByUUID"} {
		if !m.has(needed) {
			return nil, newError(needed, nvml.ERROR_FUNCTION_NOT_FOUND)
		}
	}
	return m, nil
}

// has says whether the library has a function; see Note: [Linker flag].
func (m *Monitor) has(function string) bool {
	missing, asked := m.missing[function]
	if !asked {
		missing = m.api.Extensions().LookupSymbol(function) != nil
		m.missing[function] = missing
	}
	return !missing
}

// Sample implements Meter.
func (m *Monitor) Sample(uuid string) (Sample, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Sample{}, newError("sample", nvml.ERROR_UNINITIALIZED)
	}
	device, ok := m.devices[uuid]
	if !ok {
		var ret nvml.Return
		if device, ret = m.api.DeviceGetHandleByUUID(uuid); ret != nvml.SUCCESS {
			return Sample{}, newError("nvmlDeviceGetHandleByUUID "+uuid, ret)
		}
		m.devices[uuid] = device
	}
	return m.read(device)
}

// DriverVersion implements Meter.
func (m *Monitor) DriverVersion() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || !m.has("nvmlSystemGetDriverVersion") {
		return ""
	}
	version, ret := m.api.SystemGetDriverVersion()
	if ret != nvml.SUCCESS {
		return ""
	}
	return version
}

// Close implements Meter.
func (m *Monitor) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	if ret := m.api.Shutdown(); ret != nvml.SUCCESS {
		return newError("nvmlShutdown", ret)
	}
	return nil
}
