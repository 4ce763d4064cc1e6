package main

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// host is the machine around the GPU.
type host struct {
	CPU        string `json:"cpu"`
	Processors int    `json:"processors"`
	Memory     uint64 `json:"memory_bytes"`
	Kernel     string `json:"kernel"`
}

func readHost() host {
	h := host{CPU: runtime.GOARCH, Processors: runtime.NumCPU(), Kernel: "unknown"}
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		h.Kernel = string(bytes.TrimSpace(raw))
	}
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err == nil {
		h.Memory = info.Totalram * uint64(info.Unit)
	}
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return h
	}
	for l := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			h.CPU = strings.TrimSpace(value)
			break
		}
	}
	return h
}
