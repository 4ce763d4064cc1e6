package clock

import (
	"slices"
	"time"
)

const (
	window = 8 // sender reports that are looked at together
	// settled is how many reports must agree after the camera's clock stepped
	// before it is believed again.
	settled = 3
	// stepLimit is how far a report may be off the line of the ones before it.
	// Cameras on slow links are off by tens of milliseconds, a corrected clock by more.
	stepLimit = 500 * time.Millisecond
	// staleAfter is how long the last report serves. driftPPM is the most that
	// camera crystals run apart from true time, in millionths.
	staleAfter = 10 * time.Minute
	driftPPM   = 100

	// ntpToUnix is the seconds from 1900 to 1970; an NTP era has 2^32 of them.
	ntpToUnix = 2208988800
	ntpEra    = 1 << 32
)

// Note: [Clock error]
//
// A report pairs the camera's wall clock with its RTP clock. Their difference is
// the same in every report but for the camera's sloppiness, so its spread over
// the window bounds how wrong one capture time may be on the camera's own clock.
// RTCP does not tell the round-trip time; the spread of the reports' delay (a
// quiet network's shortest delay is in there) stands for the half of it. Drift
// since the last report is added. One report alone bounds nothing: 0, not known.

// reports is the window of sender reports, and what follows from it.
type reports struct {
	rate   int64
	n      int // entries in use
	at     int // next entry to write
	line   [window]time.Duration
	delay  [window]time.Duration
	lastAt time.Time // arrival of the last sane report
	lastEx int64     // its RTP time
	lastNs time.Time // its NTP time

	// ref is the first sane report of the window: line is measured from it.
	refNTP time.Time
	refExt int64

	median   time.Duration
	spread   time.Duration // of line + of delay
	shortest time.Duration // smallest delay
	suspect  int           // reports still to agree after a step
	total    uint64
	rejected uint64
	steps    uint64
}

// forget drops the mapping but keeps the counters.
func (r *reports) forget() {
	*r = reports{rate: r.rate, total: r.total, rejected: r.rejected, steps: r.steps}
}

func (r *reports) add(ntp uint64, ext int64, arrived time.Time) {
	r.total++
	at, ok := ntpTime(ntp, arrived)
	if !ok {
		r.rejected++
		return
	}
	if r.n > 0 && r.hostStepped(arrived) {
		r.forget() // the delays were measured against another time of day
	}
	if r.n > 0 {
		off := at.Sub(r.lastNs) - ticks(ext-r.lastEx, r.rate)
		if off > stepLimit || off < -stepLimit {
			r.steps++
			*r = reports{rate: r.rate, total: r.total, rejected: r.rejected, steps: r.steps, suspect: settled}
		}
	}
	if r.n == 0 {
		r.refNTP, r.refExt = at, ext
	}
	r.line[r.at] = at.Sub(r.refNTP) - ticks(ext-r.refExt, r.rate)
	r.delay[r.at] = arrived.Round(0).Sub(at)
	r.at = (r.at + 1) % window
	r.n = min(r.n+1, window)
	r.lastAt, r.lastEx, r.lastNs = arrived, ext, at
	r.suspect = max(0, r.suspect-1)
	r.evaluate()
}

// hostStepped says whether this machine's time of day was set since the last report: it
// has then gone another way than its monotonic clock.
func (r *reports) hostStepped(arrived time.Time) bool {
	off := arrived.Round(0).Sub(r.lastAt.Round(0)) - arrived.Sub(r.lastAt)
	return off > stepLimit || off < -stepLimit
}

func (r *reports) evaluate() {
	line, delay := r.line, r.delay
	slices.Sort(line[:r.n])
	slices.Sort(delay[:r.n])
	r.median = line[r.n/2]
	r.shortest = delay[0]
	r.spread = line[r.n-1] - line[0] + delay[r.n-1] - delay[0]
}

// capture returns the wall-clock time of RTP time ext, its error bound, and
// false while there is no sane and steady mapping.
func (r *reports) capture(ext int64, now time.Time) (time.Time, time.Duration, bool) {
	age := max(0, now.Sub(r.lastAt))
	if !r.usable() || age > staleAfter {
		return time.Time{}, 0, false
	}
	at := r.refNTP.Add(r.median + ticks(ext-r.refExt, r.rate))
	if !sane(at) {
		return time.Time{}, 0, false
	}
	return at, r.bound(age), true
}

func (r *reports) bound(age time.Duration) time.Duration {
	if r.n < 2 {
		return 0
	}
	return r.spread + age/1e6*driftPPM + ticks(1, r.rate)
}

func (r *reports) usable() bool { return r.n > 0 && r.suspect == 0 }

// ntpTime converts a 64-bit NTP timestamp, whose seconds wrap on 7 February
// 2036. The era is the last one that is not over a year ahead of the local clock:
// cameras are behind, by decades if their battery is empty, but not ahead. So
// zero is 1900, and seconds since 1970 in place of NTP ones are 1954; neither is sane.
func ntpTime(ntp uint64, local time.Time) (time.Time, bool) {
	const year = 365 * 24 * 3600
	seconds := int64(ntp>>32) - ntpToUnix
	nanos := int64((ntp & 0xffffffff) * 1e9 >> 32)
	era := (local.Unix() + year - seconds) / ntpEra
	seconds += ntpEra * max(0, min(1, era))
	at := time.Unix(seconds, nanos).UTC()
	return at, sane(at)
}

// sane reports whether t can be a camera's idea of today.
func sane(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2100 }
