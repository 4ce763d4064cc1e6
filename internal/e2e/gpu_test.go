//go:build cgo

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/gpu/gpusim"
	"github.com/frameport/frameport/gpu/gputest"
)

const (
	onCUDA = frameportv1.BackendKind_BACKEND_KIND_CUDA
	onCPU  = frameportv1.BackendKind_BACKEND_KIND_CPU
)

// simulator is a simulated GPU for one worker process.
type simulator struct {
	t      *testing.T
	report string // where the driver keeps count of what lives
}

// newSimulator returns it with the environment that chooses and sets it; the settings
// are those of gpu/gpusim/README.md without their prefix.
func newSimulator(t *testing.T, settings ...string) (*simulator, []string) {
	t.Helper()
	path := gputest.LibraryPath(t)
	if path == "" {
		t.Skip("only the simulated driver can be made to do this")
	}
	s := &simulator{t: t, report: filepath.Join(t.TempDir(), "gpusim")}
	env := []string{
		"FRAMEPORT_BACKEND=auto", "FRAMEPORT_GPU_LIBRARY_PATH=" + path,
		gpusim.ReportVariable + "=" + s.report,
	}
	for _, v := range settings {
		env = append(env, "FRAMEPORT_GPUSIM_"+v)
	}
	return s, env
}

// withoutLibraries is an environment that does not say where the driver is.
func withoutLibraries(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, gputest.PathVariable+"=") })
}

// live is what the driver has now, by kind.
func (s *simulator) live() map[string]int64 {
	s.t.Helper()
	live, err := gpusim.ReadReport(s.report)
	if err != nil {
		s.t.Fatal(err)
	}
	return live
}

// clean wants no rule of the driver broken, and nothing left in it unless the process
// ended without giving back.
func (s *simulator) clean(aborted bool) {
	s.t.Helper()
	for kind, n := range s.live() {
		if n != 0 && (kind == "violation" || !aborted) {
			s.t.Errorf("the driver was left with %d %s", n, kind)
		}
	}
}

// startGPU starts a worker on a simulated GPU. At the end of the test it has to end
// cleanly and leave nothing in the driver.
func startGPU(t *testing.T, settings []string, args ...string) (*worker, *simulator) {
	t.Helper()
	sim, env := newSimulator(t, settings...)
	w := start(t, env, args...)
	t.Cleanup(func() {
		w.stop()
		sim.clean(false)
	})
	return w, sim
}

// describe asks the worker about itself.
func (w *worker) describe() *frameportv1.Worker {
	w.t.Helper()
	r, err := w.workers.GetWorker(w.t.Context(), &frameportv1.GetWorkerRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.GetWorker()
}

// device is the worker's only GPU.
func (w *worker) device() *frameportv1.Device {
	w.t.Helper()
	devices := w.describe().GetDevices()
	if len(devices) != 1 {
		w.t.Fatalf("%d devices, want 1: %v", len(devices), devices)
	}
	return devices[0]
}

// over is a camera's specification with transport TCP.
func over(url string, change ...func(*frameportv1.CameraSpec)) *frameportv1.CameraSpec {
	spec := &frameportv1.CameraSpec{Url: url, Transport: frameportv1.Transport_TRANSPORT_TCP}
	for _, c := range change {
		c(spec)
	}
	return spec
}

// ring makes a camera keep n frames.
func ring(n int32) func(*frameportv1.CameraSpec) {
	return func(s *frameportv1.CameraSpec) { s.Frame = &frameportv1.FrameSpec{RingSize: n} }
}

// gauge reads a figure of the worker's metrics.
func (w *worker) gauge(name string) (v float64) {
	w.t.Helper()
	r, err := http.Get("http://" + w.http + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if n, err := fmt.Sscanf(string(line), name+" %g", &v); n == 1 && err == nil {
			return v
		}
	}
	w.t.Fatalf("no metric %s", name)
	return 0
}

// procFile reads a file of the worker's folder in /proc.
func (w *worker) procFile(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", w.cmd.Process.Pid, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// threads is how many the worker has.
func (w *worker) threads() (n int) {
	w.t.Helper()
	for line := range strings.Lines(w.procFile("status")) {
		if _, err := fmt.Sscanf(line, "Threads: %d", &n); err == nil {
			return n
		}
	}
	w.t.Fatal("no number of threads")
	return 0
}

// descriptors is how many the worker has open.
func (w *worker) descriptors() int {
	w.t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.cmd.Process.Pid))
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}
