package nvjpeg

// #cgo pkg-config: ffnvcodec
// #cgo CFLAGS: -O2 -Wall -Wextra -I${SRCDIR}/../../gpu/include
// #cgo noescape fp_nvjpeg_encode
// #cgo nocallback fp_nvjpeg_encode
// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"unsafe"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/dl"
)

// functions is nvJPEG's table, in memory that C code may keep, with the driver's.
type functions struct {
	jpeg    *C.fp_nvjpeg
	cuda    *C.fp_cuda
	context unsafe.Pointer
}

// load fills the table. On an error there is nothing to free.
func load(l *dl.Library, dev *gpu.Device) (functions, error) {
	table := (*C.fp_nvjpeg)(C.calloc(1, C.sizeof_fp_nvjpeg))
	for i := C.int(0); C.fp_nvjpeg_symbol(i) != nil; i++ {
		p, err := l.Symbol(C.GoString(C.fp_nvjpeg_symbol(i)))
		if err != nil {
			C.free(unsafe.Pointer(table))
			return functions{}, err
		}
		C.fp_nvjpeg_set(table, i, p)
	}
	return functions{table, (*C.fp_cuda)(dev.Driver().CUDA()), dev.Context()}, nil
}

func (f functions) free() { C.free(unsafe.Pointer(f.jpeg)) }

// result is how a call ended; without an operation it went well.
type result struct {
	op     string
	status int // nvJPEG's
	cuda   int // the driver's
}

func goResult(r C.fp_nvjpeg_result) result {
	if r.op == nil {
		return result{}
	}
	return result{C.GoString(r.op), int(r.status), int(r.cuda)}
}

func (f functions) version() (v [3]int, status int) {
	var c [3]C.int
	status = int(C.fp_nvjpeg_version(f.jpeg, &c[0]))
	return [3]int{int(c[0]), int(c[1]), int(c[2])}, status
}

func (f functions) open() (handle unsafe.Pointer, r result) {
	r = goResult(C.fp_nvjpeg_open(f.jpeg, f.cuda, f.context, &handle))
	return handle, r
}

func (f functions) close(handle unsafe.Pointer) result {
	return goResult(C.fp_nvjpeg_close(f.jpeg, f.cuda, f.context, handle))
}

// native is what C knows of a state.
type native struct{ c C.fp_nvjpeg_state }

func (f functions) newState(handle unsafe.Pointer, stream *gpu.Stream) (native, result) {
	n := native{C.fp_nvjpeg_state{jpeg: f.jpeg, cuda: f.cuda, context: f.context, stream: stream.Handle(), handle: handle}}
	var state, params unsafe.Pointer
	r := goResult(C.fp_nvjpeg_state_create(n.c, &state, &params))
	n.c.state, n.c.params = state, params
	return n, r
}

func (n native) destroy() result { return goResult(C.fp_nvjpeg_state_destroy(n.c)) }

// encode writes into out when that has the room; length is the size in any case.
func (n native) encode(p picture, out []byte) (length int, r result) {
	c := C.fp_nvjpeg_picture{width: C.int(p.width), height: C.int(p.height), quality: C.int(p.quality)}
	for i, plane := range p.planes {
		c.planes[i], c.pitches[i] = C.uint64_t(plane.Address), C.size_t(plane.Pitch)
	}
	if p.ready != nil {
		c.ready = p.ready.Handle()
	}
	var size C.size_t
	r = goResult(C.fp_nvjpeg_encode(n.c, c, unsafe.Pointer(unsafe.SliceData(out)), C.size_t(len(out)), &size))
	return int(size), r
}

// fetch brings the last result of this length to out.
func (n native) fetch(out []byte, length int) result {
	size := C.size_t(length)
	return goResult(C.fp_nvjpeg_fetch(n.c, unsafe.Pointer(unsafe.SliceData(out)), &size))
}
