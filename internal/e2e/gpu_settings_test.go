//go:build cgo

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/camsim"
)

// What the doctor says of a GPU, and of one that can't be used.
func TestGPUDoctor(t *testing.T) {
	t.Parallel()
	sim, env := newSimulator(t, "ENGINES=3")
	r := command(t, env, "", "doctor")
	if r.status != 0 || r.err != "" {
		t.Errorf("%+v", r)
	}
	contains(t, r.out, "CUDA", "simulated GPU", "with 3 video decoders", "GPU-", "compute capability 9.0", "nvJPEG", "libnvjpeg.so.12",
		"MiB of 16384 MiB free", "context 256 MiB", "driver", "decodes")
	sim.clean(false)

	for _, tc := range []struct {
		name    string
		setting string
		text    []string
	}{
		{"a driver that does not fit", "INIT_ERROR=803", []string{"different versions", "restart the machine"}},
		{"the toolkit's stub", "INIT_ERROR=34", []string{"stub"}},
		{"no device", "DEVICES=0", []string{"the driver sees no GPU"}},
		{"a slice without NVDEC", "ENGINES=0", []string{"no video decoder"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim, env := newSimulator(t, tc.setting)
			r := command(t, env, "", "doctor", "--backend=cuda")
			if r.status != 1 || r.out != "" {
				t.Errorf("%+v", r)
			}
			contains(t, r.err, append(tc.text, "backend not available: CUDA", "--backend auto")...)
			r = command(t, env, "", "doctor")
			if r.status != 0 || r.err != "" {
				t.Errorf("%+v", r)
			}
			contains(t, r.out, append(tc.text, "CPU")...)
			sim.clean(false)

			w := launch(t, env, "--backend=cuda")
			w.exits(1)
			contains(t, w.log.String(), tc.text...)
			w = start(t, env)
			b := w.describe().GetBackend()
			contains(t, b.GetReason(), tc.text...)
			if b.GetKind() != onCPU || len(w.describe().GetDevices()) != 0 {
				t.Errorf("%v", b)
			}
			w.stop()
		})
	}
	// A folder without a driver, on a machine without one.
	t.Run("no driver", func(t *testing.T) {
		r := command(t, nil, "", "doctor", "--backend=cuda")
		if r.status == 0 {
			t.Skip("this machine has a driver")
		}
		contains(t, r.err, "backend not available: CUDA", "libcuda")
	})
	// Without nvJPEG the CPU encodes, and all say so.
	t.Run("no nvJPEG", func(t *testing.T) {
		const why = "the CPU encodes JPEG for "
		sim, env := newSimulator(t, "FAIL=nvjpegCreateSimple:0:7")
		contains(t, command(t, env, "", "doctor").out, why)
		w := start(t, env)
		contains(t, w.log.String(), why)
		contains(t, w.describe().GetBackend().GetNotes()[0], why)
		contains(t, w.device().GetJpegEncoder(), "the CPU: ")
		w.stop()
		sim.clean(false)
	})
}

// Settings of GPUs from the environment and the file reach the worker; a flag wins over
// the environment, and that over the file.
func TestGPUSettings(t *testing.T) {
	t.Parallel()
	path := gputest.LibraryPath(t)
	file := filepath.Join(t.TempDir(), "frameport.yaml")
	text := "worker:\n  gpu:\n    library_path: " + path + "\n    memory_budget: 3GiB\n    memory_reserve: 100MiB\n    cpu_fallback: 0\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	site := NewSite(t, camsim.Config{})
	h := site.Camera("cam", "h264_high10", camsim.Camera{})
	fromEnv := []string{"FRAMEPORT_GPU_MEMORY_BUDGET=2GiB", "FRAMEPORT_GPU_MEMORY_RESERVE=0", "FRAMEPORT_CPU_FALLBACK=1"}
	for _, tc := range []struct {
		name            string
		env, args       []string
		budget, reserve int64
		fallback        bool
	}{
		{"file", nil, nil, 3 << 30, 100 << 20, false},
		{"environment", fromEnv, nil, 2 << 30, 0, true},
		{"flag", fromEnv, []string{"--gpu-memory-budget=1GiB", "--gpu-memory-reserve=64MiB", "--cpu-fallback=0"}, 1 << 30, 64 << 20, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim, env := newSimulator(t)
			w := start(t, append(withoutLibraries(env), append(tc.env, "FRAMEPORT_CONFIG="+file)...), tc.args...)
			d := w.device()
			if d.GetMemoryBudgetBytes() != tc.budget || d.GetMemoryReserveBytes() != tc.reserve {
				t.Errorf("budget %d, reserve %d", d.GetMemoryBudgetBytes(), d.GetMemoryReserveBytes())
			}
			contains(t, d.GetJpegEncoder(), path)
			w.add("cam", over(h.URL())) // which no GPU decodes
			if tc.fallback {
				w.running("cam")
			} else {
				s := w.faulty("cam", frameportv1.FaultClass_FAULT_CLASS_LIMIT).GetStatus()
				contains(t, s.GetFault().GetMessage(), "taken over 0 cameras", "--cpu-fallback")
			}
			w.stop()
			sim.clean(false)
		})
	}
}
