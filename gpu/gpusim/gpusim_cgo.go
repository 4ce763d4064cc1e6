package gpusim

/*
#include <stdint.h>
#include <stdlib.h>

static int64_t fp_call_name(void *f, const char *name) { return ((int64_t (*)(const char *))f)(name); }
static void fp_call_spec(void *f, const char *spec) { ((void (*)(const char *))f)(spec); }
static void fp_call_int(void *f, int v) { ((void (*)(int))f)(v); }
static int64_t fp_call_device(void *f, int v) { return ((int64_t (*)(int))f)(v); }
static int64_t fp_call_text(void *f, char *out, size_t size) { return ((int64_t (*)(char *, size_t))f)(out, size); }
static int64_t fp_call_none(void *f) { return ((int64_t (*)(void))f)(); }
static const char *fp_call_kind(void *f, int k) { return ((const char *(*)(int))f)(k); }
*/
import "C"

import (
	"unsafe"
)

func (s *Sim) callName(symbol, name string) int64 {
	var c *C.char
	if name != "" {
		c = C.CString(name)
		defer C.free(unsafe.Pointer(c))
	}
	return int64(C.fp_call_name(s.symbols[symbol], c))
}

func (s *Sim) callSpec(symbol, spec string) {
	c := C.CString(spec)
	defer C.free(unsafe.Pointer(c))
	C.fp_call_spec(s.symbols[symbol], c)
}

func (s *Sim) callInt(symbol string, v int) { C.fp_call_int(s.symbols[symbol], C.int(v)) }

func (s *Sim) callDevice(symbol string, device int) int64 {
	return int64(C.fp_call_device(s.symbols[symbol], C.int(device)))
}

func (s *Sim) callText(symbol string) (int64, string) {
	var text [512]C.char
	n := C.fp_call_text(s.symbols[symbol], &text[0], C.size_t(len(text)))
	return int64(n), C.GoString(&text[0])
}

func (s *Sim) callNone(symbol string) int64 { return int64(C.fp_call_none(s.symbols[symbol])) }

func (s *Sim) kindName(k int) string {
	name := C.fp_call_kind(s.symbols["fp_gpusim_kind"], C.int(k))
	if name == nil {
		return ""
	}
	return C.GoString(name)
}
