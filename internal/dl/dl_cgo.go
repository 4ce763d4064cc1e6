package dl

// #cgo CFLAGS: -O2 -Wall -Wextra
// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"errors"
	"unsafe"
)

// open loads one file, or a name that the dynamic linker looks for itself.
func open(path string) (unsafe.Pointer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	const size = 1024
	message := (*C.char)(C.calloc(1, size))
	defer C.free(unsafe.Pointer(message))
	handle := C.fp_dl_open(name, message, size)
	if handle == nil {
		return nil, errors.New(C.GoString(message))
	}
	return handle, nil
}

func symbol(handle unsafe.Pointer, name string) unsafe.Pointer {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return C.fp_dl_symbol(handle, text)
}

func file(handle unsafe.Pointer) string { return C.GoString(C.fp_dl_file(handle)) }
