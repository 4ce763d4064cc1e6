package server

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/internal/failpoint"
)

// stream is one call that answers with what is newest of some cameras: frames or
// batches. Its loop runs on the call's goroutine and never blocks on anything but its
// select: making and writing happen beside it, one of them at a time, so that the loop
// can note what becomes due meanwhile and end the call when it must. A stream that asks
// somebody else before it answers goes on making messages while it waits.
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
	// joined, when set, is told of the cameras that are in the stream now.
	joined func(feeds map[string]Feed) error
	// credits is what may still be sent; grants adds to it. A nil grants means a
	// stream without credits.
	credits int
	grants  <-chan grant
	// uncounted means that the client grants no credits, but acks: pick knows whether it
	// can take more.
	uncounted bool
	// ahead, when not 0, is how many messages may wait for their answers; see
	// outgoing.later.
	ahead int
	// asking counts those that wait for an answer.
	asking sync.WaitGroup
	// leases are those of a stream whose messages lie in shared memory; else nil.
	leases *leases
}

// grant is what came from the client: more credits, an ack of a lease, or err (io.EOF
// when it has closed its side).
type grant struct {
	credits int
	ack     bool
	lease   uint64
	err     error
}

// outgoing is a message that is ready to be written.
type outgoing struct {
	write  func() error
	frames int // in it
	bytes  int // of pixels of each of them
	shared int // bytes of the frame that it leases; 0 = it holds frames
	// later, when set, waits for an answer and returns the message, with write. Others
	// are made meanwhile; all are written in the order they were made.
	later func(context.Context) (outgoing, error)
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
		making   bool        // something is being made
		writing  *outgoing   // what is being written
		away     []chan made // what waits for an answer, oldest first
		makings  = make(chan made, 1)
		sent     = make(chan error, 1)
		closed   bool // the client has closed its side
		settling bool

		due, settled, slow = stoppedTimer(), stoppedTimer(), stoppedTimer()
	)
	defer due.Stop()
	defer settled.Stop()
	defer slow.Stop()
	write := func(m outgoing) {
		writing = &m
		slow.Reset(st.cfg.SlowConsumer)
		st.background.Go(func() {
			failpoint.SendBlocks.Wait(ctx.Done(), st.method)
			sent <- m.write()
		})
	}
	for {
		now := failpoint.Now()
		lent := st.expire(now)
		pending := len(away) // messages that will use up credits
		if writing != nil {
			pending++
		}
		busy := making || len(away) >= st.ahead && (st.ahead > 0 || writing != nil)
		switch {
		case busy:
			st.rota.wake(now)
		case st.grants == nil || st.credits > pending || st.uncounted && !closed:
			if work := st.pick(now); work != nil {
				making, busy = true, true
				st.background.Go(func() {
					message, err := st.guarded(ctx, work)
					makings <- made{message, err}
				})
			}
		case closed && !lent && pending == 0: // it may read until its leases are over
			return nil
		default:
			st.rota.wake(now)
		}
		if at, ok := st.next(busy || st.grants != nil && st.credits <= pending); ok {
			due.Reset(time.Until(at))
		} else {
			due.Stop()
		}
		var answered chan made
		if writing == nil && len(away) > 0 {
			answered = away[0]
		}

		select {
		case <-st.rota.published:
			st.rota.look = true
		case <-due.C:
		case m := <-makings:
			if m.err != nil {
				return m.err
			}
			making = false
			switch { // neither: there was nothing to send after all
			case m.message.later != nil:
				answer := make(chan made, 1)
				away = append(away, answer)
				st.asking.Add(1)
				st.background.Go(func() {
					defer st.asking.Done()
					message, err := st.guarded(ctx, m.message.later)
					answer <- made{message, err}
				})
			case m.message.write != nil:
				write(m.message)
			}
		case m := <-answered:
			if m.err != nil {
				return m.err
			}
			away = away[1:]
			write(m.message)
		case err := <-sent:
			if err != nil {
				return err
			}
			slow.Stop()
			for range writing.frames {
				st.cfg.Hooks.FrameSent(st.method, writing.bytes)
			}
			if writing.shared > 0 {
				st.cfg.Hooks.FrameShared(st.method, writing.shared)
			}
			writing = nil // its pixels are free now
			st.credits--
		case <-slow.C:
			return st.slowConsumer(st.method)
		case g := <-st.grants:
			switch {
			case errors.Is(g.err, io.EOF):
				closed, st.grants = true, make(chan grant) // nothing comes any more
			case g.err != nil:
				return g.err
			case g.ack:
				if err := st.acked(g.lease); err != nil {
					return err
				}
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
	sooner := func(other time.Time, also bool) {
		if also && (!ok || other.Before(at)) {
			at, ok = other, true
		}
	}
	sooner(st.rota.due())
	if st.due != nil && !busy {
		sooner(st.due())
	}
	if st.leases != nil {
		sooner(st.leases.next())
	}
	return at, ok
}

// expire ends leases whose time is over; lent says whether any are left.
func (st *stream) expire(now time.Time) (lent bool) {
	if st.leases == nil {
		return false
	}
	if n := st.leases.expire(now); n > 0 {
		st.cfg.Hooks.LeasesExpired(st.method, n)
	}
	_, lent = st.leases.next()
	return lent
}

func (st *stream) acked(id uint64) error {
	if st.leases == nil {
		return unknownLease(id, "this stream has no leases, its batches are in the messages")
	}
	return st.leases.ack(id)
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
		return st.set(feeds)
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
	return st.set(feeds)
}

func (st *stream) set(feeds map[string]Feed) error {
	st.rota.set(feeds)
	if st.joined == nil {
		return nil
	}
	return st.joined(feeds)
}

// stoppedTimer returns a timer that has not fired and will not before it is reset.
func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
