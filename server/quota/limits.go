package quota

import "time"

// Limits are what one client may have.
type Limits struct {
	// Connections is how many connections of one server a client may use at a time.
	Connections int
	// Streams is how many streams a client may have open, beside the first one of each
	// camera. See Note: [One stream per camera].
	Streams int
	// CameraStreams is how many of them may name the same camera.
	CameraStreams int
	// Changes is how many cameras a client may add or update at once, and again within
	// a minute.
	Changes int
}

// Defaults of [Limits].
const (
	DefaultConnections   = 16
	DefaultStreams       = 64
	DefaultCameraStreams = 16
	DefaultChanges       = 120
)

// EnsureDefaults fills what was left open.
func (l *Limits) EnsureDefaults() {
	for _, v := range []struct {
		to *int
		by int
	}{
		{&l.Connections, DefaultConnections},
		{&l.Streams, DefaultStreams},
		{&l.CameraStreams, DefaultCameraStreams},
		{&l.Changes, DefaultChanges},
	} {
		if *v.to == 0 {
			*v.to = v.by
		}
	}
}

const (
	// Places is how many connections a listener has at a time.
	Places = 256
	// waitingPlaces is how many of them may wait for their first call, and hostWaiting
	// how many from one host that is not this machine.
	waitingPlaces = Places / 2
	hostWaiting   = 16
	// reservedPlaces are only for operators: local callers and the role admin.
	reservedPlaces = 16
	// LoginTime is how long a connection may wait for its first call, its handshake
	// included.
	LoginTime = 10 * time.Second
	// ProbeTime is how long it may wait after a call that needs no login: longer than the
	// minute that supervisors leave between two looks, which keep their connection.
	ProbeTime = 75 * time.Second
	// atOnce is how long it takes a client at most that logs in when it has connected.
	atOnce = time.Second
	// logEvery bounds how often refused connections are logged.
	logEvery = time.Second
	// sweepAt is how many accounts there may be before those that owe nothing are
	// looked for.
	sweepAt = 1024
)
