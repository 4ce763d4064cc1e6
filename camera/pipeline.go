package camera

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
)

const (
	// frameTimeout is how long units may go in without a frame coming out, and
	// frameUnits how many: more than any stream reorders.
	frameTimeout    = 5 * time.Second
	frameUnits      = 20
	intraFrameUnits = 2

	minRecreate = time.Second
	maxRecreate = 30 * time.Second
)

// pipeline is a camera's decoding: one queue, one goroutine, at most one decoder.
// It lives while the decode mode is not NONE and the backend stays the same.
type pipeline struct {
	queue     *queue
	policy    *atomic.Pointer[policy]
	publisher *publisher
	create    func(decoder.Config, *policy) (decoder.Decoder, error)
	health    *health
	totals    *totals
	account   *frame.Account
	refuse    func(*media.Format, *fault.Error) // the stream can't be decoded here
	decoded   func(time.Duration)               // told how long each unit took
	waited    func(time.Duration)               // and how long it waited before
	sharing   *sharing
	expense   *expense
	log       *slog.Logger

	after <-chan struct{} // the pipeline before this one is gone; nil = there is none
	done  chan struct{}   // closed when this one is gone

	busy atomic.Int64 // when the decoder was called, in nanoseconds since base; 0 = it is idle
	base time.Time

	begun atomic.Bool // a decoder has been made

	// of the decode goroutine
	dec      decoder.Decoder
	format   *media.Format // that dec was made for
	output   decoder.Output
	frames   int // that dec was made for
	shared   int // frames that dec was told to share
	skipping bool
	waiting  bool // for a random-access unit, after damage
	idle     struct {
		since time.Time // of the last progress
		units int
	}
	retry struct {
		wait time.Duration
		at   time.Time
	}
	emit   func(*frame.Frame) error
	choose func(time.Duration) bool
}

// run decodes until the queue is stopped or ctx ends, and frees the decoder.
func (p *pipeline) run(ctx context.Context) {
	defer close(p.done)
	if p.after != nil {
		<-p.after // the publisher belongs to one goroutine at a time
	}
	p.emit, p.choose = p.publisher.emit, p.publisher.choose
	p.idle.since = failpoint.Now()
	defer p.discard()
	// A new decoder knows nothing of the pictures that the old one had chosen.
	p.publisher.forget()
	var u unit
	for p.queue.pop(ctx, &u) {
		p.busy.Store(max(int64(time.Since(p.base)), 1))
		p.guarded(ctx, &u)
		p.busy.Store(0)
		p.queue.buffers.put(u.buf)
		u = unit{}
	}
}

// stuck reports whether the decoder has been at one unit for too long. The intake
// asks; a call into a codec library can't be ended from outside.
func (p *pipeline) stuck(now time.Time) bool {
	since := p.busy.Load()
	return since != 0 && now.Sub(p.base)-time.Duration(since) > frameTimeout
}

// guarded keeps a panic of one camera's decoding from ending the process.
func (p *pipeline) guarded(ctx context.Context, u *unit) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("decoder panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			p.fail(errors.New("the decoder panicked: see the log, and report it"))
		}
	}()
	p.step(ctx, u)
}

// step takes one unit.
func (p *pipeline) step(ctx context.Context, u *unit) {
	now := failpoint.Now()
	pol := p.policy.Load()
	p.publisher.interval = pol.interval
	if u.flush {
		p.drain(ctx)
		return
	}
	p.waited(now.Sub(u.Received))
	defer p.totals.handled.Add(workOf(&u.AccessUnit))
	if p.publisher.epoch != u.epoch {
		p.drain(ctx)
		p.publisher.begin(u.epoch)
		p.waiting = true
		p.progressed(now)
	} else if u.gap {
		p.drain(ctx)
		p.waiting = true
	}
	if p.dec != nil && !sameFormat(p.format, u.Format) {
		p.discard()
	}
	if u.paced {
		p.publisher.interval = 0
	}
	before := p.publisher.progress
	switch ready, err := p.ready(pol, u, now); {
	case err != nil:
		p.failed(ctx, u, err)
	case !ready:
		p.totals.decode.Add(1)
	default:
		p.failed(ctx, u, p.decode(ctx, pol, u))
	}
	p.watch(u, before, now)
}

// ready makes sure that there is a decoder which can take u.
func (p *pipeline) ready(pol *policy, u *unit, now time.Time) (bool, error) {
	if p.dec != nil && p.output != pol.output {
		if r, ok := p.dec.(decoder.Resizer); ok {
			r.SetOutput(pol.output)
			p.output = pol.output
		} else if u.RandomAccess {
			p.discard()
		}
	}
	if p.dec != nil && p.frames < pol.frames && u.RandomAccess {
		p.discard() // it may have too few surfaces for the ring
	}
	if (p.dec == nil || p.waiting) && !u.RandomAccess {
		return false, nil
	}
	if p.dec == nil {
		if now.Before(p.retry.at) {
			return false, nil
		}
		dec, err := p.create(decoder.Config{
			Format: *u.Format, Output: pol.output, Limits: decoder.DefaultLimits(),
			Select: p.choose, Account: p.account,
		}, pol)
		if err != nil {
			return false, err
		}
		p.dec, p.format, p.output, p.skipping = dec, u.Format, pol.output, false
		p.frames, p.shared = pol.frames, 0
	}
	p.begun.Store(true)
	p.waiting = false
	p.shared = p.sharing.tell(p.dec, p.shared)
	if skip := pol.mode == config.DecodeSkipNonReference; skip != p.skipping {
		if s, ok := p.dec.(decoder.Skipper); ok {
			s.SkipNonReference(skip)
		}
		p.skipping = skip
	}
	return true, nil
}

func (p *pipeline) decode(ctx context.Context, pol *policy, u *unit) error {
	start, spent := time.Now(), p.spent()
	err := p.dec.Decode(ctx, &u.AccessUnit, p.emit)
	p.decoded(time.Since(start))
	if p.shared > 0 {
		p.sharing.note(p.dec, p.shared)
	}
	if p.expense.note(failpoint.Now(), u.epoch, p.spent()-spent) {
		p.reduced()
	}
	if err != nil || p.dec == nil {
		return err
	}
	if pol.mode == config.DecodeKeyframes || p.expense.reduced() != nil {
		// The next key frame may be a minute away: don't let reordering hold this one.
		return p.dec.Drain(ctx, p.emit)
	}
	return nil
}

// spent is what the decoder has cost so far, if it says so.
func (p *pipeline) spent() time.Duration {
	if m, ok := p.dec.(decoder.Meter); ok {
		return m.Spent()
	}
	return 0
}

// reduced gives up what waits of a stream that is too expensive, and the decoder when
// nothing is to be decoded any more.
func (p *pipeline) reduced() {
	p.totals.policy.Add(uint64(p.queue.skip()))
	if why := p.expense.reduced(); why != nil {
		p.health.degraded(p.publisher.epoch, why)
	}
	if p.expense.quarantined(failpoint.Now()) != nil {
		p.discard()
	}
}

// drain gets out what reordering holds back.
func (p *pipeline) drain(ctx context.Context) {
	if p.dec != nil {
		if err := p.dec.Drain(ctx, p.emit); err != nil && ctx.Err() == nil {
			p.discard()
		}
	}
	p.publisher.forget()
}

// failed judges an error of the decoder; nil is none.
func (p *pipeline) failed(ctx context.Context, u *unit, err error) {
	switch {
	case err == nil, ctx.Err() != nil:
	case errors.Is(err, decoder.ErrTooLarge):
		p.discard()
		p.refuse(u.Format, fault.New(fault.Limit, "decode", err))
	case errors.Is(err, decoder.ErrUnsupported):
		p.discard()
		p.refuse(u.Format, fault.New(fault.Unsupported, "decode", err))
	case errors.Is(err, decoder.ErrExhausted):
		p.totals.decode.Add(1)
		p.failAs(fault.Limit, err)
	case errors.Is(err, decoder.ErrInterrupted):
		p.totals.decode.Add(1)
		p.waiting = true
		p.publisher.forget() // what was chosen is lost with the rest
		p.health.degraded(p.publisher.epoch, fault.New(fault.Decode, "decode", err))
	case errors.Is(err, decoder.ErrCorrupt):
		p.totals.decode.Add(1)
		p.waiting = true
		p.health.degraded(p.publisher.epoch, errDamaged)
	default:
		p.totals.decode.Add(1)
		p.fail(err)
	}
}

// fail gives the decoder up and says when to try another.
func (p *pipeline) fail(err error) { p.failAs(fault.Decode, err) }

func (p *pipeline) failAs(class fault.Class, err error) {
	p.discard()
	p.retry.wait = min(max(2*p.retry.wait, minRecreate), maxRecreate)
	p.retry.at = failpoint.Now().Add(p.retry.wait)
	p.health.degraded(p.publisher.epoch, fault.New(class, "decode", err))
}

// watch is the watchdog on decoded frames.
func (p *pipeline) watch(u *unit, before uint64, now time.Time) {
	if p.publisher.progress != before {
		p.progressed(now)
		p.retry.wait = 0
		return
	}
	limit := frameUnits
	if u.intra {
		limit = intraFrameUnits
	}
	if p.dec == nil && p.retry.wait > 0 {
		p.progressed(now)
		return // its fault is known; the next try has its time, and then waits for a key frame
	}
	p.idle.units++
	if p.idle.units > limit && now.Sub(p.idle.since) > frameTimeout {
		why := errNoFrames
		if p.dec == nil || p.waiting {
			why = errNoKeyFrame
		}
		p.progressed(now) // start over
		p.fail(why)
	}
}

func (p *pipeline) progressed(now time.Time) { p.idle.since, p.idle.units = now, 0 }

// discard closes the decoder, if there is one. A decoder that panics may panic
// again when it is closed.
func (p *pipeline) discard() {
	dec := p.dec
	if dec == nil {
		return
	}
	p.dec, p.format = nil, nil
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("decoder panicked while closing", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	p.publisher.forget()
	if err := dec.Close(); err != nil {
		p.log.Error("decoder did not close cleanly", "error", err)
	}
}
