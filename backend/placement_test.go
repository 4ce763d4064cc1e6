package backend_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/gpu/nvml"
	"github.com/frameport/frameport/gpu/nvml/nvmltest"
)

// openTwo opens a backend with two GPUs, and returns their UUIDs.
func openTwo(t *testing.T, cfg backend.Config) (*rig, [2]string) {
	t.Helper()
	cfg.Kind = config.BackendCUDA
	r := open(t, cfg)
	devices := r.Devices()
	if len(devices) != 2 {
		t.Fatalf("%d devices", len(devices))
	}
	return r, [2]string{devices[0].Info.UUID, devices[1].Info.UUID}
}

// Cameras are spread; each comes back to its GPU whatever has changed meanwhile, and its
// room is given back once.
func TestSpread(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	r, _ := openTwo(t, backend.Config{})
	var release []func()
	var on []string
	cameras := map[string]int{}
	for i := range 4 {
		release = append(release, r.admit(fmt.Sprint(i), config.Camera{}))
		_, q := r.clip(fmt.Sprint(i), "color_red")
		on = append(on, r.device(q))
		cameras[on[i]]++
	}
	if len(cameras) != 2 || cameras[on[0]] != 2 {
		t.Errorf("cameras are on %v", on)
	}
	// All but one of its GPU leave the other one.
	for i := range 4 {
		if on[i] != on[0] {
			release[i]()
			release[i]()
		}
	}
	_, q := r.clip("0", "color_red")
	if got := r.device(q); got != on[0] {
		t.Errorf("the camera came back to %s, not to %s", got, on[0])
	}
	release = append(release, r.admit("4", config.Camera{}))
	_, q = r.clip("4", "color_red")
	if got := r.device(q); got == on[0] {
		t.Error("the next camera is not on the empty GPU")
	}
	for _, leave := range release {
		leave()
	}
	if r.promised(0) != 0 || r.promised(1) != 0 {
		t.Errorf("%d and %d bytes are still promised", r.promised(0), r.promised(1))
	}
}

// Between GPUs with as many cameras, the one with more memory left is taken.
func TestMoreMemory(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	for _, crowded := range []int{0, 1} {
		r, uuid := openTwo(t, backend.Config{})
		for i := range 2 {
			spec := config.Camera{Device: fmt.Sprint(i)}
			if i == crowded {
				spec.Frame.RingSize = 64
			}
			r.admit(fmt.Sprint(i), spec)
		}
		r.admit("next", config.Camera{})
		_, q := r.clip("next", "color_red")
		if got := r.device(q); got != uuid[1-crowded] {
			t.Errorf("the next camera is on the GPU %s with less memory", got)
		}
		if err := r.Close(); err != nil { // promises end with it
			t.Fatal(err)
		}
	}
}

// Fewer cameras count before more memory.
func TestFewerCameras(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	r, uuid := openTwo(t, backend.Config{})
	r.admit("large", config.Camera{Device: "0", Frame: config.FramePolicy{RingSize: 256}})
	r.admit("a", config.Camera{Device: "1"})
	r.admit("b", config.Camera{Device: "1"})
	r.admit("next", config.Camera{})
	_, q := r.clip("next", "color_red")
	if got := r.device(q); got != uuid[0] {
		t.Error("the next camera is on the GPU with more cameras")
	}
}

// A GPU whose decoders are busy, with others' work perhaps, is the last that is taken.
func TestBusyDecoders(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	r, uuid := openTwo(t, backend.Config{})
	meter := &nvmltest.Meter{}
	before := backend.SetMeter(r.Backend, meter)
	t.Cleanup(func() { backend.SetMeter(r.Backend, before) })
	load := func(percent int, known bool) nvml.Sample {
		return nvml.Sample{Decoder: nvml.Load{Percent: percent, Known: known}}
	}
	meter.Set(uuid[0], load(95, true))
	meter.Set(uuid[1], load(10, true))
	for i := range 3 {
		id := fmt.Sprint(i)
		r.admit(id, config.Camera{})
		_, q := r.clip(id, "color_red")
		if got := r.device(q); got != uuid[1] {
			t.Errorf("camera %s is on the busy GPU", id)
		}
	}
	// One that was not admitted is placed as well, and one that is both busy by number.
	_, q := r.clip("stray", "color_red")
	if got := r.device(q); got != uuid[1] {
		t.Error("a camera without admission is on the busy GPU")
	}
	meter.Set(uuid[1], load(100, true))
	r.admit("busy", config.Camera{})
	_, q = r.clip("busy", "color_red")
	if got := r.device(q); got != uuid[0] {
		t.Error("with both busy, the camera is not on the GPU with less cameras")
	}
	meter.Set(uuid[0], load(100, false)) // it does not tell
	meter.Set(uuid[1], load(100, true))
	for i := range 4 {
		id := fmt.Sprint("unknown", i)
		r.admit(id, config.Camera{})
		_, q = r.clip(id, "color_red")
		if got := r.device(q); got != uuid[0] {
			t.Error("a load that is not known counts as busy")
		}
	}
}

// The simulator's own meter.
func TestBusyByNVML(t *testing.T) {
	if !inChild(t, "DEVICES=2", "DECODER_LOAD=99", "LOAD=3") {
		return
	}
	r, _ := openTwo(t, backend.Config{})
	on := map[string]bool{}
	for i := range 2 {
		id := fmt.Sprint(i)
		r.admit(id, config.Camera{})
		_, q := r.clip(id, "color_red")
		on[r.device(q)] = true
	}
	if len(on) != 2 {
		t.Error("two busy GPUs do not share")
	}
	for _, d := range r.Devices() {
		if d.DecoderLoad != (nvml.Load{Percent: 99, Known: true}) || d.Load.Percent != 3 || d.Driver == "" {
			t.Errorf("device %+v", d)
		}
	}
}

func TestPins(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	r, uuid := openTwo(t, backend.Config{})
	for selector, want := range map[string]string{"0": uuid[0], "1": uuid[1], uuid[0]: uuid[0], strings.ToUpper(uuid[1]): uuid[1]} {
		for i := range 2 {
			id := fmt.Sprint(selector, i)
			r.admit(id, config.Camera{Device: selector})
			_, q := r.clip(id, "color_red")
			q.Device = selector
			if got := r.device(q); got != want {
				t.Errorf("%s is %s, want %s", selector, got, want)
			}
		}
	}
	for _, selector := range []string{"2", "-1", "GPU-none"} {
		_, err := r.Admit("x", config.Camera{Device: selector})
		_, q := r.clip("x", "color_red")
		q.Device = selector
		_, derr := r.NewDecoder(q)
		if !errors.Is(err, camera.ErrBackend) || !errors.Is(derr, decoder.ErrUnsupported) {
			t.Errorf("%s: %v, decoder: %v", selector, err, derr)
		}
		for _, part := range []string{selector, uuid[0], uuid[1], "0 is ", "1 is "} {
			if !strings.Contains(err.Error(), part) || !strings.Contains(derr.Error(), part) {
				t.Errorf("%q is not in: %v", part, err)
			}
		}
	}
}

// A specification that changes moves the camera only where it has to; one that is not
// put in force after all leaves it where it was.
func TestChangedSpecification(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	r, uuid := openTwo(t, backend.Config{})
	where := func(pin string) string {
		t.Helper()
		_, q := r.clip("a", "color_red")
		q.Device = pin
		return r.device(q)
	}
	first := r.admit("a", config.Camera{Device: "0"})
	promise := r.promised(0)
	moved := r.admit("a", config.Camera{Device: "1"})
	if where("1") != uuid[1] || r.promised(0) != promise || r.promised(1) != promise {
		t.Errorf("on %s, promised %d and %d", where("1"), r.promised(0), r.promised(1))
	}
	if where("") != uuid[1] {
		t.Error("what was asked for last does not count")
	}
	moved() // it could not be saved
	if where("") != uuid[0] || r.promised(1) != 0 {
		t.Errorf("on %s after a change that was not made, promised %d", where(""), r.promised(1))
	}
	second := r.admit("a", config.Camera{})
	if r.promised(0) != promise {
		t.Errorf("the same camera is promised %d, not %d", r.promised(0), promise)
	}
	first()
	first()
	if where("") != uuid[0] || r.promised(0) != promise {
		t.Errorf("on %s after a change, promised %d, not %d", where(""), r.promised(0), promise)
	}
	second()
	if r.promised(0) != 0 || r.promised(1) != 0 {
		t.Errorf("%d and %d bytes are still promised", r.promised(0), r.promised(1))
	}
}
