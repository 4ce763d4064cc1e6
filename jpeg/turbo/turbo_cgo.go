package turbo

// #cgo pkg-config: libturbojpeg
// #cgo CFLAGS: -O2 -Wall
// #cgo noescape fp_jpeg_encode
// #cgo nocallback fp_jpeg_encode
// #include "bridge.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// handle is one TurboJPEG compressor; one call at a time.
type handle struct{ j *C.fp_jpeg }

func newHandle() (handle, error) {
	j := C.fp_jpeg_new()
	if j == nil {
		return handle{}, errors.New("libjpeg-turbo: no compressor: out of memory")
	}
	return handle{j}, nil
}

func (h handle) free() { C.fp_jpeg_free(h.j) }

// encode appends the picture to dst. Where dst has room for any result it is
// written in place, else it is copied once.
func (h handle) encode(img *frame.Frame, quality int, dst []byte) ([]byte, error) {
	gray := C.int(0)
	if img.Format == media.PixelGray8 {
		gray = 1
	}
	p := &img.Planes
	free := dst[len(dst):cap(dst)]
	code := C.fp_jpeg_encode(h.j,
		plane(p[0]), C.int(p[0].Pitch), plane(p[1]), C.int(p[1].Pitch), plane(p[2]), C.int(p[2].Pitch),
		C.int(img.Width), C.int(img.Height), gray, C.int(quality),
		(*C.uint8_t)(unsafe.SliceData(free)), C.ulong(len(free)))
	if code != 0 {
		return dst, fmt.Errorf("libjpeg-turbo: %dx%d: %s", img.Width, img.Height, C.GoString(h.j.error))
	}
	size := int(h.j.size)
	if unsafe.Pointer(h.j.data) == unsafe.Pointer(unsafe.SliceData(free)) {
		h.j.data = nil // it is Go's
		return dst[:len(dst)+size], nil
	}
	return append(dst, unsafe.Slice((*byte)(h.j.data), size)...), nil
}

func plane(p frame.Plane) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(p.Data)) }

// bound is the number of bytes an encoded picture can have at most.
func bound(w, h int, gray bool) int {
	g := C.int(0)
	if gray {
		g = 1
	}
	return int(C.fp_jpeg_bound(C.int(w), C.int(h), g))
}
