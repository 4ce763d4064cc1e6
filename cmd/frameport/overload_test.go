package main

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestHeapPressure(t *testing.T) {
	old := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(old)
	if p := heapPressure(); p != 0 {
		t.Errorf("%v without a limit", p)
	}
	debug.SetMemoryLimit(1 << 20)
	if p := heapPressure(); p < 1 {
		t.Errorf("%v of a megabyte", p)
	}
	debug.SetMemoryLimit(1 << 50)
	if p := heapPressure(); p <= 0 || p > 0.01 {
		t.Errorf("%v of a petabyte", p)
	}
}
