package gpu

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSticky(t *testing.T) {
	sticky := []int{214, 700, 702, 710, 711, 712, 713, 714, 715, 716, 717, 718, 719}
	for code := range 1000 {
		if got := Sticky(code); got != slices.Contains(sticky, code) {
			t.Errorf("Sticky(%d) is %v", code, got)
		}
		err := newError("op", code, "")
		if Sticky(code) && (!errors.Is(err, ErrDeviceLost) || err.Reason == "") {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	all := []error{ErrNoDriver, ErrNoDevice, ErrUnsupported, ErrOutOfMemory, ErrDeviceLost, ErrLeak, ErrClosed}
	for code, want := range map[int]error{
		1: nil, 2: ErrOutOfMemory, 34: ErrNoDriver, 46: ErrNoDevice, 100: ErrNoDevice, 101: ErrNoDevice,
		201: nil, 205: nil, 208: nil, 209: ErrUnsupported, 218: ErrUnsupported, 222: ErrUnsupported,
		719: ErrDeviceLost, 801: ErrUnsupported, 802: ErrNoDriver, 803: ErrNoDriver, 804: ErrNoDriver,
		810: ErrDeviceLost, 999: nil, 12345: nil,
	} {
		err := fmt.Errorf("around: %w", newError("op", code, ""))
		for _, kind := range all {
			if got := errors.Is(err, kind); got != (kind == want) {
				t.Errorf("%d: Is(%v) is %v", code, kind, got)
			}
		}
		if want != nil && newError("op", code, "").Reason == "" && code < 800 {
			t.Errorf("%d has no reason", code)
		}
	}
}

func TestErrorText(t *testing.T) {
	e := newError("cuMemAlloc of 4.0 MiB for ring of gate-3", 2, "")
	const want = "gpu: cuMemAlloc of 4.0 MiB for ring of gate-3: CUDA_ERROR_OUT_OF_MEMORY (2): the GPU has no memory left for this"
	if e.Error() != want {
		t.Errorf("got  %s\nwant %s", e, want)
	}
	if got := newError("op", 4321, "CUDA_ERROR_NEW").Error(); got != "gpu: op: CUDA_ERROR_NEW (4321)" {
		t.Error(got)
	}
	cause := errors.New("cause")
	with := &Error{Op: "load x", Reason: "why", Err: cause}
	if !errors.Is(with, cause) || with.Error() != "gpu: load x: why: cause" {
		t.Error(with)
	}
}

func TestFind(t *testing.T) {
	devices := []DeviceInfo{
		{Ordinal: 0, UUID: "GPU-00000000-0000-0000-0000-000000000001", Name: "One"},
		{Ordinal: 1, UUID: "MIG-00000000-0000-0000-0000-000000000002", Name: "Two"},
	}
	for selector, want := range map[string]int{
		"": 0, "0": 0, "1": 1,
		"GPU-00000000-0000-0000-0000-000000000001": 0,
		"mig-00000000-0000-0000-0000-000000000002": 1,
	} {
		if got, err := find(devices, selector); err != nil || got.Ordinal != want {
			t.Errorf("%q: %v, %v", selector, got, err)
		}
	}
	for _, selector := range []string{"2", "-1", "GPU-", "One"} {
		_, err := find(devices, selector)
		if !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), "1 is MIG-00000000-0000-0000-0000-000000000002 (Two)") {
			t.Errorf("%q: %v", selector, err)
		}
	}
}

func TestFormatUUID(t *testing.T) {
	u := [16]byte{0xb2, 0x1c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	if got := formatUUID(u, "NVIDIA H200"); got != "GPU-b21c0102-0304-0506-0708-090a0b0c0d0e" {
		t.Error(got)
	}
	if got := formatUUID(u, "NVIDIA H200 MIG 1g.18gb"); got != "MIG-b21c0102-0304-0506-0708-090a0b0c0d0e" {
		t.Error(got)
	}
}

func TestDeviceConfig(t *testing.T) {
	c := DeviceConfig{}
	c.EnsureDefaults()
	if c.Reserve != DefaultReserve || c.CallsPerEngine != DefaultCallsPerEngine {
		t.Errorf("got %+v", c)
	}
	c = DeviceConfig{Reserve: -1}
	c.EnsureDefaults()
	if c.Reserve != 0 {
		t.Errorf("reserve %d", c.Reserve)
	}
	err := (&DeviceConfig{Budget: -1, CallsPerEngine: -1}).Validate()
	if err == nil || !strings.Contains(err.Error(), "budget -1") || !strings.Contains(err.Error(), "-1 calls") {
		t.Errorf("got %v", err)
	}
}
