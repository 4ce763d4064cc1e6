package config

// MaxCPUFallback is the largest number that makes sense for GPU.CPUFallback.
const MaxCPUFallback = 65536

// GPU are the settings of the worker that concern GPUs.
type GPU struct {
	// LibraryPath are folders where the driver's libraries are looked for before the
	// system's own places, separated as in PATH.
	LibraryPath string `yaml:"library_path"`
	// MemoryBudget bounds what the worker takes of each GPU's memory; 0 = no limit.
	MemoryBudget ByteSize `yaml:"memory_budget"`
	// MemoryReserve is what stays free on each GPU; nil = 256 MiB.
	MemoryReserve *ByteSize `yaml:"memory_reserve"`
	// CPUFallback is how many cameras the CPU may take over because the GPU can't
	// decode their streams; nil = four per processor.
	CPUFallback *int `yaml:"cpu_fallback"`
}

// Validate reports everything that is wrong with g as a [*Problems].
func (g GPU) Validate() error {
	p := &Problems{}
	g.validate(p)
	return p.ErrorOrNil()
}

func (g GPU) validate(p *Problems) {
	if b := g.MemoryBudget; b != 0 && b < 1<<20 {
		p.Add("worker.gpu.memory_budget", ReasonWorker, "is %d bytes, which no camera fits; write a unit, such as 8GiB, or 0 for no limit", b)
	}
	if n := g.CPUFallback; n != nil && (*n < 0 || *n > MaxCPUFallback) {
		p.Add("worker.gpu.cpu_fallback", ReasonWorker, "is %d; use 0 to %d", *n, MaxCPUFallback)
	}
}
