package clock

import (
	"time"

	"github.com/frameport/frameport/media"
)

// Quality says how good the camera's wall clock is.
type Quality uint8

// QualityNone: no usable sender report yet. QualityStepping: the clock jumped
// and has not settled. QualityGood: capture times come from it.
const (
	QualityNone Quality = iota
	QualityStepping
	QualityGood
)

// String returns the name used in logs and metrics.
func (q Quality) String() string {
	switch q {
	case QualityStepping:
		return "stepping"
	case QualityGood:
		return "good"
	default:
		return "none"
	}
}

// Status is what a [Clock] knows about the camera's wall clock.
type Status struct {
	// Source is where capture times come from as things stand.
	Source  media.ClockSource
	Quality Quality
	// Offset is the camera's clock minus ours, as far as the shortest delay of a
	// report tells; 0 while Source is arrival.
	Offset time.Duration
	// Error bounds what capture times may be off by; 0 = not known.
	Error time.Duration
	// Reports counts sender reports, Rejected the absurd ones among them, Steps
	// the jumps of the camera's clock.
	Reports, Rejected, Steps uint64
}

func (r *reports) status() Status {
	s := Status{Reports: r.total, Rejected: r.rejected, Steps: r.steps}
	switch {
	case r.usable():
		s.Source, s.Quality = media.ClockRTCP, QualityGood
		s.Offset, s.Error = -r.shortest, r.bound(0)
	case r.n > 0:
		s.Quality = QualityStepping
	}
	return s
}
