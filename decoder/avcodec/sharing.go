package avcodec

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

const (
	// minShare is for how many frames of other processes there is room at least, so that
	// a second reader seldom needs another region.
	minShare = 4
	// usualFrames is what the caller keeps when it does not say.
	usualFrames = 4
	// minRegionWait and maxRegionWait are the pauses before another region after one that
	// could not be made, or was of no use for long.
	minRegionWait = time.Second
	maxRegionWait = 30 * time.Second
)

// Shared counts frames.
type Shared struct {
	// Direct were decoded into a region, Converted were written there by the one
	// conversion that they need anyway: nothing was copied.
	Direct, Converted uint64
	// Unshared lie where no other process can map them: no slot was free when they were
	// decoded, or there was no region for them.
	Unshared uint64
}

var errNoRegions = fmt.Errorf("%w: this worker has no shared memory: choose a folder for it with --shm-dir", decoder.ErrUnsupported)

// sharing decides where a decoder's pictures go. It belongs to the decoder's goroutine.
type sharing struct {
	native  *native
	codec   media.Codec
	folder  *shm.Folder // nil: there can be no regions
	account *frame.Account
	kept    int // frames that the caller keeps
	now     func() time.Time

	frames  int   // that other processes hold; 0 = nothing is shared
	shape   shape // of the picture that was delivered last
	known   bool  // there was one, and the next ones will have the same
	own     int   // pictures that libavcodec keeps
	current *region
	old     []*region // have ended, and pictures are left in them
	err     error     // why there is no region
	wait    time.Duration
	at      time.Time // not before then another region is made
	count   Shared
	total   *decoder.SharedPictures
}

func newSharing(n *native, cfg decoder.Config) *sharing {
	s := &sharing{native: n, codec: cfg.Format.Codec, folder: cfg.Regions, account: cfg.Account, kept: cfg.Frames, total: cfg.Shared, now: time.Now}
	if s.kept == 0 {
		s.kept = usualFrames
	}
	if s.total == nil {
		s.total = &decoder.SharedPictures{}
	}
	return s
}

// want is [decoder.Sharer]'s Share.
func (s *sharing) want(frames int) {
	s.frames = frames
	if frames == 0 {
		s.drop()
		s.err, s.wait, s.at = nil, 0, time.Time{}
		return
	}
	s.ensure()
}

func (s *sharing) trouble() error {
	switch {
	case s.frames == 0 || s.current != nil && s.current.room >= s.frames:
		return nil
	case s.folder == nil:
		return errNoRegions
	default:
		return s.err
	}
}

// room is for how many frames of other processes a region is made: some more than they
// want now, since every region is another one for them to map.
func room(frames int) int { return max(minShare, 1<<bits.Len(uint(frames-1))) }

// slots is how many a region needs so that every picture finds one. What libavcodec
// keeps for reference and reordering may all be different pictures from what the caller
// and other processes keep.
func (s *sharing) slots() int {
	n := room(s.frames) + s.kept + 1 // and one in the works
	if s.shape.direct {
		n += s.own
	}
	return n
}

// ownPictures is how many pictures libavcodec keeps for itself; known is what the
// stream says about that, or 0.
func (s *sharing) ownPictures(known int) int {
	switch s.codec {
	case media.CodecH264: // references, reordered pictures, and the last one to conceal damage with
		if known == 0 {
			known = 4 + 1
		}
		return known + s.native.delay() + 1
	case media.CodecH265: // references and reordered pictures, and one that is bumped out
		if known == 0 {
			known = 6
		}
		return known + 1
	case media.CodecVP8: // three references
		return 3 + 1
	case media.CodecVP9: // eight references, and what motion vectors and segments come from
		return 8 + 2
	default:
		return 0
	}
}

// harmed says, once, that pictures in a region are gone because somebody has shortened
// its file. When references was set, so are some that libavcodec refers to.
func (s *sharing) harmed() (gone, references bool) {
	look := func(r *region) {
		if r.shortened() {
			gone, references = true, references || r.shape.direct
		}
	}
	if s.current != nil {
		look(s.current)
	}
	for _, r := range s.old {
		look(r)
	}
	return gone, references
}

// check is ensure, after a look at the region that there is.
func (s *sharing) check() {
	if s.current != nil {
		if err := s.current.lost(); err != nil {
			s.replaced(err)
		}
	}
	s.ensure()
}

// ensure makes a region for the shape of the last picture when there should be one and
// is none.
func (s *sharing) ensure() {
	if s.frames == 0 || s.folder == nil {
		return
	}
	if s.current != nil && s.current.shape != s.shape {
		s.replaced(nil)
	}
	if !s.known || s.current != nil && s.fits(s.current) || s.now().Before(s.at) {
		return
	}
	l := s.layout()
	r, err := newRegion(s.folder, s.shape, l, s.slots(), s.account)
	if err != nil {
		// A region that is too small is better than none.
		s.err = shareError(err)
		s.later()
		return
	}
	r.room = room(s.frames)
	s.drop()
	s.current, s.err = r, nil
	if s.shape.direct {
		s.native.use(r.slots)
	}
}

// fits says whether the region has room for what is wanted, and not far too much.
func (s *sharing) fits(r *region) bool { return r.room >= s.frames && r.room/4 < room(s.frames) }

func (s *sharing) layout() layout {
	if !s.shape.direct {
		return newLayout(s.shape.width, s.shape.height)
	}
	l := newLayout(s.native.align(s.shape.codedW, s.shape.codedH))
	l.width, l.height = s.shape.codedW, s.shape.codedH
	return l
}

// replaced gives up a region that is of no use any more; why may be nil. A camera whose
// regions don't last, because somebody removes them or because its pictures keep
// changing, has to wait for the next one: they cost memory and time.
func (s *sharing) replaced(why error) {
	if s.current.served >= s.current.Slots {
		s.wait = 0
	}
	s.drop()
	s.err = why
	s.later()
}

func (s *sharing) later() {
	s.at = s.now().Add(s.wait)
	s.wait = min(max(2*s.wait, minRegionWait), maxRegionWait)
}

// drop ends the current region, if there is one.
func (s *sharing) drop() {
	r := s.current
	if r == nil {
		return
	}
	s.native.use(slots{})
	s.current = nil
	if !r.end() {
		s.old = append(s.old, r)
	}
}

// settle closes regions in which libavcodec had the last picture.
func (s *sharing) settle() {
	left := s.old[:0]
	for _, r := range s.old {
		if !r.settle() {
			left = append(left, r)
		}
	}
	clear(s.old[len(left):])
	s.old = left
}

// direct notes a picture that becomes a frame as it is, and where it lies.
func (s *sharing) direct(pic *picture, p pictureInfo, info frame.Info, known int) {
	if s.folder == nil {
		return
	}
	r, slot := s.find(p)
	s.shape = shape{direct: true, codedW: p.codedW, codedH: p.codedH, width: info.Width, height: info.Height, color: info.Color}
	if r != nil { // what libavcodec asked for last may have been for a later picture
		s.shape.codedW, s.shape.codedH = r.shape.codedW, r.shape.codedH
	}
	for i := range s.shape.crop {
		off := p.offset[i]
		if r != nil {
			off -= r.layout.offset[i]
		}
		s.shape.crop[i] = crop{left: int(off % int64(p.pitch[i])), top: int(off / int64(p.pitch[i]))}
	}
	s.known, s.own = true, s.ownPictures(known)
	// A region says once for all where the displayed part of its pictures begins.
	here := r != nil && r.shape == s.shape
	if here {
		r.put(pic, slot)
	}
	s.counted(here, &s.count.Direct)
	s.ensure()
}

// find returns the region that a picture lies in.
func (s *sharing) find(p pictureInfo) (*region, int) {
	if r := s.current; r != nil {
		if slot := r.slotAt(p.start); slot >= 0 {
			return r, slot
		}
	}
	for _, r := range s.old {
		if slot := r.slotAt(p.start); slot >= 0 {
			return r, slot
		}
	}
	return nil, 0
}

// converted says that a picture will be converted, and whether there is a region for it.
func (s *sharing) converted(info frame.Info) bool {
	if s.folder == nil {
		return false
	}
	s.shape = shape{width: info.Width, height: info.Height, color: info.Color}
	s.known = true
	s.check()
	if s.current == nil || s.current.shape != s.shape {
		s.counted(false, nil)
		return false
	}
	return true
}

// take gives pic a slot of the current region to convert a picture into, if one is free.
func (s *sharing) take(pic *picture) (planes [3]frame.Plane, ok bool) {
	r := s.current
	slot := r.slots.take(pic.av)
	s.counted(slot >= 0, &s.count.Converted)
	if slot < 0 {
		return planes, false
	}
	r.put(pic, slot)
	return r.planes(slot), true
}

func (s *sharing) counted(shared bool, how *uint64) {
	switch {
	case s.frames == 0:
	case shared:
		*how++
		s.total.InPlace.Add(1)
	default:
		s.count.Unshared++
		s.total.Elsewhere.Add(1)
	}
}

// shareError says what a region could not be made for.
func shareError(err error) error {
	if errors.Is(err, shm.ErrFull) {
		return noRoomError{err}
	}
	return err
}

// noRoomError is an [decoder.ErrExhausted] of which the decoder does not end.
type noRoomError struct{ err error }

func (e noRoomError) Error() string   { return e.err.Error() }
func (e noRoomError) Unwrap() []error { return []error{decoder.ErrExhausted, e.err} }
