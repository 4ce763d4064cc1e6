package camera

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/media"
)

// fakeSharer is a fake decoder that can share, or could if there was room.
type fakeSharer struct {
	*fakeDecoder
	shares *shares
}

// shares is what the decoders of a test were told, all together.
type shares struct {
	mu   sync.Mutex
	told []int
	err  error
}

func (d *fakeSharer) Share(frames int) {
	d.shares.mu.Lock()
	defer d.shares.mu.Unlock()
	d.shares.told = append(d.shares.told, frames)
}

func (d *fakeSharer) ShareErr() error {
	d.shares.mu.Lock()
	defer d.shares.mu.Unlock()
	return d.shares.err
}

func (s *shares) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// expect checks what the decoders have been told since the last call.
func (s *shares) expect(t *testing.T, want ...int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.told, want) {
		t.Errorf("the decoders were told %v, want %v", s.told, want)
	}
	s.told = nil
}

// newSharingWorld has decoders that share.
func newSharingWorld(t *testing.T) (*world, *shares) {
	s := &shares{}
	var w *world
	w = newWorld(t, func(c *ManagerConfig) {
		c.NewDecoder = func(r DecoderRequest) (decoder.Decoder, error) {
			d, err := w.newDecoder(r)
			if err != nil {
				return nil, err
			}
			return &fakeSharer{d.(*fakeDecoder), s}, nil
		}
	})
	return w.run(), s
}

func (w *world) feed(id string) *Feed {
	w.t.Helper()
	f, err := w.m.Feed(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// What readers want adds up, is told once per change, and ends with each of them once.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSharingWorld(t)
		defer w.stop()
		w.add("a", w.script("h", step{units: -1}), nil)
		feed := w.feed("a")
		after(time.Second)
		s.expect(t)
		first := feed.Share(3)
		after(time.Second)
		s.expect(t, 3)
		second := feed.Share(4)
		after(time.Second)
		s.expect(t, 7)
		first()
		first()
		after(time.Second)
		s.expect(t, 4)
		second()
		after(time.Second)
		s.expect(t, 0)
		feed.Share(1)() // between two units
		after(time.Second)
		s.expect(t)
	})
}

// A decoder that follows another one is told what is wanted, and one that nobody wants
// anything of is told nothing.
func TestShareReplacedDecoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSharingWorld(t)
		defer w.stop()
		broken := make(chan struct{}, 1)
		w.add("a", w.script("h", step{units: -1, change: func(_ int, au *media.AccessUnit) {
			select {
			case <-broken:
				au.Data[0] = doBreak
			default:
			}
		}}), nil)
		feed := w.feed("a")
		end := feed.Share(2)
		after(time.Second)
		s.expect(t, 2)
		broken <- struct{}{}
		after(5 * time.Second)
		if w.made.Load() != 2 {
			t.Fatalf("%d decoders", w.made.Load())
		}
		s.expect(t, 2)
		end()
		after(time.Second)
		s.expect(t, 0)
		broken <- struct{}{}
		after(5 * time.Second)
		s.expect(t)
	})
}

// The reason why there is no region is there as long as it is true and somebody wants one.
func TestShareErr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newSharingWorld(t)
		defer w.stop()
		w.add("a", w.script("h", step{units: -1}), nil)
		feed := w.feed("a")
		s.fail(fmt.Errorf("%w: try again", decoder.ErrExhausted))
		end := feed.Share(1)
		if err := feed.ShareErr(); err != nil {
			t.Errorf("before any picture: %v", err)
		}
		after(time.Second)
		if err := feed.ShareErr(); !errors.Is(err, decoder.ErrExhausted) {
			t.Errorf("%v", err)
		}
		end()
		if err := feed.ShareErr(); err != nil {
			t.Errorf("nobody wants it: %v", err)
		}
		end = feed.Share(1)
		if err := feed.ShareErr(); err != nil {
			t.Errorf("the reason of the time before: %v", err)
		}
		after(time.Second)
		if err := feed.ShareErr(); !errors.Is(err, decoder.ErrExhausted) {
			t.Errorf("%v", err)
		}
		one := feed.Share(1)
		if err := feed.ShareErr(); err != nil {
			t.Errorf("before there was a try for more: %v", err)
		}
		after(time.Second)
		if err := feed.ShareErr(); !errors.Is(err, decoder.ErrExhausted) {
			t.Errorf("for more: %v", err)
		}
		one()
		if err := feed.ShareErr(); err != nil {
			t.Errorf("the reason why there is none for more: %v", err)
		}
		s.fail(nil)
		after(time.Second)
		if err := feed.ShareErr(); err != nil {
			t.Errorf("there is room again: %v", err)
		}
		end()
	})
}

// A camera whose decoder can't share says so, and goes on.
func TestShareUnable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		w.add("a", w.script("h", step{units: -1}), nil)
		feed := w.feed("a")
		defer feed.Share(1)()
		after(time.Second)
		if err := feed.ShareErr(); !errors.Is(err, decoder.ErrUnsupported) {
			t.Errorf("%v", err)
		}
		before := w.get("a").Counters.FramesPublished
		after(time.Second)
		if got := w.get("a").Counters.FramesPublished; got < before+20 {
			t.Errorf("%d frames, a second before %d", got, before)
		}
	})
}
