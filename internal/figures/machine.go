package figures

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Machine says where and from what figures are.
type Machine struct {
	Commit string    `json:"commit"`
	CPU    string    `json:"cpu_model"`
	Cores  int       `json:"cores"`
	Go     string    `json:"go_version"`
	Load   string    `json:"load_1m"` // of all that ran on it
	Time   time.Time `json:"time"`
}

// Here looks at this machine, and at the repository of the working folder.
func Here() Machine {
	m := Machine{Commit: "unknown", CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(), Time: time.Now().UTC().Truncate(time.Second)}
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=10").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(out))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m
	}
	for l := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}
