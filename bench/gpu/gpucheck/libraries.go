package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/nvml"
	"github.com/frameport/frameport/jpeg/nvjpeg"
)

// libraries is what was found where.
type libraries struct {
	GPU       string            `json:"gpu"`
	CUDA      string            `json:"cuda_driver_api"`
	Driver    string            `json:"driver_version"` // NVML's
	Simulated bool              `json:"simulated"`
	Files     map[string]string `json:"files"` // of driver and NVML, by name
	NVML      string            `json:"nvml_error,omitempty"`
	// NVJPEG are the files found on the machine and in the bundle, in the order in
	// which they are tried.
	NVJPEG []string `json:"nvjpeg_found"`
	// Machine is the machine's own nvJPEG that works, or why there is none.
	Machine jpegLibrary `json:"nvjpeg_of_machine"`
	// Own are the bundle's.
	Own []jpegLibrary `json:"nvjpeg_of_bundle"`
	// Path is what the other parts use: empty where the machine has everything.
	Path string `json:"library_path"`
}

// jpegLibrary is an nvJPEG that was tried.
type jpegLibrary struct {
	Path    string `json:"path"`
	Version string `json:"version,omitempty"`
	Error   string `json:"error,omitempty"`
}

// checkLibraries looks for everything. It fails without a driver; without nvJPEG the
// bundle's own is what the other parts use.
func checkLibraries(ctx context.Context, b bundle) (result, error) {
	r := &libraries{Files: make(map[string]string), Path: b.libraryPath}
	r.monitor(b)
	driver, err := gpu.Open(b.library())
	if err != nil {
		return r, err
	}
	defer driver.Close()
	info := driver.Devices()[0]
	r.GPU, r.CUDA, r.Simulated = info.String(), info.DriverVersion, isSimulated(info)
	for name, path := range driver.LibraryPaths() {
		r.Files[name] = path
	}
	device, err := driver.OpenDevice("", gpu.DeviceConfig{})
	if err != nil {
		return r, err
	}
	defer device.Close()
	own := strings.Join(b.ownJPEG(), ":")
	r.NVJPEG = nvjpeg.Found(gpu.LibraryConfig{Path: b.libraryPath + ":" + own})
	r.Machine = try(ctx, device, b.libraryPath)
	for _, dir := range b.ownJPEG() {
		if r.Simulated {
			break // it would look for a real driver
		}
		r.Own = append(r.Own, try(ctx, device, dir))
	}
	if r.Machine.Error != "" && own != "" {
		r.Path = strings.Trim(b.libraryPath+":"+own, ":")
	}
	return r, ctx.Err()
}

func (r *libraries) monitor(b bundle) {
	m, err := nvml.Open(nvml.Config{Dirs: b.library().Dirs()})
	if err != nil {
		r.NVML = err.Error()
		return
	}
	r.Driver = m.DriverVersion()
	if err := m.Close(); err != nil {
		r.NVML = err.Error()
	}
}

// try makes an encoder with the first nvJPEG that works.
func try(ctx context.Context, device *gpu.Device, path string) jpegLibrary {
	l := jpegLibrary{Path: path}
	e, err := nvjpeg.New(ctx, nvjpeg.Config{Device: device, Library: gpu.LibraryConfig{Path: path}, States: 1, Width: 64, Height: 64})
	if err != nil {
		l.Error = err.Error()
		return l
	}
	l.Path, l.Version = e.Library().Path, e.Library().Version
	if err := e.Close(); err != nil {
		l.Error = err.Error()
	}
	return l
}

func (r *libraries) teach() learned {
	return learned{Simulated: r.Simulated, LibraryPath: r.Path, GPU: r.GPU, Driver: r.Driver}
}

func (r *libraries) print(w io.Writer) {
	for _, name := range []string{"libcuda.so.1", "libnvcuvid.so.1"} {
		fmt.Fprintf(w, "%s: %s\n", name, r.Files[name])
	}
	if r.NVML != "" {
		fmt.Fprintf(w, "NVML: %s\n", r.NVML)
	}
	fmt.Fprintf(w, "driver %s, speaks CUDA %s\nnvJPEG of the machine: %v\n", r.Driver, r.CUDA, r.Machine)
	for _, l := range r.Own {
		fmt.Fprintf(w, "nvJPEG of the bundle: %v\n", l)
	}
	for _, f := range r.NVJPEG {
		fmt.Fprintf(w, "nvJPEG file: %s\n", f)
	}
	fmt.Fprintf(w, "the other parts look in %q first\n", r.Path)
}

func (l jpegLibrary) String() string {
	if l.Error != "" {
		return strings.TrimSpace(l.Path + " does not work: " + l.Error)
	}
	return l.Path + ", version " + l.Version
}
