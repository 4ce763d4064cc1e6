package config

import (
	"path/filepath"
	"time"
)

// Defaults and bounds of the settings of shared memory.
const (
	// SharedMemoryOff as a folder means that there is no shared memory.
	SharedMemoryOff          = "off"
	DefaultSharedMemoryLimit = ByteSize(1 << 30)
	MinSharedMemoryLimit     = ByteSize(1 << 20)
	DefaultLease             = 2 * time.Second
	MinLease                 = 10 * time.Millisecond
	MaxLease                 = 60 * time.Second
)

// SharedMemory are the settings of the worker that concern memory which clients on the
// same machine map.
type SharedMemory struct {
	// Dir is the worker's own folder for it; empty = frameport-PID in /dev/shm, "off" = no
	// shared memory.
	Dir string `yaml:"dir"`
	// Limit bounds what it has in all.
	Limit ByteSize `yaml:"limit"`
	// Lease is how long a client may read what it was lent.
	Lease time.Duration `yaml:"lease"`
	// Remote offers it to clients that come from other addresses than this machine's
	// loopback, too.
	Remote bool `yaml:"remote"`
}

func (s *SharedMemory) ensureDefaults() {
	if s.Limit == 0 {
		s.Limit = DefaultSharedMemoryLimit
	}
	if s.Lease == 0 {
		s.Lease = DefaultLease
	}
}

func (s SharedMemory) validate(p *Problems) {
	if s.Dir != "" && s.Dir != SharedMemoryOff && !filepath.IsAbs(s.Dir) {
		p.Add("worker.shared_memory.dir", ReasonWorker, "is %.120q; give the whole path of a folder, or off", s.Dir)
	}
	if s.Limit != 0 && s.Limit < MinSharedMemoryLimit {
		p.Add("worker.shared_memory.limit", ReasonWorker, "is %d bytes; write a unit, such as 512MiB, with %v at least", s.Limit, MinSharedMemoryLimit)
	}
	if s.Lease != 0 && (s.Lease < MinLease || s.Lease > MaxLease) {
		p.Add("worker.shared_memory.lease", ReasonWorker, "is %v; use %v to %v, such as 2s", s.Lease, MinLease, MaxLease)
	}
}
