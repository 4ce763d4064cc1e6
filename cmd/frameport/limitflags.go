package main

import "github.com/frameport/frameport/config"

// limitFlags are the flags about what all cameras together may cost. A flag that was
// given wins over the configuration file.
type limitFlags struct {
	UnitMemory *config.ByteSize `name:"access-unit-memory" env:"FRAMEPORT_ACCESS_UNIT_MEMORY" help:"How much memory the access units of all cameras may take that wait to be decoded. Default: 512MiB." placeholder:"SIZE"`
}

// apply lays the flags over l.
func (f limitFlags) apply(l *config.Limits) {
	if f.UnitMemory != nil {
		l.UnitMemory = *f.UnitMemory
	}
}
