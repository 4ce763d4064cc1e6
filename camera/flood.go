package camera

import "time"

// Note: [Floods]
//
// A camera that sends thousands of pictures a second, by fault or on purpose, would take
// the decoders from the others. Beyond a rate that no camera needs, pictures are left out
// before they are decoded: single ones where each stands alone, else all up to a key
// frame, because those between depend on each other.
const (
	floodRate  = 120           // access units that are decoded per second
	floodBurst = 2 * floodRate // after a stall of the network, what was held up comes at once
)

// flood bounds the access units of one camera that go on to be decoded.
type flood struct {
	room     float64 // units that may go on now
	last     time.Time
	skipping bool // until a key frame
}

// take reports whether a unit may go on. began is true when the units from here on up
// to a key frame may not.
func (f *flood) take(now time.Time, intra, randomAccess bool) (ok, began bool) {
	if f.last.IsZero() {
		f.room = floodBurst
	} else {
		f.room = min(f.room+max(now.Sub(f.last).Seconds(), 0)*floodRate, floodBurst)
	}
	f.last = now
	need := 1.0
	if f.skipping {
		if !randomAccess {
			return false, false
		}
		need = floodRate // for a good part of what follows
	}
	if f.room < need {
		began = !f.skipping && !intra
		f.skipping = !intra
		return false, began
	}
	f.skipping = false
	f.room--
	return true, false
}
