package camera

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/fault"
)

// Note: [Expensive streams]
//
// A picture within all limits can take seconds to decode, and a camera, by fault or on
// purpose, can send nothing else. A stream is decoded by one thread, so it is too much
// when one picture takes a second of a processor, or when all that come in would need more
// than a whole processor for a while. What counts is the time that the decoder says it has
// used, not the time that went by: on a busy machine everything takes long, and that is
// no stream's fault. Of a decoder that can't say ([decoder.Meter]) nothing is judged; on
// a GPU the time of a call is that of other cameras' work as well.
//
// Such a stream is reduced to key frames, one a second at most. When these are too much as
// well, nothing of it is decoded for a time: it is in quarantine, and its attempts end at
// the first picture. After a time more is tried again, and each try that fails makes the
// next wait longer. Another specification forgets all of it.
const (
	// maxPictureCost is what decoding one access unit may take of a processor.
	maxPictureCost = time.Second
	// costWindow is the time over which the load is measured, and costWindows how many of
	// them in a row must be too much: what a network held up comes in a burst.
	costWindow  = 10 * time.Second
	costWindows = 2
	// reducedEvery is the distance of key frames of a reduced stream.
	reducedEvery = time.Second
	// reducedStrikes is how many of them may be too much.
	reducedStrikes = 3

	reducedFor         = time.Minute
	reducedForMost     = 30 * time.Minute
	quarantinedFor     = 10 * time.Minute
	quarantinedForMost = 2 * time.Hour
)

// expense judges what decoding one camera costs. note belongs to the decode goroutine, the
// others to any.
type expense struct {
	offered atomic.Uint64 // access units that were to be decoded
	verdict atomic.Pointer[verdict]

	mu      sync.Mutex
	window  costs
	over    int // windows in a row that were too much
	strikes int
	before  uint64 // sessions up to this one were of another stream
	// The next terms, and when the last one ended: a stream that has been good for as long
	// as its last term is judged like a new one.
	reduceFor, quarantineFor time.Duration
	freed                    time.Time
}

// costs are those of the units since begin.
type costs struct {
	begin   time.Time
	offered uint64
	decoded int
	spent   time.Duration
}

// verdict is what is in force about an expensive stream, until a time. It does not change.
type verdict struct {
	why         *fault.Error
	cost        error // why, without what follows from it
	quarantined bool
	until       time.Time
}

// reduced is why only key frames are decoded; nil = all is.
func (e *expense) reduced() *fault.Error {
	if v := e.verdict.Load(); v != nil {
		return v.why
	}
	return nil
}

// quarantined is why nothing is decoded; nil = something is. When the time is over key
// frames are tried.
func (e *expense) quarantined(now time.Time) *fault.Error {
	v := e.verdict.Load()
	if v == nil || !v.quarantined {
		return nil
	}
	if now.Before(v.until) {
		why := *v.why
		why.RetryAfter = v.until.Sub(now)
		return &why
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.verdict.Load() == v {
		e.reduceLocked(now, v.cost)
	}
	return nil
}

// forget ends whatever is in force and reports whether there was something. Units of
// sessions up to before are of no account any more, which may still be decoded.
func (e *expense) forget(before uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.before = max(e.before, before)
	e.window, e.over, e.strikes = costs{}, 0, 0
	e.reduceFor, e.quarantineFor, e.freed = 0, 0, time.Time{}
	return e.verdict.Swap(nil) != nil
}

// note takes what decoding a unit of a session took, and reports whether the verdict has
// become harder: what waits to be decoded is not wanted any more.
func (e *expense) note(now time.Time, session uint64, spent time.Duration) (harder bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if session <= e.before {
		return false
	}
	v := e.verdict.Load()
	switch {
	case v == nil:
		why := e.tooMuchLocked(now, spent)
		if why != nil {
			e.reduceLocked(now, why)
		}
		return why != nil
	case v.quarantined: // it was under way
		return false
	case spent > maxPictureCost:
		if e.strikes++; e.strikes < reducedStrikes {
			return false
		}
		e.quarantineLocked(now, spent)
		return true
	case !now.Before(v.until):
		e.verdict.Store(nil)
		e.freed, e.window, e.over = now, costs{}, 0
	}
	return false
}

// tooMuchLocked says why the stream is too expensive; nil = it is not.
func (e *expense) tooMuchLocked(now time.Time, spent time.Duration) error {
	if !e.freed.IsZero() && now.Sub(e.freed) > e.reduceFor {
		e.reduceFor, e.quarantineFor, e.freed = 0, 0, time.Time{}
	}
	if spent > maxPictureCost {
		return fmt.Errorf("a picture of this stream took %v of a processor to decode, and %v are allowed", round(spent), maxPictureCost)
	}
	w := &e.window
	if w.begin.IsZero() {
		*w = costs{begin: now, offered: e.offered.Load()}
		return nil
	}
	w.decoded++
	w.spent += spent
	took := now.Sub(w.begin)
	if took < costWindow {
		return nil
	}
	each, rate := w.spent/time.Duration(w.decoded), float64(e.offered.Load()-w.offered)/took.Seconds()
	*w = costs{begin: now, offered: e.offered.Load()}
	load := each.Seconds() * rate
	if load <= 1 {
		e.over = 0
		return nil
	}
	if e.over++; e.over < costWindows {
		return nil
	}
	return fmt.Errorf("this stream needs %.1f processors to be decoded (%.1f pictures a second, %v each), and a stream can have one", load, rate, round(each))
}

func (e *expense) reduceLocked(now time.Time, cost error) {
	e.reduceFor = min(max(2*e.reduceFor, reducedFor), reducedForMost)
	e.verdict.Store(&verdict{
		cost: cost, until: now.Add(e.reduceFor),
		why: fault.New(fault.Limit, "decode", fmt.Errorf(
			"%w: only key frames are decoded, one a second at most, and after a while more is tried; choose a smaller stream of the camera", cost)),
	})
	e.window, e.over, e.strikes, e.freed = costs{}, 0, 0, time.Time{}
}

func (e *expense) quarantineLocked(now time.Time, spent time.Duration) {
	e.quarantineFor = min(max(2*e.quarantineFor, quarantinedFor), quarantinedForMost)
	cost := fmt.Errorf("key frames of this stream take %v of a processor to decode, and %v are allowed", round(spent), maxPictureCost)
	e.verdict.Store(&verdict{
		cost: cost, quarantined: true, until: now.Add(e.quarantineFor),
		why: fault.New(fault.Limit, "decode", fmt.Errorf(
			"%w: nothing of it is decoded for %v; choose a smaller stream of the camera, then update the camera, or remove it and add it again", cost, e.quarantineFor)),
	})
}

// round gives a time three digits, for people.
func round(d time.Duration) time.Duration {
	unit := time.Nanosecond
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}
