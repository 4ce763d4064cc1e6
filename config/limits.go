package config

// Defaults and bounds of [Limits].
const (
	DefaultUnitMemory = ByteSize(512 << 20)
	MinUnitMemory     = ByteSize(32 << 20)
)

// Limits bound what all cameras together may cost.
type Limits struct {
	// UnitMemory bounds the access units that wait to be decoded or are being decoded.
	UnitMemory ByteSize `yaml:"access_unit_memory"`
}

func (l *Limits) ensureDefaults() {
	if l.UnitMemory == 0 {
		l.UnitMemory = DefaultUnitMemory
	}
}

func (l Limits) validate(p *Problems) {
	if l.UnitMemory != 0 && l.UnitMemory < MinUnitMemory {
		p.Add("worker.limits.access_unit_memory", ReasonWorker, "is %d bytes; write a unit, such as 512MiB, with %v at least, which is two of the largest access units", l.UnitMemory, MinUnitMemory)
	}
}
