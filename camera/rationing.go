package camera

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/frameport/frameport/config"
)

// Note: [Rationing]
//
// When processors or video engines can't decode all cameras, each one's queue overflows
// now and then, and all are bad alike. It is better that most are good: those that were
// added last give way, first to key frames, one a second at most, and when that is not
// enough they are not decoded.
//
// It is an overload when more cameras are late than there are processors (a camera that
// is too much for one processor is its own trouble, and no other can help it), and less is
// decoded than comes in (else the backlog of a moment is being worked off), for five
// seconds more than not. Seconds in which much less is decoded than before begin the count
// anew: the machine stands still, which passes.
//
// How much can be decoded is what was decoded meanwhile: then everything was busy. So
// cameras give way all at once and no more than need be. They are back as soon as others
// ask for less, and all of them when what is asked for is again about what can be done.
// That the machine has become faster shows in nothing, so now and then a little more is
// tried; each time that was wrong the next try is twice as far away.
const (
	lateAfter     = time.Second
	rationAfter   = 5    // seconds of overload
	rationWindow  = 5    // seconds over which work is compared
	rationLack    = 1.01 // work that comes in by work that is done
	rationStill   = 0.25 // of what is usually done, or less: the machine stands still
	rationSpare   = 0.85 // of what can be done is handed out
	rationRelief  = 0.9  // of what was asked for in the overload is asked for when it has passed
	rationAbout   = 1.1  // of what can be done is then asked for at most
	rationSettle  = 2 * time.Second
	rationSlow    = 16  // seconds in which a lower rate of a camera that gave way is believed
	rationLess    = 0.7 // of what such a camera asked for is less, and not noise
	rationTry     = 1.1
	rationTryWait = 30 * time.Second
	rationTryMost = 10 * time.Minute
	// After two tries that were right the machine has become faster.
	rationTryMore = 1.25
	rationTrySoon = 10 * time.Second
)

// rationing decides who is decoded. It belongs to the manager's guard.
type rationing struct {
	processors int

	last    time.Time
	usual   float64 // work that is done in a second, lately
	score   int     // seconds of overload more than without
	window  []work  // of the last seconds; see note
	budget  float64 // work per second that is handed out; 0 = there is no bound
	can     float64 // work per second that was done in the overload
	asked   float64 // and that was asked for
	changed time.Time
	tried   time.Time // when the budget was raised to see
	right   int       // tries in a row that were right
	wait    time.Duration
}

// work is what came in and what was decoded, in pixels, or in pixels per second.
type work struct{ offered, handled float64 }

// load is what the guard knows of a camera.
type load struct {
	units, offered, handled, overrun uint64
	demand                           float64 // work per second, when all of it is decoded
	rate                             float64 // units that come in a second; rather too many
}

// look brings what is known of the camera up to date, after so many seconds, and returns
// what was new. late says that the camera is.
func (c *camera) look(now time.Time, seconds float64) (w work, late bool) {
	l := &c.load
	units, offered, handled, overrun := c.totals.units.Load(), c.totals.offered.Load(), c.totals.handled.Load(), c.totals.overrun.Load()
	w = work{float64(offered - l.offered), float64(handled - l.handled)}
	// Until its decoder has been made a camera is not late: that takes no processor.
	p := c.pipe.Load()
	late = p != nil && p.begun.Load() && (overrun != l.overrun || p.queue.behind(now, lateAfter))
	if n := float64(units-l.units) / seconds; n > 0 { // while nothing comes it may come back as it was
		l.rate = max(n, l.rate+(n-l.rate)/rationSlow)
	}
	l.units, l.offered, l.handled, l.overrun = units, offered, handled, overrun
	if ration(c.ration.Load()) == rationAll {
		l.demand += (w.offered/seconds - l.demand) / 2
	} else if most := c.mostDemand(l.rate); most < rationLess*l.demand {
		l.demand = most // it has become a smaller stream, or less of it is wanted
	}
	return w, late
}

// tick looks at the cameras, eldest first, and changes their rations if need be. It
// returns how many are decoded less than they should be.
func (r *rationing) tick(now time.Time, cameras []*camera) (short int, change string) {
	var sum work
	late := 0
	// Ticks are late on a machine that is busy, and some are missing.
	seconds := max(now.Sub(r.last).Seconds(), overloadTick.Seconds()/10)
	if r.last.IsZero() {
		seconds = overloadTick.Seconds()
	}
	r.last = now
	for _, c := range cameras {
		w, is := c.look(now, seconds)
		sum.offered += w.offered / seconds
		sum.handled += w.handled / seconds
		if is {
			late++
		}
	}
	r.note(sum)
	all := sumOf(r.window)
	lacking := late > r.processors && len(r.window) == rationWindow && all.offered > rationLack*all.handled
	if lacking {
		r.score++
	} else {
		r.score = max(0, r.score-1)
	}
	switch {
	case r.score >= rationAfter:
		r.can, r.asked = all.handled/rationWindow, demandOf(cameras)
		r.lower(now)
		change = "less is decoded of the cameras that were added last: decoding can't keep up"
		r.apply(cameras, func(have, planned ration) ration { return max(have, planned) })
	case r.budget > 0 && r.score == 0 && late <= r.processors && now.Sub(r.changed) >= rationSettle:
		r.raise(now, demandOf(cameras))
		if r.apply(cameras, func(have, planned ration) ration { return min(have, planned) }) {
			change = "more is decoded again of cameras that had given way"
		}
	}
	if change != "" {
		r.changed, r.score, r.window = now, 0, r.window[:0]
	}
	bound := false
	for _, c := range cameras {
		have := ration(c.ration.Load())
		bound = bound || have != rationAll
		if have == rationNone || have == rationKeys && c.policy.Load().rationed {
			short++
		}
	}
	if !bound {
		r.budget = 0
	}
	return short, change
}

// note keeps what was done in the last second. What the machine did before it stood still
// says nothing of what it can do; neither does a second in which there was little to do.
func (r *rationing) note(second work) {
	still := second.handled <= r.usual*rationStill
	r.usual += (second.handled - r.usual) / rationWindow
	if still {
		r.window, r.score = r.window[:0], 0
		return
	}
	r.window = append(r.window, second)
	r.window = r.window[max(0, len(r.window)-rationWindow):]
}

func sumOf(list []work) (sum work) {
	for _, w := range list {
		sum.offered += w.offered
		sum.handled += w.handled
	}
	return sum
}

// demandOf is what all of the cameras ask for.
func demandOf(cameras []*camera) (sum float64) {
	for _, c := range cameras {
		sum += c.load.demand
	}
	return sum
}

// lower makes the budget what can be decoded, with something to spare.
func (r *rationing) lower(now time.Time) {
	switch {
	case r.wait == 0 || now.Sub(r.tried) > rationTryMost:
		r.wait = rationTryWait
	case r.right > 0: // the last try was wrong
		r.wait = min(2*r.wait, rationTryMost)
	}
	r.budget, r.right, r.tried = max(rationSpare*r.can, 1), 0, now
}

// raise raises the budget when less is asked for, or when it is time to try.
func (r *rationing) raise(now time.Time, asked float64) {
	wait, more := r.wait, rationTry
	if r.right >= 2 {
		wait, more = rationTrySoon, rationTryMore
	}
	switch {
	case asked < rationRelief*r.asked && asked <= rationAbout*r.can:
		r.budget = max(r.budget, asked)
	case now.Sub(r.tried) >= wait:
		r.budget *= more
		r.tried = now
		r.right++
	}
}

// apply plans with the budget and puts in force what choose makes of a ration and the
// planned one. A camera has no more than planned when an elder one lacks something.
func (r *rationing) apply(cameras []*camera, choose func(have, planned ration) ration) (changed bool) {
	planned := r.plan(cameras)
	lacks := false
	for i, c := range cameras {
		have := ration(c.ration.Load())
		next := choose(have, planned[i])
		if lacks {
			next = max(next, planned[i])
		}
		lacks = lacks || next != rationAll
		if next != have {
			c.setRation(next)
			changed = true
		}
	}
	return changed
}

// plan hands the budget out: key frames for as many cameras as it reaches, then all
// pictures, each time the eldest first.
func (r *rationing) plan(cameras []*camera) []ration {
	planned := make([]ration, len(cameras))
	keys := make([]float64, len(cameras))
	left := r.budget
	for i, c := range cameras {
		planned[i] = rationNone
		keys[i] = min(c.keyDemand(), c.load.demand)
		if i > 0 && planned[i-1] == rationNone || keys[i] > left {
			continue
		}
		planned[i] = rationKeys
		left -= keys[i]
	}
	for i, c := range cameras {
		more := c.load.demand - keys[i]
		if planned[i] == rationNone || more > left {
			break
		}
		planned[i] = rationAll
		left -= more
	}
	return planned
}

// decodedCameras are those that something is to be decoded of, the eldest first. The
// others have no ration.
func (m *Manager) decodedCameras() []*camera {
	var found []*camera
	m.mu.Lock()
	for _, e := range m.cameras {
		found = append(found, e.camera)
	}
	m.mu.Unlock()
	found = slices.DeleteFunc(found, func(c *camera) bool {
		idle := !c.policy.Load().decodes()
		if idle && ration(c.ration.Load()) != rationAll {
			c.setRation(rationAll)
		}
		return idle
	})
	slices.SortFunc(found, func(a, b *camera) int {
		return cmp.Or(a.added.Compare(b.added), cmp.Compare(a.id, b.id))
	})
	return found
}

// share has the rationing look at all cameras.
func (m *Manager) share(now time.Time, r *rationing) {
	short, change := r.tick(now, m.decodedCameras())
	m.short.Store(int64(short))
	if change != "" {
		m.log.Warn(change, "cameras", short)
	}
}

// crowded returns an error when a camera with that specification would be decoded less
// than it asks for at once.
func (m *Manager) crowded(spec config.Camera) error {
	if n := m.short.Load(); n > 0 && spec.Decode.Mode != config.DecodeNone {
		return fmt.Errorf("%w: decoding can't keep up, and %d cameras are decoded less than they should be; remove cameras, choose smaller streams, or use decode mode NONE", ErrOverloaded, n)
	}
	return nil
}

// Rationed returns how many cameras are decoded less than they should be, because decoding
// can't keep up with all of them.
func (m *Manager) Rationed() int { return int(m.short.Load()) }
