package hostkernels

/*
#cgo CXXFLAGS: -std=c++17 -O2 -Wall -Wextra
#include <stdlib.h>
#include "run.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Run runs the kernel of that name with threadsX x threadsY threads. params points
// to its parameter struct; the addresses in it are those of pinned host memory.
func Run(name string, threadsX, threadsY int, params unsafe.Pointer) error {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	if C.fp_host_run(c, C.int32_t(threadsX), C.int32_t(threadsY), params) != 0 {
		return fmt.Errorf("no kernel %s", name)
	}
	return nil
}

// Layout returns the size of a parameter struct of params.h and the offsets of its
// fields, by the name of its Go mirror.
func Layout(mirror string) (size int64, offsets []int64) {
	c := C.CString(mirror)
	defer C.free(unsafe.Pointer(c))
	for k := 0; ; k++ {
		at := int64(C.fp_host_offset(c, C.int(k)))
		if at < 0 {
			return int64(C.fp_host_size(c)), offsets
		}
		offsets = append(offsets, at)
	}
}

// Source is the hash of the sources that were compiled.
func Source() string { return C.GoString(C.fp_host_source()) }
