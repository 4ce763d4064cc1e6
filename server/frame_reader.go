package server

import (
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
)

// reader is one camera in one stream of frames: what of it was taken, and when the
// next frame may be.
type reader struct {
	id   string
	ring *frame.Ring
	stop func() // ends the ring's notifications
	// accept, when set, says whether a frame may be taken.
	accept func(*frame.Frame) bool

	taken bool
	last  frame.ID
	// Totals of the camera when last was published; what was missed since is the
	// difference to the next frame's.
	published uint64
	dropped   frame.Drops

	// due is when the next frame may be taken, with max_fps. published at that moment
	// is noted in atDue: frames before it were left out by policy, later ones because
	// the reader was busy.
	due   time.Time
	atDue uint64
	state readerState
	// owed is what counts before the next frame, because the last one came to nothing.
	owed *frameportv1.Skipped
	turn uint64 // the number of the last one; 0 = none yet
	at   int    // index in the heap of resting readers
}

type readerState uint8

const (
	readerIdle    readerState = iota // nothing unseen when last looked
	readerResting                    // must not be looked at before due
	readerReady                      // has an unseen frame, waits for its turn
	readerGone                       // no longer in the stream
)

// unseen returns the newest frame, retained, when it has not been taken.
func (r *reader) unseen() *frame.Frame {
	f := r.ring.Latest()
	if f != nil && (r.taken && !f.After(r.last) || r.accept != nil && !r.accept(f)) {
		f.Release()
		return nil
	}
	return f
}

// take notes f as taken and returns what was missed before it. Every picture of the
// camera is counted exactly once: as a frame that was taken, as one that was
// published but not taken, or as one that was dropped before it became a frame.
func (r *reader) take(f *frame.Frame) *frameportv1.Skipped {
	skipped := &frameportv1.Skipped{}
	if r.owed != nil {
		skipped, r.owed = r.owed, nil
	}
	if r.taken {
		missed := f.Published - r.published - 1
		var early uint64
		// The frame that was the newest when one was due is not early: it was the one
		// to take.
		if r.atDue > r.published+1 {
			early = min(r.atDue-r.published-1, missed)
		}
		dropped := f.Dropped.Sub(r.dropped)
		skipped.Policy += dropped.Policy + early
		skipped.SlowConsumer += missed - early
		skipped.Network += dropped.Network
		skipped.Decode += dropped.Decode
	}
	r.taken, r.last, r.published, r.dropped, r.atDue = true, f.ID, f.Published, f.Dropped, 0
	return skipped
}

// leaveOut notes that nothing was made of the frame for which take returned skipped: it,
// and what was missed before it, count before the next one.
func (r *reader) leaveOut(skipped *frameportv1.Skipped) {
	skipped.Decode++
	r.owed = skipped
}
