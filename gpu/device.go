package gpu

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Device is one GPU with its primary context, which everything in this process
// shares.
type Device struct {
	driver    *Driver
	info      DeviceInfo
	primary   primary
	engines   int
	sleeps    bool
	context   Usage // booked for the context
	ledger    *Ledger
	admission *Admission
	gate      *Gate
	health    *health

	// creating is held while something is made whose memory only a measurement
	// tells: one at a time.
	creating chan struct{}
	// memory is held while memory changes hands, so that what is booked and what
	// the driver reports can be read together.
	memory sync.Mutex

	closing sync.Mutex
	closed  atomic.Bool
}

// OpenDevice retains the primary context of the device that selector names: ""
// is the first, a number an ordinal, anything else a UUID. A device is open once
// per process.
func (d *Driver) OpenDevice(selector string, cfg DeviceConfig) (*Device, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("gpu: %w", err)
	}
	info, err := find(d.devices, selector)
	if err != nil {
		return nil, err
	}
	if err := d.reserve(info.Ordinal); err != nil {
		return nil, err
	}
	dev, err := d.openDevice(info, cfg)
	if err != nil {
		d.forget(info.Ordinal)
		return nil, err
	}
	return dev, nil
}

func (d *Driver) openDevice(info DeviceInfo, cfg DeviceConfig) (*Device, error) {
	handle, sleeps, code := d.tables.retain(info.Ordinal)
	if code != codeSuccess {
		return nil, d.retainError(info, code)
	}
	dev := &Device{
		driver: d, info: info, primary: primary{d.tables, handle}, sleeps: sleeps,
		ledger: NewLedger(), health: newHealth(), creating: make(chan struct{}, 1),
	}
	if err := dev.countEngines(); err != nil {
		d.tables.release(info.Ordinal)
		return nil, err
	}
	dev.gate = NewGate(dev.engines * cfg.CallsPerEngine)
	dev.admission = NewAdmission(dev.ledger, cfg.Budget, cfg.Reserve, func() (int64, error) {
		free, _, err := dev.MemInfo()
		return free, err
	})
	if cfg.ProcessMemory != nil {
		if bytes, known := cfg.ProcessMemory(info); known {
			dev.context.Bytes = bytes
		}
	}
	dev.ledger.book(Use{Purpose: PurposeContext}, dev.context)
	return dev, nil
}

func (d *Driver) retainError(info DeviceInfo, code int) error {
	e := d.error("cuDevicePrimaryCtxRetain on "+info.String(), code)
	if code == codeDeviceUnavailable || code == codeInvalidDevice {
		e.kind = ErrNoDevice
		switch info.ComputeMode {
		case ComputeProhibited:
			e.Reason = "the GPU's compute mode is PROHIBITED: nvidia-smi -c DEFAULT changes it"
		case ComputeExclusiveProcess:
			e.Reason = "the GPU's compute mode is EXCLUSIVE_PROCESS and another process has it: end that one, start MPS, or nvidia-smi -c DEFAULT"
		}
	}
	return e
}

// countEngines asks for H.264 and HEVC, which every NVDEC engine decodes.
func (d *Device) countEngines() error {
	n, code := d.primary.engines()
	if code == codeNotSupported || code == codeSuccess && n == 0 {
		return &Error{
			Op: "cuvidGetDecoderCaps on " + d.info.String(),
			Reason: "this GPU has no video decoder (NVDEC) for us: some data centre GPUs and some MIG slices have none; " +
				"choose another GPU or a slice with one",
			kind: ErrUnsupported,
		}
	}
	if err := d.Check("cuvidGetDecoderCaps", code); err != nil {
		return err
	}
	d.engines = n
	return nil
}

// Info describes the device.
func (d *Device) Info() DeviceInfo { return d.info }

// Driver is what the device was opened from.
func (d *Device) Driver() *Driver { return d.driver }

// Context is the primary context, a CUcontext, for C code that pushes and pops it.
func (d *Device) Context() unsafe.Pointer { return d.primary.handle }

// Engines is the number of NVDEC engines that decode H.264 or HEVC, at least one.
func (d *Device) Engines() int { return d.engines }

// SleepsWaiting says whether threads that wait for the device sleep. It is false
// where someone else in this process had made the context before, with other
// settings: then waiting costs CPU time.
func (d *Device) SleepsWaiting() bool { return d.sleeps }

// Ledger accounts for the device's memory.
func (d *Device) Ledger() *Ledger { return d.ledger }

// Admission decides what still fits.
func (d *Device) Admission() *Admission { return d.admission }

// Gate bounds the goroutines inside the driver.
func (d *Device) Gate() *Gate { return d.gate }

// MemInfo returns the device's memory as the driver sees it: of all processes.
func (d *Device) MemInfo() (free, total int64, err error) {
	if err := d.usable("cuMemGetInfo"); err != nil {
		return 0, 0, err
	}
	free, total, code := d.primary.memInfo()
	return free, total, d.Check("cuMemGetInfo", code)
}

// Check turns a CUresult of a call on this device into an error, and 0 into
// nil. Codes that mean that the context is lost are noted, and after codes that may
// mean it the device is asked; every package that calls the driver in C of its own
// passes its results through here.
func (d *Device) Check(op string, code int) error {
	if code == codeSuccess {
		return nil
	}
	e := d.driver.error(op, code)
	if e.kind == nil && d.silent() {
		e.kind = ErrDeviceLost
		e.Reason = "the GPU does not answer any more: nvidia-smi and the kernel's log (dmesg, Xid) may say why; the process has to be started again"
	}
	if errors.Is(e, ErrDeviceLost) {
		d.health.note(e)
	}
	return e
}

// silent says whether not even the simplest call on the context works. A GPU that has
// fallen off the bus, and a context that somebody else destroyed, give codes that say
// nothing by themselves: UNKNOWN, INVALID_CONTEXT and others.
func (d *Device) silent() bool {
	if d.closed.Load() {
		return false
	}
	_, _, code := d.primary.memInfo()
	return code != codeSuccess
}

// Health returns the first error that broke the context, which is ErrDeviceLost,
// or nil.
func (d *Device) Health() error { return d.health.err() }

// Lost is closed when the context breaks.
func (d *Device) Lost() <-chan struct{} { return d.health.lost }

// usable guards a call that needs the context.
func (d *Device) usable(op string) error {
	if d.closed.Load() {
		return fmt.Errorf("gpu: %s: device is %w", op, ErrClosed)
	}
	return nil
}

// Close releases the primary context. While anything made from the device is
// live it fails with ErrLeak, names what, and releases nothing.
func (d *Device) Close() error {
	d.closing.Lock()
	defer d.closing.Unlock()
	if d.closed.Load() {
		return nil
	}
	context := Use{Purpose: PurposeContext}
	d.ledger.book(context, d.context.negative())
	if err := d.ledger.Zero(); err != nil {
		d.ledger.book(context, d.context)
		return fmt.Errorf("gpu: close %s: %w", d.info, err)
	}
	d.closed.Store(true)
	d.driver.forget(d.info.Ordinal)
	return d.checkClose("cuDevicePrimaryCtxRelease", d.driver.tables.release(d.info.Ordinal))
}

// checkClose is Check for what gives things back: a driver that has ended before
// us has taken everything back itself.
func (d *Device) checkClose(op string, code int) error {
	if code == codeDeinitialized {
		return nil
	}
	return d.Check(op, code)
}
