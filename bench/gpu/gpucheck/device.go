package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/frameport/frameport/decoder/nvdec"
)

// deviceResult describes the card.
type deviceResult struct {
	Name              string             `json:"name"`
	UUID              string             `json:"uuid"`
	PCI               string             `json:"pci_bus_id"`
	ComputeCapability string             `json:"compute_capability"`
	ComputeMode       string             `json:"compute_mode"`
	Memory            int64              `json:"memory_bytes"`
	Engines           int                `json:"nvdec_engines"`
	SleepsWaiting     bool               `json:"threads_sleep_waiting"`
	OpenMilliseconds  float64            `json:"open_ms"` // driver, context and kernels
	Counters          *counters          `json:"counters,omitempty"`
	Codecs            []nvdec.Capability `json:"codecs"`
	SMI               string             `json:"nvidia_smi"` // its output, or why there is none
}

// counters are NVML's at rest.
type counters struct {
	GPUPercent, DecoderPercent int
	MemoryUsed, ProcessMemory  int64
	MaxVideoClock              int // MHz
}

func checkDevice(ctx context.Context, b bundle) (result, error) {
	start := time.Now()
	return withLab(b, func(l *lab) (*deviceResult, error) {
		info := l.device.Info()
		r := &deviceResult{
			Name: info.Name, UUID: info.UUID, PCI: info.PCIBusID, ComputeCapability: info.ComputeCapability.String(),
			ComputeMode: info.ComputeMode.String(), Memory: info.TotalMemory, Engines: l.device.Engines(),
			SleepsWaiting: l.device.SleepsWaiting(), OpenMilliseconds: milliseconds(time.Since(start)), SMI: smi(ctx),
		}
		if l.counters != nil {
			s, err := l.counters.Sample(info.UUID)
			if err != nil {
				return r, err
			}
			r.Counters = &counters{s.GPU.Percent, s.Decoder.Percent, s.MemoryUsed.N, s.ProcessMemory.N, s.MaxVideoClock}
		}
		var err error
		r.Codecs, err = nvdec.Capabilities(l.device)
		return r, err
	})
}

// smi asks the driver's own tool, which only reads here.
func smi(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nvidia-smi").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v %s", err, out)
	}
	return string(out)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r *deviceResult) print(w io.Writer) {
	fmt.Fprintf(w, "%s, compute capability %s, compute mode %s, %s\n%d NVDEC engines; driver, context and kernels open in %.0f ms; waiting threads sleep: %v\n",
		r.Name, r.ComputeCapability, r.ComputeMode, mebi(r.Memory), r.Engines, r.OpenMilliseconds, r.SleepsWaiting)
	if c := r.Counters; c != nil {
		fmt.Fprintf(w, "NVML: %s used, %s by this process, video clock up to %d MHz\n", mebi(c.MemoryUsed), mebi(c.ProcessMemory), c.MaxVideoClock)
	}
	for _, c := range r.Codecs {
		if !c.Supported {
			fmt.Fprintf(w, "%-6s %s %2d bit  no\n", c.Codec, c.Chroma, c.Bits)
			continue
		}
		fmt.Fprintf(w, "%-6s %s %2d bit  %d engines, %dx%d to %dx%d, %d macroblocks, 8-bit output %v, 16-bit %v\n",
			c.Codec, c.Chroma, c.Bits, c.Engines, c.MinWidth, c.MinHeight, c.MaxWidth, c.MaxHeight, c.MaxMacroblocks, c.Output8, c.Output16)
	}
	fmt.Fprintf(w, "nvidia-smi: %s\n", r.SMI)
}
