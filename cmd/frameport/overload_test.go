package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/frameport/frameport/config"
)

func TestRationingProcessors(t *testing.T) {
	if n := rationingProcessors(config.Limits{}); n != runtime.GOMAXPROCS(0) {
		t.Errorf("%d by default", n)
	}
	if n := rationingProcessors(config.Limits{NoRationing: true}); n != 0 {
		t.Errorf("%d when off", n)
	}
}

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
