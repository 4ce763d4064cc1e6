package shm

// #cgo CFLAGS: -O2 -Wall -Wextra
// #cgo LDFLAGS: -pthread
// #cgo nocallback fp_guard_add
// #cgo nocallback fp_guard_remove
// #cgo nocallback fp_guard_broken
// #include "guard.h"
import "C"

import (
	"syscall"
	"unsafe"
)

// guard watches a mapping: Note: [Files that shrink].
type guard int

func addGuard(mapping []byte) (guard, error) {
	n := C.fp_guard_add(C.uintptr_t(uintptr(unsafe.Pointer(unsafe.SliceData(mapping)))), C.size_t(len(mapping)))
	if n < 0 {
		return 0, syscall.Errno(-n)
	}
	return guard(n), nil
}

func (g guard) remove()      { C.fp_guard_remove(C.int(g)) }
func (g guard) broken() bool { return C.fp_guard_broken(C.int(g)) != 0 }
