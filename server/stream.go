package server

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/frameport/frameport/camera"
)

// stream is one call that answers with what is newest of some cameras: frames or
// batches. Its loop runs on the call's goroutine and never blocks on anything but its
// select: making and writing happen beside it, one of them at a time, so that the loop
// can note what becomes due meanwhile and end the call when it must.
type stream struct {
	*Server
	method string
	choice choice
	rota   *rota
	// pick takes what is to be sent next and returns how it is made; nil = nothing is
	// to be sent now. It runs in the loop, make on another goroutine.
	pick func(now time.Time) (make func(context.Context) (outgoing, error))
	// due, when set, is when pick may have something although nothing was published.
	due func() (time.Time, bool)
	// credits is what may still be sent; grants adds to it. A nil grants means a
	// stream without credits.
	credits int
	grants  <-chan grant
}

// grant is what came from the client: more credits, or err (io.EOF when it has
// closed its side).
type grant struct {
	credits int
	err     error
}

// outgoing is a message that is ready to be written.
type outgoing struct {
	write  func() error
	frames int // in it
	bytes  int // of pixels of each of them
}

// made is the outcome of making a message.
type made struct {
	message outgoing
	err     error
}

func (st *stream) run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	stop := st.cfg.Cameras.Watch(changed)
	defer stop()
	defer st.rota.close()
	if err := st.join(ctx, true); err != nil {
		return err
	}
	var (
		busy     bool     // something is being made or written
		writing  outgoing // what is being written
		makings  = make(chan made, 1)
		sent     = make(chan error, 1)
		closed   bool // the client has closed its side
		settling bool

		due, settled, slow = stoppedTimer(), stoppedTimer(), stoppedTimer()
	)
	defer due.Stop()
	defer settled.Stop()
	defer slow.Stop()
	for {
		now := time.Now()
		switch {
		case busy:
			st.rota.wake(now)
		case st.grants == nil || st.credits > 0:
			if work := st.pick(now); work != nil {
				busy = true
				st.background.Go(func() {
					message, err := st.guarded(ctx, work)
					makings <- made{message, err}
				})
			}
		case closed:
			return nil
		default:
			st.rota.wake(now)
		}
		if at, ok := st.next(busy); ok {
			due.Reset(time.Until(at))
		} else {
			due.Stop()
		}

		select {
		case <-st.rota.published:
			st.rota.look = true
		case <-due.C:
		case m := <-makings:
			if m.err != nil {
				return m.err
			}
			if m.message.write == nil { // there was nothing to send after all
				busy = false
				continue
			}
			writing = m.message
			slow.Reset(st.cfg.SlowConsumer)
			st.background.Go(func() { sent <- m.message.write() })
		case err := <-sent:
			if err != nil {
				return err
			}
			slow.Stop()
			for range writing.frames {
				st.cfg.Hooks.FrameSent(st.method, writing.bytes)
			}
			writing = outgoing{} // its pixels are free now
			busy = false
			st.credits--
		case <-slow.C:
			return st.slowConsumer(st.method)
		case g := <-st.grants:
			switch {
			case errors.Is(g.err, io.EOF):
				closed, st.grants = true, make(chan grant) // nothing comes any more
			case g.err != nil:
				return g.err
			case st.credits+g.credits > maxCredits:
				return tooManyCredits(st.credits + g.credits)
			default:
				st.credits += g.credits
			}
		case <-changed:
			if !settling {
				settling = true
				settled.Reset(settle)
			}
		case <-settled.C:
			settling = false
			if err := st.join(ctx, false); err != nil {
				return err
			}
		case <-st.stopping:
			return shuttingDown()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next is when the loop must look again without being told to.
func (st *stream) next(busy bool) (at time.Time, ok bool) {
	at, ok = st.rota.due()
	if st.due == nil || busy {
		return at, ok
	}
	if other, also := st.due(); also && (!ok || other.Before(at)) {
		return other, true
	}
	return at, ok
}

// guarded runs work on a goroutine of its own, where gRPC's interceptors don't see a
// panic.
func (st *stream) guarded(ctx context.Context, work func(context.Context) (outgoing, error)) (message outgoing, err error) {
	defer func() {
		if p := recover(); p != nil {
			message, err = outgoing{}, st.panicked(ctx, st.method, p)
		}
	}()
	return work(ctx)
}

// join lets cameras join and leave the stream. Named cameras must exist at first;
// later the stream ends when the last of them is gone.
func (st *stream) join(ctx context.Context, first bool) error {
	feeds := map[string]Feed{}
	if st.choice.ids == nil {
		for _, c := range st.chosen(ctx, st.choice) {
			if f, err := st.cfg.Cameras.Feed(c.ID); err == nil { // else it went this moment
				feeds[c.ID] = f
			}
		}
		st.rota.set(feeds)
		return nil
	}
	exist, last := 0, ""
	for id := range st.choice.ids {
		last = id
		err := camera.ErrNotFound
		var f Feed
		if st.visible(ctx, id) {
			f, err = st.cfg.Cameras.Feed(id)
		}
		switch {
		case errors.Is(err, camera.ErrNotFound) && first:
			return notFound(id)
		case errors.Is(err, camera.ErrNotFound):
			continue
		case err != nil:
			return err
		}
		exist++
		if st.choice.selector.Empty() || st.choice.matches(id, f.Snapshot().Spec) {
			feeds[id] = f
		}
	}
	if exist == 0 {
		return removed(last)
	}
	st.rota.set(feeds)
	return nil
}

// stoppedTimer returns a timer that has not fired and will not before it is reset.
func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
