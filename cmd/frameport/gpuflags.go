package main

import (
	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

// gpuFlags are the flags about GPUs. A flag that was given wins over the
// configuration file.
type gpuFlags struct {
	GPULibraryPath   *string          `name:"gpu-library-path" env:"FRAMEPORT_GPU_LIBRARY_PATH" help:"Folders where the GPU driver's libraries are looked for first." placeholder:"DIR[:DIR]"`
	GPUMemoryBudget  *config.ByteSize `name:"gpu-memory-budget" env:"FRAMEPORT_GPU_MEMORY_BUDGET" help:"Memory to use of each GPU at most, for example 8GiB; 0 = no limit. Default: 0." placeholder:"SIZE"`
	GPUMemoryReserve *config.ByteSize `name:"gpu-memory-reserve" env:"FRAMEPORT_GPU_MEMORY_RESERVE" help:"Memory to leave free on each GPU. Default: 256MiB." placeholder:"SIZE"`
	CPUFallback      *int             `name:"cpu-fallback" env:"FRAMEPORT_CPU_FALLBACK" help:"How many cameras the CPU may take over because the GPU can't decode their streams. Default: 4 per processor." placeholder:"N"`
}

// apply lays the flags over g.
func (f gpuFlags) apply(g *config.GPU) {
	if f.GPULibraryPath != nil {
		g.LibraryPath = *f.GPULibraryPath
	}
	if f.GPUMemoryBudget != nil {
		g.MemoryBudget = *f.GPUMemoryBudget
	}
	if f.GPUMemoryReserve != nil {
		g.MemoryReserve = f.GPUMemoryReserve
	}
	if f.CPUFallback != nil {
		g.CPUFallback = f.CPUFallback
	}
}

// backendConfig is what the settings mean for the backend, where 0 is the default and
// a negative number means none.
func backendConfig(kind config.BackendKind, g config.GPU, account *frame.Account) backend.Config {
	c := backend.Config{Kind: kind, LibraryPath: g.LibraryPath, MemoryBudget: int64(g.MemoryBudget), Account: account}
	if r := g.MemoryReserve; r != nil {
		if c.MemoryReserve = int64(*r); *r == 0 {
			c.MemoryReserve = -1
		}
	}
	if n := g.CPUFallback; n != nil {
		if c.CPUFallback = *n; *n == 0 {
			c.CPUFallback = -1
		}
	}
	return c
}
