package media

import "time"

// ClockSource says where a capture time comes from.
type ClockSource uint8

// ClockArrival is the worker's clock at the first packet of the access unit;
// ClockRTCP is the camera's clock, carried by RTCP sender reports (RFC 3550, 6.4.1).
const (
	ClockArrival ClockSource = iota
	ClockRTCP
)

// String returns the name put on the wire.
func (s ClockSource) String() string {
	if s == ClockRTCP {
		return "RTCP"
	}
	return "ARRIVAL"
}

// Times are the clocks on one access unit or frame.
type Times struct {
	// PTS is the presentation time since the first unit of the epoch. Frames
	// come out of a decoder with strictly rising PTS within an epoch.
	PTS time.Duration
	// Capture is the best known wall-clock time of the exposure, Source where it
	// comes from, and CaptureError the bound of its error (0 = not known).
	Capture      time.Time
	CaptureError time.Duration
	Source       ClockSource
	// Received is when the last packet of the unit arrived here. It carries the
	// monotonic clock, so differences survive steps of the wall clock.
	Received time.Time
}
