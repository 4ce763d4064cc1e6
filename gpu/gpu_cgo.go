package gpu

// #cgo pkg-config: ffnvcodec
// #cgo CFLAGS: -O2 -Wall -Wextra -I${SRCDIR}/include
// #cgo noescape fp_gpu_launch
// #cgo nocallback fp_gpu_launch
// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"strings"
	"unsafe"

	"github.com/frameport/frameport/internal/dl"
)

// tables are the driver's functions, in memory that C code may keep.
type tables struct {
	cuda  *C.fp_cuda
	cuvid *C.fp_cuvid
}

// loadCUDA fills the first table. On an error there is nothing to free.
func (t *tables) loadCUDA(l *dl.Library) error {
	var n C.int
	first := C.fp_gpu_cuda_symbols(&n)
	table := C.calloc(1, C.sizeof_fp_cuda)
	if err := fill(table, unsafe.Slice(first, n), l); err != nil {
		C.free(table)
		return err
	}
	t.cuda = (*C.fp_cuda)(table)
	return nil
}

func (t *tables) loadCUVID(l *dl.Library) error {
	var n C.int
	first := C.fp_gpu_cuvid_symbols(&n)
	table := C.calloc(1, C.sizeof_fp_cuvid)
	if err := fill(table, unsafe.Slice(first, n), l); err != nil {
		C.free(table)
		return err
	}
	t.cuvid = (*C.fp_cuvid)(table)
	return nil
}

func fill(table unsafe.Pointer, symbols []C.fp_symbol, l *dl.Library) error {
	for _, s := range symbols {
		names := []string{C.GoString(s.versioned), C.GoString(s.plain)}
		if names[0] == names[1] {
			names = names[:1]
		}
		p, err := l.Symbol(names...)
		switch {
		case err == nil:
			C.fp_gpu_table_set(table, s.offset, p)
		case s.required != 0:
			return err
		}
	}
	return nil
}

func (t *tables) free() {
	C.free(unsafe.Pointer(t.cuda))
	C.free(unsafe.Pointer(t.cuvid))
	*t = tables{}
}

// start initialises the driver. The version is 1000*major + 10*minor.
func (t *tables) start() (version, devices, code int) {
	var v, n C.int
	code = int(C.fp_gpu_init(t.cuda, &v, &n))
	return int(v), int(n), code
}

// errorName is the driver's own name of a code, or "".
func (t *tables) errorName(code int) string {
	if t.cuda == nil {
		return ""
	}
	return C.GoString(C.fp_gpu_error_name(t.cuda, C.int(code)))
}

func (t *tables) info(ordinal int) (DeviceInfo, int) {
	var c C.fp_device_info
	if code := C.fp_gpu_info(t.cuda, C.int(ordinal), &c); code != 0 {
		return DeviceInfo{}, int(code)
	}
	return DeviceInfo{
		Ordinal:           ordinal,
		Name:              C.GoString(&c.name[0]),
		UUID:              formatUUID([16]byte(C.GoBytes(unsafe.Pointer(&c.uuid), 16)), C.GoString(&c.name[0])),
		PCIBusID:          strings.ToLower(C.GoString(&c.pci_bus_id[0])),
		ComputeCapability: ComputeCapability{int(c.major), int(c.minor)},
		ComputeMode:       ComputeMode(c.compute_mode),
		TotalMemory:       int64(c.total_bytes),
	}, 0
}

func (t *tables) retain(ordinal int) (handle unsafe.Pointer, sleeps bool, code int) {
	var s C.int
	code = int(C.fp_gpu_retain(t.cuda, C.int(ordinal), &handle, &s))
	return handle, s != 0, code
}

func (t *tables) release(ordinal int) int { return int(C.fp_gpu_release(t.cuda, C.int(ordinal))) }

// primary is the primary context of a device: every call into C with it.
type primary struct {
	tables tables
	handle unsafe.Pointer // CUcontext
}

func (c primary) engines() (n, code int) {
	var count C.int
	code = int(C.fp_gpu_engines(c.tables.cuda, c.tables.cuvid, c.handle, &count))
	return int(count), code
}

func (c primary) memInfo() (free, total int64, code int) {
	var f, t C.size_t
	code = int(C.fp_gpu_mem_info(c.tables.cuda, c.handle, &f, &t))
	return int64(f), int64(t), code
}

func (c primary) alloc(bytes int64) (Address, int) {
	var a C.uint64_t
	code := C.fp_gpu_alloc(c.tables.cuda, c.handle, C.size_t(bytes), &a)
	return Address(a), int(code)
}

func (c primary) free(a Address) int {
	return int(C.fp_gpu_free(c.tables.cuda, c.handle, C.uint64_t(a)))
}

func (c primary) hostAlloc(bytes int) (p unsafe.Pointer, code int) {
	code = int(C.fp_gpu_host_alloc(c.tables.cuda, c.handle, C.size_t(bytes), &p))
	return p, code
}

func (c primary) hostFree(p unsafe.Pointer) int {
	return int(C.fp_gpu_host_free(c.tables.cuda, c.handle, p))
}

func (c primary) streamCreate() (s unsafe.Pointer, code int) {
	code = int(C.fp_gpu_stream_create(c.tables.cuda, c.handle, &s))
	return s, code
}

func (c primary) streamDestroy(s unsafe.Pointer) int {
	return int(C.fp_gpu_stream_destroy(c.tables.cuda, c.handle, s))
}

func (c primary) streamSynchronize(s unsafe.Pointer) int {
	return int(C.fp_gpu_stream_synchronize(c.tables.cuda, c.handle, s))
}

func (c primary) streamWait(s, event unsafe.Pointer) int {
	return int(C.fp_gpu_stream_wait(c.tables.cuda, c.handle, s, event))
}

func (c primary) eventCreate() (e unsafe.Pointer, code int) {
	code = int(C.fp_gpu_event_create(c.tables.cuda, c.handle, &e))
	return e, code
}

func (c primary) eventDestroy(e unsafe.Pointer) int {
	return int(C.fp_gpu_event_destroy(c.tables.cuda, c.handle, e))
}

func (c primary) eventRecord(e, stream unsafe.Pointer) int {
	return int(C.fp_gpu_event_record(c.tables.cuda, c.handle, e, stream))
}

func (c primary) eventQuery(e unsafe.Pointer) int {
	return int(C.fp_gpu_event_query(c.tables.cuda, c.handle, e))
}

func (c primary) eventSynchronize(e unsafe.Pointer) int {
	return int(C.fp_gpu_event_synchronize(c.tables.cuda, c.handle, e))
}

// moduleLoad returns what the driver's compiler complained about as well.
func (c primary) moduleLoad(ptx []byte) (m unsafe.Pointer, log string, code int) {
	image := C.CString(string(ptx)) // ends in NUL, as the driver wants it
	defer C.free(unsafe.Pointer(image))
	const size = 8 << 10
	text := (*C.char)(C.calloc(1, size+1))
	defer C.free(unsafe.Pointer(text))
	code = int(C.fp_gpu_module_load(c.tables.cuda, c.handle, unsafe.Pointer(image), text, size, &m))
	return m, strings.TrimSpace(C.GoString(text)), code
}

func (c primary) moduleUnload(m unsafe.Pointer) int {
	return int(C.fp_gpu_module_unload(c.tables.cuda, c.handle, m))
}

func (c primary) function(m unsafe.Pointer, name string) (f unsafe.Pointer, code int) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	code = int(C.fp_gpu_function(c.tables.cuda, c.handle, m, text, &f))
	return f, code
}

func (c primary) launch(f, stream unsafe.Pointer, grid, block [3]uint32, params unsafe.Pointer) int {
	return int(C.fp_gpu_launch(c.tables.cuda, c.handle, f, stream,
		C.uint32_t(grid[0]), C.uint32_t(grid[1]), C.uint32_t(grid[2]),
		C.uint32_t(block[0]), C.uint32_t(block[1]), C.uint32_t(block[2]), params))
}

// rows is a rectangle of device or pinned memory.
type rows struct {
	device Address
	host   unsafe.Pointer
	pitch  int
}

func (r rows) c() C.fp_rows {
	return C.fp_rows{device: C.uint64_t(r.device), host: r.host, pitch: C.size_t(r.pitch)}
}

func (c primary) copy(stream unsafe.Pointer, to, from rows, width, height int) int {
	return int(C.fp_gpu_copy(c.tables.cuda, c.handle, stream, to.c(), from.c(), C.size_t(width), C.size_t(height)))
}

func (c primary) set(stream unsafe.Pointer, to rows, value byte, width, height int) int {
	return int(C.fp_gpu_set(c.tables.cuda, c.handle, stream, C.uint64_t(to.device), C.size_t(to.pitch), C.int(value), C.size_t(width), C.size_t(height)))
}

func (c primary) setWord(stream unsafe.Pointer, a Address, value uint32) int {
	return int(C.fp_gpu_set_word(c.tables.cuda, c.handle, stream, C.uint64_t(a), C.uint32_t(value)))
}

func (c primary) ipcExport(a Address) (handle [ipcHandleSize]byte, code int) {
	code = int(C.fp_gpu_ipc_export(c.tables.cuda, c.handle, C.uint64_t(a), unsafe.Pointer(&handle)))
	return handle, code
}

func (c primary) ipcOpen(handle [ipcHandleSize]byte) (a Address, size int64, code int) {
	var address C.uint64_t
	var bytes C.size_t
	code = int(C.fp_gpu_ipc_open(c.tables.cuda, c.handle, unsafe.Pointer(&handle), &address, &bytes))
	return Address(address), int64(bytes), code
}

func (c primary) ipcClose(a Address) int {
	return int(C.fp_gpu_ipc_close(c.tables.cuda, c.handle, C.uint64_t(a)))
}
