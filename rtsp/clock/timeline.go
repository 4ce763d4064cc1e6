package clock

import (
	"math"
	"time"
)

// step says how a unit's PTS came about.
type step uint8

const (
	followed  step = iota // from the RTP timestamp
	restamped             // from arrival, the RTP timestamp being absurd
	jumped                // a new time line begins
)

// timeline turns 32-bit RTP timestamps into PTS.
type timeline struct {
	rate     int64
	monotone bool

	// The last unit whose RTP timestamp was believed: the timestamp, the same
	// unwrapped to 64 bits, and its arrival.
	known   bool
	last    uint32
	ext     int64
	arrived time.Time

	started bool
	anchor  int64 // ext whose PTS is base
	base    time.Duration
	pts     time.Duration // of the last unit, believed or not
	stamped time.Time     // and its arrival
	stood   bool          // it repeated a timestamp for so long that arrival stood in

	interval time.Duration // smoothed distance of arrivals

	// The candidate for a new time line: outliers that agree with each other.
	agree   int
	candRTP uint32
	candArr time.Time
}

// unwrap places a 32-bit timestamp next to the last believed one.
func (l *timeline) unwrap(rtp uint32) int64 {
	if !l.known {
		l.known, l.last, l.ext = true, rtp, 0
	}
	return l.ext + int64(int32(rtp-l.last))
}

func (l *timeline) next(rtp uint32, arrived time.Time) (time.Duration, step) {
	ext := l.unwrap(rtp)
	if !l.started {
		l.begin(ext, rtp, arrived)
		return 0, followed
	}
	waited := max(0, arrived.Sub(l.arrived))
	gap := max(0, arrived.Sub(l.stamped))
	delta := ticks(ext-l.ext, l.rate)
	l.stamped = arrived
	l.interval += (min(gap, outlier) - l.interval) / 8
	switch {
	case l.absurd(delta, waited):
		return l.outlier(ext, rtp, arrived, gap)
	case delta == 0 && waited > outlier:
		l.agree, l.stood = 0, true
		l.advance(gap)
		return l.pts, restamped
	case delta == 0:
		l.agree = 0
		l.advance(0)
		return l.pts, followed
	}
	pts := sum(l.base, ticks(ext-l.anchor, l.rate))
	if l.stood || l.monotone && pts <= l.pts {
		l.advance(min(gap, max(l.interval, time.Millisecond)))
		pts, l.anchor, l.base = l.pts, ext, l.pts
	}
	l.pts = max(0, pts)
	l.last, l.ext, l.arrived, l.agree, l.stood = rtp, ext, arrived, 0, false
	return l.pts, followed
}

// absurd reports whether RTP time can't have moved by delta while waited passed.
func (l *timeline) absurd(delta, waited time.Duration) bool {
	back := max(minBackwards, min(maxBackwards, 8*l.interval))
	return delta > sum(waited, outlier) || delta < -back
}

// outlier stamps a unit from arrival, or begins a new time line when enough
// units in a row tell the same new time.
func (l *timeline) outlier(ext int64, rtp uint32, arrived time.Time, gap time.Duration) (time.Duration, step) {
	if l.agree > 0 && l.absurd(ticks(int64(int32(rtp-l.candRTP)), l.rate), max(0, arrived.Sub(l.candArr))) {
		l.agree = 0
	}
	l.agree++
	l.candRTP, l.candArr = rtp, arrived
	if l.agree >= persistent {
		l.begin(ext, rtp, arrived)
		return 0, jumped
	}
	l.advance(gap)
	return l.pts, restamped
}

func (l *timeline) begin(ext int64, rtp uint32, arrived time.Time) {
	*l = timeline{
		rate: l.rate, monotone: l.monotone, interval: l.interval,
		known: true, last: rtp, ext: ext, arrived: arrived,
		started: true, anchor: ext, stamped: arrived,
	}
}

// advance moves PTS on by d, and by a microsecond at least.
func (l *timeline) advance(d time.Duration) { l.pts = sum(l.pts, max(time.Microsecond, d)) }

// sum adds without overflow.
func sum(a, b time.Duration) time.Duration {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
