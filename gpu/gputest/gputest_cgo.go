package gputest

// #include <stdint.h>
// #include <stdlib.h>
//
// // The simulator's controls (gpu/gpusim), called by address: they are found at run time.
// static int64_t fp_call_text(void *f, const char *text) { return ((int64_t(*)(const char *))f)(text); }
// static void fp_call_set(void *f, const char *text) { ((void (*)(const char *))f)(text); }
// static void fp_call_int(void *f, int n) { ((void (*)(int))f)(n); }
// static const char *fp_call_name(void *f, int n) { return ((const char *(*)(int))f)(n); }
// static int64_t fp_call_take(void *f, char *text, size_t n) { return ((int64_t(*)(char *, size_t))f)(text, n); }
import "C"

import "unsafe"

// callText calls int64_t f(const char *); "" is NULL.
func callText(f unsafe.Pointer, text string) int64 {
	var s *C.char
	if text != "" {
		s = C.CString(text)
		defer C.free(unsafe.Pointer(s))
	}
	return int64(C.fp_call_text(f, s))
}

func callSet(f unsafe.Pointer, text string) {
	s := C.CString(text)
	defer C.free(unsafe.Pointer(s))
	C.fp_call_set(f, s)
}

func callInt(f unsafe.Pointer, n int) { C.fp_call_int(f, C.int(n)) }

func callName(f unsafe.Pointer, n int) string { return C.GoString(C.fp_call_name(f, C.int(n))) }

func callTake(f unsafe.Pointer) (int64, string) {
	const size = 1024
	text := (*C.char)(C.calloc(1, size))
	defer C.free(unsafe.Pointer(text))
	n := C.fp_call_take(f, text, size)
	return int64(n), C.GoString(text)
}
