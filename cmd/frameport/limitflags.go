package main

import (
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/server/quota"
	"github.com/frameport/frameport/telemetry"
)

// limitFlags are the flags about what all cameras together, and one client, may cost. A
// flag that was given wins over the configuration file.
type limitFlags struct {
	UnitMemory          *config.ByteSize `name:"access-unit-memory" env:"FRAMEPORT_ACCESS_UNIT_MEMORY" help:"How much memory the access units of all cameras may take that wait to be decoded. Default, also for 0: 512MiB." placeholder:"SIZE"`
	NoRationing         *bool            `name:"no-rationing" env:"FRAMEPORT_NO_RATIONING" help:"Decode all cameras alike when decoding can't keep up, instead of fewer pictures of those that were added last."`
	ClientConnections   *int             `name:"client-connections" env:"FRAMEPORT_CLIENT_CONNECTIONS" help:"How many connections one token, certificate or host may use at a time. Default, also for 0: 16." placeholder:"N"`
	ClientStreams       *int             `name:"client-streams" env:"FRAMEPORT_CLIENT_STREAMS" help:"How many streams one of them may have open, beside the first one of each camera. Default, also for 0: 64." placeholder:"N"`
	ClientCameraStreams *int             `name:"client-camera-streams" env:"FRAMEPORT_CLIENT_CAMERA_STREAMS" help:"How many of these may be of one camera. Default, also for 0: 16." placeholder:"N"`
	ClientChanges       *int             `name:"client-changes" env:"FRAMEPORT_CLIENT_CHANGES" help:"How many cameras one of them may add or update in a minute, unless its role is admin. Default, also for 0: 120." placeholder:"N"`
}

// apply lays the flags over l.
func (f limitFlags) apply(l *config.Limits) {
	if f.UnitMemory != nil {
		l.UnitMemory = *f.UnitMemory
	}
	if f.NoRationing != nil {
		l.NoRationing = *f.NoRationing
	}
	for _, v := range []struct {
		flag *int
		to   *int
	}{
		{f.ClientConnections, &l.ClientConnections},
		{f.ClientStreams, &l.ClientStreams},
		{f.ClientCameraStreams, &l.ClientCameraStreams},
		{f.ClientChanges, &l.ClientChanges},
	} {
		if v.flag != nil {
			*v.to = *v.flag
		}
	}
}

// clientLimits are what one client may have.
func clientLimits(l config.Limits) quota.Limits {
	return quota.Limits{
		Connections: l.ClientConnections, Streams: l.ClientStreams, CameraStreams: l.ClientCameraStreams, Changes: l.ClientChanges,
	}
}

// measureConnections adds metrics of the connections of a server.
func measureConnections(m *telemetry.Metrics, name string, l *quota.Lobby) {
	m.Gauge(name+"_connections", "Connections that are open.", func() float64 { return float64(l.Open()) })
	m.Gauge(name+"_connections_waiting", "Of these, connections on which no call was let in yet.", func() float64 { return float64(l.Waiting()) })
	m.Counter(name+"_connections_refused_total", "Connections that were closed for lack of a place, or because no call was let in on them in time.",
		func() float64 { return float64(l.Refused()) })
}
