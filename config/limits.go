package config

// Defaults and bounds of [Limits].
const (
	DefaultUnitMemory = ByteSize(512 << 20)
	MinUnitMemory     = ByteSize(32 << 20)
)

// Limits bound what all cameras together may cost, and what one client may.
type Limits struct {
	// UnitMemory bounds the access units that wait to be decoded or are being decoded.
	UnitMemory ByteSize `yaml:"access_unit_memory"`
	// NoRationing decodes all cameras alike, also when decoding can't keep up. Else those
	// that were added last give way.
	NoRationing bool `yaml:"no_rationing"`
	// ClientConnections is how many connections one client may use at a time.
	ClientConnections int `yaml:"client_connections"`
	// ClientStreams is how many streams one client may have open, beside the first one of
	// each camera, and ClientCameraStreams how many of one camera.
	ClientStreams       int `yaml:"client_streams"`
	ClientCameraStreams int `yaml:"client_camera_streams"`
	// ClientChanges is how many cameras one client may add or update in a minute.
	ClientChanges int `yaml:"client_changes"`
}

func (l *Limits) ensureDefaults() {
	if l.UnitMemory == 0 {
		l.UnitMemory = DefaultUnitMemory
	}
}

// MaxClientLimit bounds the limits of one client: more is no limit.
const MaxClientLimit = 1_000_000

func (l Limits) validate(p *Problems) {
	for _, v := range []struct {
		key string
		n   int
	}{
		{"client_connections", l.ClientConnections},
		{"client_streams", l.ClientStreams},
		{"client_camera_streams", l.ClientCameraStreams},
		{"client_changes", l.ClientChanges},
	} {
		if v.n < 0 || v.n > MaxClientLimit {
			p.Add("worker.limits."+v.key, ReasonWorker, "is %d; give 1 to %d, or leave it out for the default", v.n, MaxClientLimit)
		}
	}
	if l.UnitMemory != 0 && l.UnitMemory < MinUnitMemory {
		p.Add("worker.limits.access_unit_memory", ReasonWorker, "is %d bytes; write a unit, such as 512MiB, with %v at least, which is two of the largest access units", l.UnitMemory, MinUnitMemory)
	}
}
