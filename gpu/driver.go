package gpu

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"github.com/frameport/frameport/internal/dl"
)

// Driver is the loaded and initialised driver: two libraries and the devices
// they know. One per process is enough.
type Driver struct {
	cuda, cuvid *dl.Library
	tables      tables
	devices     []DeviceInfo

	mu     sync.Mutex
	open   []int // ordinals of the devices that are open
	closed bool
}

// Open loads libcuda and libnvcuvid, starts the driver and lists its devices. An
// error is an *Error, is ErrNoDriver, ErrNoDevice or ErrUnsupported, and has a
// reason that tells an operator what to do. It may take seconds where the
// driver's persistence mode is off.
func Open(cfg LibraryConfig) (*Driver, error) {
	d := &Driver{}
	if err := d.load(cfg.Dirs()); err != nil {
		d.tables.free()
		return nil, err
	}
	return d, nil
}

func (d *Driver) load(dirs []string) error {
	var err error
	if d.cuda, err = loadLibrary(cudaLibrary, dirs, ErrNoDriver, noDriverReason); err != nil {
		return err
	}
	if err := d.tables.loadCUDA(d.cuda); err != nil {
		return symbolError(cudaLibrary, ErrNoDriver, err)
	}
	version, n, code := d.tables.start()
	if code != codeSuccess {
		e := d.error("cuInit", code)
		startReason(e)
		return e
	}
	if n == 0 {
		e := newError("cuDeviceGetCount", codeNoDevice, "")
		e.Code, e.Name = 0, ""
		return e
	}
	// After the start, so that a machine without a driver is told that, and not
	// that it lacks the video decoder.
	if d.cuvid, err = loadLibrary(cuvidLibrary, dirs, ErrUnsupported, noVideoReason); err != nil {
		return err
	}
	if err := d.tables.loadCUVID(d.cuvid); err != nil {
		return symbolError(cuvidLibrary, ErrUnsupported, err)
	}
	for i := range n {
		info, code := d.tables.info(i)
		if code != codeSuccess {
			return d.error(fmt.Sprintf("properties of GPU %d", i), code)
		}
		info.DriverVersion = fmt.Sprintf("%d.%d", version/1000, version%1000/10)
		d.devices = append(d.devices, info)
	}
	return nil
}

// Devices lists what the driver sees, in its order. CUDA_VISIBLE_DEVICES hides
// and reorders devices.
func (d *Driver) Devices() []DeviceInfo { return slices.Clone(d.devices) }

// CUDA is the address of the fp_cuda table (include/fp_cuda.h), for C code of
// other packages. It is good until Close.
func (d *Driver) CUDA() unsafe.Pointer { return unsafe.Pointer(d.tables.cuda) }

// CUVID is the address of the fp_cuvid table.
func (d *Driver) CUVID() unsafe.Pointer { return unsafe.Pointer(d.tables.cuvid) }

// LibraryPaths says which files were loaded, by library name.
func (d *Driver) LibraryPaths() map[string]string {
	return map[string]string{d.cuda.Name(): d.cuda.Path(), d.cuvid.Name(): d.cuvid.Path()}
}

// error describes a code; the driver knows more names than we do.
func (d *Driver) error(op string, code int) *Error {
	return newError(op, code, d.tables.errorName(code))
}

// Close frees the function tables. The libraries stay loaded. It fails, and does
// nothing, while a device is open.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.open) > 0 {
		return fmt.Errorf("gpu: close driver: %w: devices %v", ErrLeak, d.open)
	}
	d.closed = true
	d.tables.free()
	return nil
}

// reserve marks a device as open. Its context is counted once per process, and
// so is its memory.
func (d *Driver) reserve(ordinal int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("gpu: open device %d: driver is %w", ordinal, ErrClosed)
	}
	if slices.Contains(d.open, ordinal) {
		return fmt.Errorf("gpu: device %d is open already", ordinal)
	}
	d.open = append(d.open, ordinal)
	return nil
}

func (d *Driver) forget(ordinal int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = slices.DeleteFunc(d.open, func(o int) bool { return o == ordinal })
}
