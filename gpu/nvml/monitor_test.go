package nvml

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/google/go-cmp/cmp"
)

// machine is a mocked NVML with one device; tests change what they are about.
type machine struct {
	api    *mock.Interface
	device *mock.Device
	lacks  map[string]bool
	calls  []string
}

func newMachine() *machine {
	m := &machine{lacks: make(map[string]bool)}
	m.device = &mock.Device{
		GetUtilizationRatesFunc: func() (nvml.Utilization, nvml.Return) {
			return nvml.Utilization{Gpu: 31, Memory: 7}, nvml.SUCCESS
		},
		GetDecoderUtilizationFunc: func() (uint32, uint32, nvml.Return) { return 44, 166000, nvml.SUCCESS },
		GetJpgUtilizationFunc:     func() (uint32, uint32, nvml.Return) { return 2, 166000, nvml.SUCCESS },
		GetMemoryInfoFunc:         func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 1000, Free: 600, Used: 400}, nvml.SUCCESS },
		GetMaxClockInfoFunc: func(c nvml.ClockType) (uint32, nvml.Return) {
			if c != nvml.CLOCK_VIDEO {
				return 1, nvml.SUCCESS
			}
			return 1545, nvml.SUCCESS
		},
		GetComputeRunningProcessesFunc: func() ([]nvml.ProcessInfo, nvml.Return) {
			return []nvml.ProcessInfo{{Pid: 41, UsedGpuMemory: 11}, {Pid: 42, UsedGpuMemory: 300}}, nvml.SUCCESS
		},
	}
	m.api = &mock.Interface{
		InitFunc:                   func() nvml.Return { return nvml.SUCCESS },
		ShutdownFunc:               func() nvml.Return { m.calls = append(m.calls, "shutdown"); return nvml.SUCCESS },
		SystemGetDriverVersionFunc: func() (string, nvml.Return) { return "570.86.15", nvml.SUCCESS },
		DeviceGetHandleByUUIDFunc: func(uuid string) (nvml.Device, nvml.Return) {
			m.calls = append(m.calls, "handle")
			if uuid != "GPU-1" {
				return nil, nvml.ERROR_NOT_FOUND
			}
			return m.device, nvml.SUCCESS
		},
		ExtensionsFunc: func() nvml.ExtendedInterface {
			return &mock.ExtendedInterface{LookupSymbolFunc: func(name string) error {
				if m.lacks[name] {
					return errors.New("symbol not found")
				}
				return nil
			}}
		},
	}
	return m
}

// host is process 42 in the host's namespace.
func host() process { return process{pid: 42, exists: func(int) bool { return true }} }

func (m *machine) open(t *testing.T, self process) *Monitor {
	t.Helper()
	monitor, err := open(m.api, self)
	if err != nil {
		t.Fatal(err)
	}
	return monitor
}

func full() Sample {
	return Sample{
		GPU: Load{31, true}, Decoder: Load{44, true}, JPEG: Load{2, true},
		MemoryTotal: Bytes{1000, true}, MemoryUsed: Bytes{400, true}, ProcessMemory: Bytes{300, true},
		MaxVideoClock: 1545,
	}
}

func TestSample(t *testing.T) {
	m := newMachine()
	monitor := m.open(t, host())
	for range 2 {
		s, err := monitor.Sample("GPU-1")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(full(), s); d != "" {
			t.Error(d)
		}
	}
	if v := monitor.DriverVersion(); v != "570.86.15" {
		t.Errorf("driver %q", v)
	}
	for range 2 {
		if err := monitor.Close(); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff([]string{"handle", "shutdown"}, m.calls); d != "" {
		t.Error(d)
	}
	if _, err := monitor.Sample("GPU-1"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after the end: %v", err)
	}
	if v := monitor.DriverVersion(); v != "" {
		t.Errorf("after the end: %q", v)
	}
}

// A MIG slice has no utilisation, an old driver no JPEG counter: the rest is read.
func TestSampleWithoutSomeCounters(t *testing.T) {
	m := newMachine()
	m.device.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) {
		return nvml.Utilization{Gpu: 99}, nvml.ERROR_NOT_SUPPORTED
	}
	m.lacks["nvmlDeviceGetJpgUtilization"] = true
	m.device.GetJpgUtilizationFunc = func() (uint32, uint32, nvml.Return) {
		t.Error("a function that the library lacks was called: that ends the process")
		return 0, 0, nvml.SUCCESS
	}
	s, err := m.open(t, host()).Sample("GPU-1")
	if err != nil {
		t.Fatal(err)
	}
	want := full()
	want.GPU, want.JPEG = Load{}, Load{}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
}

func TestSampleOlderProcessLists(t *testing.T) {
	const name = "nvmlDeviceGetComputeRunningProcesses"
	for _, lacks := range [][]string{{name + "_v3"}, {name + "_v3", name + "_v2"}} {
		m := newMachine()
		for _, f := range lacks {
			m.lacks[f] = true
		}
		if s, err := m.open(t, host()).Sample("GPU-1"); err != nil || s.ProcessMemory != (Bytes{300, true}) {
			t.Errorf("without %v: %+v, %v", lacks, s.ProcessMemory, err)
		}
	}
	m := newMachine()
	m.lacks[name+"_v3"], m.lacks[name+"_v2"], m.lacks[name] = true, true, true
	if s, err := m.open(t, host()).Sample("GPU-1"); err != nil || s.ProcessMemory.Known {
		t.Errorf("without any: %+v, %v", s.ProcessMemory, err)
	}
}

func TestSampleErrors(t *testing.T) {
	m := newMachine()
	monitor := m.open(t, host())
	if _, err := monitor.Sample("GPU-2"); !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), "GPU-2") {
		t.Errorf("got %v", err)
	}
	m.device.GetDecoderUtilizationFunc = func() (uint32, uint32, nvml.Return) { return 0, 0, nvml.ERROR_GPU_IS_LOST }
	if _, err := monitor.Sample("GPU-1"); !errors.Is(err, ErrDeviceLost) || !strings.Contains(err.Error(), "reset") {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefusals(t *testing.T) {
	for ret, part := range map[nvml.Return]string{
		nvml.ERROR_LIB_RM_VERSION_MISMATCH: "different versions",
		nvml.ERROR_DRIVER_NOT_LOADED:       "modprobe nvidia",
		nvml.ERROR_LIBRARY_NOT_FOUND:       "nvmlInit",
	} {
		m := newMachine()
		m.api.InitFunc = func() nvml.Return { return ret }
		_, err := open(m.api, host())
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), part) {
			t.Errorf("%d: %v", ret, err)
		}
	}
	m := newMachine()
	m.lacks["nvmlDeviceGetHandleByUUID"] = true
	if _, err := open(m.api, host()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestOpenBrokenLibrary(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, libraryName), []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Config{Dirs: []string{t.TempDir(), dir}})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "file too short") {
		t.Errorf("got %v", err)
	}
}

func TestProcessMemory(t *testing.T) {
	list := func(pairs ...uint64) []nvml.ProcessInfo {
		var infos []nvml.ProcessInfo
		for i := 0; i < len(pairs); i += 2 {
			infos = append(infos, nvml.ProcessInfo{Pid: uint32(pairs[i]), UsedGpuMemory: pairs[i+1]})
		}
		return infos
	}
	for _, c := range []struct {
		name      string
		contained bool
		list      []nvml.ProcessInfo
		want      Bytes
	}{
		{"listed", false, list(7, 1, 42, 10), Bytes{10, true}},
		{"two contexts", false, list(42, 10, 42, 5), Bytes{15, true}},
		{"not listed", false, list(7, 1), Bytes{0, true}},
		{"nobody", false, nil, Bytes{0, true}},
		{"no number", false, list(42, math.MaxUint64), Bytes{}},
		{"container, translated", true, list(7, 1, 42, 10), Bytes{10, true}},
		{"container, not listed", true, list(7, 1), Bytes{}},
		{"container, nobody", true, nil, Bytes{}},
		{"container, host's IDs", true, list(90001, 10), Bytes{}},
		{"container, host's IDs, ours by chance", true, list(42, 99, 90001, 10), Bytes{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := process{pid: 42, contained: c.contained, exists: func(pid int) bool { return pid < 1000 }}
			if got := p.memory(c.list); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestThisProcess(t *testing.T) {
	p := thisProcess()
	if p.pid != os.Getpid() || !p.exists(p.pid) || p.exists(math.MaxInt32) {
		t.Errorf("got %+v", p)
	}
}
