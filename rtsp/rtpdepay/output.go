package rtpdepay

import (
	"time"

	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/clock"
)

// output gives units their times, counts them and hands them over.
type output struct {
	clock *clock.Clock
	stats *counters
	emit  func(*media.AccessUnit) error

	// au is handed over again and again.
	au            media.AccessUnit
	discontinuity bool
	sent          bool

	gop    uint64 // units since the last random-access point
	gopPTS time.Duration
	gopOn  bool
}

// restart notes that the stream begins anew from another source.
func (o *output) restart() {
	o.clock.Reset()
	o.discontinuity = o.sent
	o.gopOn = false
}

// send delivers a unit, whose times it fills in.
func (o *output) send(au *media.AccessUnit, ts uint32, first, last time.Time) error {
	times, jump := o.clock.Times(ts, first)
	times.Received = last
	o.au = *au
	o.au.Times = times
	o.au.Discontinuity = o.discontinuity || jump
	o.discontinuity, o.sent = false, true
	o.count(jump)
	return o.emit(&o.au)
}

func (o *output) count(jump bool) {
	o.stats.accessUnits.Add(1)
	if jump {
		o.gopOn = false
	}
	if o.au.RandomAccess {
		o.stats.randomAccess.Add(1)
		if o.gopOn {
			o.stats.gopUnits.Store(o.gop)
			o.stats.gopDuration.Store(int64(o.au.PTS - o.gopPTS))
		}
		o.gop, o.gopPTS, o.gopOn = 0, o.au.PTS, true
	}
	o.gop++
}
