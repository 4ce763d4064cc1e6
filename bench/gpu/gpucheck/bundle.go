package main

import (
	"flag"
	"path/filepath"
	"strings"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// bundle is where things are and how much is done. It travels to the children as flags.
type bundle struct {
	dir string // binary, tests/, clips/, nvjpeg/
	// libraryPath is searched before the dynamic linker's own places; "" is the
	// machine's own driver.
	libraryPath string
	// simulated: small bounds, because the driver is gpu/gpusim.
	simulated bool
}

func (b *bundle) flags(f *flag.FlagSet) {
	f.StringVar(&b.dir, "bundle", ".", "the bundle's folder")
	f.StringVar(&b.libraryPath, "library-path", "", "folders of the driver's libraries and nvJPEG; empty is the machine's own")
	f.BoolVar(&b.simulated, "simulated", false, "the driver is the simulated one: small bounds")
}

// arguments are the flags that make a child see the same.
func (b *bundle) arguments() []string {
	args := []string{"-bundle", b.dir, "-library-path", b.libraryPath}
	if b.simulated {
		args = append(args, "-simulated")
	}
	return args
}

func (b *bundle) library() gpu.LibraryConfig { return gpu.LibraryConfig{Path: b.libraryPath} }

// environment is what the test programs and the worker read.
func (b *bundle) environment() []string { return []string{gputest.PathVariable + "=" + b.libraryPath} }

func (b *bundle) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

// ownJPEG are the folders of the nvJPEG libraries in the bundle.
func (b *bundle) ownJPEG() []string {
	dirs, err := filepath.Glob(b.path("nvjpeg", "*"))
	if err != nil {
		return nil // the bundle's folder has a bracket in its name
	}
	return dirs
}

// simulatedName is how the simulated driver's devices are called.
const simulatedName = "Frameport simulated GPU"

func isSimulated(device gpu.DeviceInfo) bool { return strings.HasPrefix(device.Name, simulatedName) }
