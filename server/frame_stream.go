package server

import (
	"context"
	"errors"
	"io"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/render"
)

// frameStream is one call of WatchFrames or StreamFrames. Its loop runs on the
// call's goroutine and never blocks on anything but its select: rendering and
// writing happen beside it, one of them at a time, so that the loop can note what
// becomes due meanwhile and end the call when it must.
type frameStream struct {
	*Server
	method string
	choice choice
	out    output
	maxFPS float64
	write  func(*frameportv1.Frame) error
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

// rendering is the outcome of one Render.
type rendering struct {
	picture *render.Picture
	err     error
}

// delivery is the frame that is under way.
type delivery struct {
	cameraID string
	info     frame.Info
	skipped  *frameportv1.Skipped
	bytes    int
}

func (st *frameStream) run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	stop := st.cfg.Cameras.Watch(changed)
	defer stop()
	rota := newRota(st.maxFPS)
	defer rota.close()
	if err := st.join(ctx, rota, true); err != nil {
		return err
	}
	var (
		current  *delivery // nil while nothing is under way
		rendered = make(chan rendering, 1)
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
		case current != nil:
			rota.wake(now)
		case st.grants == nil || st.credits > 0:
			if rd, f, skipped := rota.next(now); f != nil {
				current = &delivery{cameraID: rd.id, info: f.Info, skipped: skipped}
				st.background.Go(func() {
					defer f.Release()
					picture, err := st.render(ctx, f)
					rendered <- rendering{picture, err}
				})
			}
		case closed:
			return nil
		default:
			rota.wake(now)
		}
		if at, ok := rota.due(); ok {
			due.Reset(time.Until(at))
		} else {
			due.Stop()
		}

		select {
		case <-rota.published:
			rota.look = true
		case <-due.C:
		case r := <-rendered:
			message, err := st.message(current, r)
			if err != nil {
				return err
			}
			slow.Reset(st.cfg.SlowConsumer)
			st.background.Go(func() { sent <- st.write(message) })
		case err := <-sent:
			if err != nil {
				return err
			}
			slow.Stop()
			st.cfg.Hooks.FrameSent(st.method, current.bytes)
			current = nil
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
			if err := st.join(ctx, rota, false); err != nil {
				return err
			}
		case <-st.stopping:
			return shuttingDown()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// message makes the message of a picture, or the error that ends the stream.
func (st *frameStream) message(d *delivery, r rendering) (*frameportv1.Frame, error) {
	if r.err != nil {
		return nil, r.err
	}
	message := st.out.message(d.cameraID, &d.info, r.picture)
	message.Skipped = d.skipped
	if err := st.out.fits(message); err != nil {
		return nil, err
	}
	d.bytes = len(message.GetData())
	return message, nil
}

// render makes the picture of f. It runs on a goroutine of its own, where gRPC's
// interceptors don't see a panic.
func (st *frameStream) render(ctx context.Context, f *frame.Frame) (picture *render.Picture, err error) {
	defer func() {
		if p := recover(); p != nil {
			picture, err = nil, st.panicked(ctx, st.method, p)
		}
	}()
	return st.out.render(ctx, st.cfg.Renderer, f)
}

// join lets cameras join and leave the stream. Named cameras must exist at first;
// later the stream ends when the last of them is gone.
func (st *frameStream) join(ctx context.Context, rota *rota, first bool) error {
	feeds := map[string]Feed{}
	if st.choice.ids == nil {
		for _, c := range st.chosen(ctx, st.choice) {
			if f, err := st.cfg.Cameras.Feed(c.ID); err == nil { // else it went this moment
				feeds[c.ID] = f
			}
		}
		rota.set(feeds)
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
	rota.set(feeds)
	return nil
}

// stoppedTimer returns a timer that has not fired and will not before it is reset.
func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
