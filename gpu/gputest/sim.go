package gputest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/frameport/frameport/gpu"
)

// PathVariable names the folder of the libraries to test with. Unset is
// build/gpusim; set and empty is the machine's own driver.
const PathVariable = "FRAMEPORT_GPU_LIBRARY_PATH"

// Sim is a driver under test.
type Sim struct {
	Driver *gpu.Driver

	tb      testing.TB
	control control
}

// LibraryPath is where the libraries are. It fails the test when the simulator has
// not been built: tests of GPU code do not pass by not running.
func LibraryPath(tb testing.TB) string {
	tb.Helper()
	if path, set := os.LookupEnv(PathVariable); set {
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatalf("%s is not set, and there is no go.mod above to look below for build/gpusim", PathVariable)
		}
		dir = up
	}
	path := filepath.Join(dir, "build", "gpusim")
	if _, err := os.Stat(filepath.Join(path, "libcuda.so.1")); err != nil {
		tb.Fatalf("the simulated driver is not there: run make gpusim (%v)", err)
	}
	return path
}

// LibraryPathWithout is a folder with the libraries of [LibraryPath] but those named,
// as in a container without the capability "video". It is for another process: the
// dynamic linker finds a library that this one has opened before wherever it looks.
func LibraryPathWithout(tb testing.TB, names ...string) string {
	tb.Helper()
	from, to := LibraryPath(tb), tb.TempDir()
	libraries, err := filepath.Glob(filepath.Join(from, "lib*.so.*"))
	if err != nil || len(libraries) == 0 {
		tb.Fatalf("no libraries in %q (%v)", from, err)
	}
	for _, library := range libraries {
		if name := filepath.Base(library); !slices.Contains(names, name) {
			if err := os.Symlink(library, filepath.Join(to, name)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return to
}

// Open opens the driver for one test, and at the end closes it and looks whether
// anything was left or done wrong.
func Open(tb testing.TB) *Sim {
	tb.Helper()
	driver, err := gpu.Open(gpu.LibraryConfig{Path: LibraryPath(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	s := &Sim{Driver: driver, tb: tb}
	if s.control, err = newControl(driver.LibraryPaths()["libcuda.so.1"]); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.Fail("")
		s.Block("")
		s.Stall(false)
		if err := driver.Close(); err != nil {
			tb.Error(err)
		}
		for _, leak := range s.leaks() {
			tb.Errorf("the driver still has %s", leak)
		}
		if n, last := s.Violations(); n != 0 {
			tb.Errorf("%d rules of the driver were broken, the last: %s", n, last)
		}
	})
	return s
}

// Device opens the first device, and at the end of the test closes it, which fails
// on leaks.
func (s *Sim) Device(cfg gpu.DeviceConfig) *gpu.Device {
	s.tb.Helper()
	device, err := s.Driver.OpenDevice("", cfg)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() {
		if err := device.Close(); err != nil {
			s.tb.Error(err)
		}
	})
	return device
}
