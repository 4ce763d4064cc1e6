package frame_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// studio makes numbered frames and knows when all are back.
type studio struct {
	account *frame.Account
	pool    *frame.Pool
	next    uint64
}

func newStudio(t *testing.T) *studio {
	s := &studio{account: new(frame.Account)}
	s.pool = frame.NewPool(2, s.account)
	t.Cleanup(func() {
		if err := s.pool.Close(); err != nil {
			t.Error(err)
		}
		if s.account.Frames() != 0 || s.account.Bytes() != 0 {
			t.Errorf("at the end: %d frames, %d bytes", s.account.Frames(), s.account.Bytes())
		}
	})
	return s
}

func (s *studio) publish(r *frame.Ring) frame.ID {
	s.next++
	f := s.pool.Get(media.PixelGray8, 8, 8)
	f.ID = frame.ID{Epoch: 1, Sequence: s.next}
	f.Planes[0].Data[0] = byte(s.next)
	r.Publish(f)
	f.Release()
	return frame.ID{Epoch: 1, Sequence: s.next}
}

func TestRingKeepsTheNewest(t *testing.T) {
	s := newStudio(t)
	r := frame.NewRing(3)
	if r.Latest() != nil {
		t.Error("an empty ring has a frame")
	}
	for range 10 {
		id := s.publish(r)
		f := r.Latest()
		if f.ID != id {
			t.Fatalf("latest is %v, want %v", f.ID, id)
		}
		f.Release()
		if want := int64(min(id.Sequence, 3)); s.account.Frames() != want {
			t.Fatalf("%d frames are kept, want %d", s.account.Frames(), want)
		}
	}
	r.Resize(1)
	if s.account.Frames() != 1 {
		t.Errorf("%d frames are kept after Resize(1)", s.account.Frames())
	}
	r.Resize(5)
	for range 9 {
		s.publish(r)
	}
	if s.account.Frames() != 5 {
		t.Errorf("%d frames are kept after Resize(5)", s.account.Frames())
	}
	r.Resize(-1) // counts as 1
	if s.account.Frames() != 1 {
		t.Errorf("%d frames are kept after Resize(-1)", s.account.Frames())
	}
	r.Close(nil)
}

// TestRingHeldFrame: a reader's frame stays as it is however many follow.
func TestRingHeldFrame(t *testing.T) {
	s := newStudio(t)
	r := frame.NewRing(2)
	id := s.publish(r)
	held := r.Latest()
	for range 20 {
		s.publish(r)
	}
	if held.ID != id || held.Planes[0].Data[0] != byte(id.Sequence) {
		t.Errorf("the held frame became %v", held.ID)
	}
	r.Close(nil)
	held.Release()
}

func TestRingWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		r := frame.NewRing(2)
		got := make(chan frame.ID, 1)
		go func() {
			f, err := r.Wait(t.Context(), frame.ID{Epoch: 1, Sequence: 2})
			if err != nil {
				t.Error(err)
				return
			}
			got <- f.ID
			f.Release()
		}()
		for range 2 { // not newer than what the reader has
			s.publish(r)
			synctest.Wait()
			select {
			case id := <-got:
				t.Fatalf("woken with %v", id)
			default:
			}
		}
		want := s.publish(r)
		if id := <-got; id != want {
			t.Errorf("got %v, want %v", id, want)
		}
		// What is there already is given at once, the newest and not the next.
		s.publish(r)
		newest := s.publish(r)
		f, err := r.Wait(t.Context(), want)
		if err != nil || f.ID != newest {
			t.Fatalf("got %v, %v, want %v", f, err, newest)
		}
		f.Release()
		r.Close(nil)
	})
}

func TestRingWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := frame.NewRing(1)
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 3)
		wait := func(ctx context.Context) {
			_, err := r.Wait(ctx, frame.ID{})
			results <- err
		}
		go wait(ctx)
		synctest.Wait()
		cancel()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go wait(t.Context())
		go wait(t.Context())
		synctest.Wait()
		cause := errors.New("camera removed")
		r.Close(cause)
		for range 2 {
			if err := <-results; !errors.Is(err, frame.ErrClosed) || !errors.Is(err, cause) {
				t.Errorf("closed: %v, want ErrClosed and its cause", err)
			}
		}
		r.Close(errors.New("another")) // the first cause stays
		wait(t.Context())
		if err := <-results; !errors.Is(err, cause) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestRingAfterClose(t *testing.T) {
	s := newStudio(t)
	r := frame.NewRing(4)
	s.publish(r)
	r.Close(nil)
	s.publish(r)
	if r.Latest() != nil {
		t.Error("a closed ring has a frame")
	}
	if _, err := r.Wait(t.Context(), frame.ID{}); !errors.Is(err, frame.ErrClosed) {
		t.Errorf("Wait: %v, want ErrClosed", err)
	}
}

func TestRingWatch(t *testing.T) {
	s := newStudio(t)
	r := frame.NewRing(1)
	a, b := make(chan struct{}, 1), make(chan struct{}, 1)
	stopA := r.Watch(a)
	defer r.Watch(b)()
	s.publish(r)
	s.publish(r) // nobody reads: it must not block
	if len(a) != 1 || len(b) != 1 {
		t.Fatalf("nudges: %d and %d, want one each", len(a), len(b))
	}
	<-a
	<-b
	stopA()
	stopA()
	s.publish(r)
	if len(a) != 0 || len(b) != 1 {
		t.Errorf("after stop: %d and %d nudges, want 0 and 1", len(a), len(b))
	}
	<-b
	r.Close(nil)
	if len(b) != 1 {
		t.Error("Close does not nudge")
	}
}

// TestRingConcurrent: readers of all speeds see rising frames that nobody writes
// to, and all frames come back.
func TestRingConcurrent(t *testing.T) {
	s := newStudio(t)
	r := frame.NewRing(3)
	var readers sync.WaitGroup
	for range 6 {
		readers.Go(func() {
			var last frame.ID
			for {
				f, err := r.Wait(context.Background(), last)
				if err != nil {
					return
				}
				if !f.After(last) {
					t.Errorf("%v after %v", f.ID, last)
				}
				if f.Planes[0].Data[0] != byte(f.Sequence) {
					t.Errorf("frame %v has the pixels of another", f.ID)
				}
				last = f.ID
				f.Release()
			}
		})
	}
	for i := range 3000 {
		s.publish(r)
		if i%500 == 0 {
			r.Resize(1 + i/500)
		}
	}
	r.Close(nil)
	readers.Wait()
}

func TestRingDoesNotAllocate(t *testing.T) {
	s := newStudio(t)
	r := frame.NewRing(4)
	for range 10 {
		s.publish(r)
	}
	// The ring and its four frames are there: only the pool's two idle buffers move.
	if n := testing.AllocsPerRun(100, func() { s.publish(r) }); n != 0 {
		t.Errorf("%v allocations a frame, want 0", n)
	}
	r.Close(nil)
}

func TestReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := frame.NewRing(1)
		stop := r.Watch(make(chan struct{}, 1))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = r.Wait(ctx, frame.ID{})
		}()
		synctest.Wait()
		if n := r.Readers(); n != 2 {
			t.Errorf("%d readers, want a watcher and a waiting call", n)
		}
		stop()
		cancel()
		<-done
		if n := r.Readers(); n != 0 {
			t.Errorf("%d readers after all have gone", n)
		}
	})
}
