package camera

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/frameport/frameport/decoder"
)

// sharing is what readers in other processes want of a camera, and what its decoder
// makes of that.
type sharing struct {
	frames  atomic.Int64 // that they may hold at a time; 0 = nobody wants any
	trouble atomic.Pointer[shareTrouble]
}

// shareTrouble is why a decoder does not share as many frames as it was told to.
type shareTrouble struct {
	err    error
	frames int64
}

var errCannotShare = fmt.Errorf("%w: this decoder's frames can't be shared", decoder.ErrUnsupported)

func (s *sharing) want(frames int) (end func()) {
	if s.frames.Add(int64(frames)) == int64(frames) {
		s.trouble.Store(nil) // what was wrong when somebody wanted it last may be over
	}
	return sync.OnceFunc(func() { s.frames.Add(-int64(frames)) })
}

// err says nothing while more or fewer frames are wanted than the decoder has been told:
// whoever gave frames back because there was no room for them would find that others have
// none.
func (s *sharing) err() error {
	if t := s.trouble.Load(); t != nil && t.frames == s.frames.Load() {
		return t.err
	}
	return nil
}

// tell hands what is wanted now to a decoder that was told had before, and returns it.
func (s *sharing) tell(d decoder.Decoder, had int) int {
	want := int(s.frames.Load())
	if sharer, ok := d.(decoder.Sharer); ok && want != had {
		sharer.Share(want)
	}
	return want
}

// note keeps what the decoder says about it, which was told had.
func (s *sharing) note(d decoder.Decoder, had int) {
	var err error
	if sharer, ok := d.(decoder.Sharer); !ok {
		err = errCannotShare
	} else {
		err = sharer.ShareErr()
	}
	if err == nil {
		s.trouble.Store(nil)
		return
	}
	s.trouble.Store(&shareTrouble{err, int64(had)})
}
