package camera

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// errRespecified cancels an attempt whose address, login or transport is out of date.
var errRespecified = errors.New("specification changed")

// tools are what every camera of a manager is built with.
type tools struct {
	newSource    func(config.Camera, *slog.Logger) (Source, error)
	newDecoder   NewDecoder
	newRetry     func() retrier
	decoded      func(time.Duration)
	waited       func(time.Duration)
	deviceMemory func(id string) DeviceMemory
	buffers      *buffers
	changed      func() uint64
}

// camera is one camera's life. Its methods may be called from any goroutine.
type camera struct {
	id      string
	added   time.Time
	log     *slog.Logger
	tools   tools
	ring    *frame.Ring
	account *frame.Account
	health  *health
	totals  totals
	units   meter
	frames  meter
	policy  atomic.Pointer[policy]
	pipe    atomic.Pointer[pipeline]
	refusal atomic.Pointer[refusal]
	sharing sharing
	expense expense
	// unloaded: not decoded for want of memory; see Note: [Overload].
	unloaded atomic.Bool
	ration   atomic.Uint32   // how much is decoded; see Note: [Rationing]
	load     load            // of the manager's guard
	wake     chan struct{}   // has room for one: don't wait for the next attempt
	after    <-chan struct{} // the camera of this id that was removed before is gone; nil = none
	done     chan struct{}   // closed when nothing of the camera runs any more

	// of the supervisor and, while it runs an attempt, the source's goroutine
	intake    intake
	publisher *publisher // of the decode goroutine

	mu       sync.Mutex
	spec     config.Camera
	invalid  error // why spec can't be used; nil = it can
	changes  int   // of the connection's part of spec
	cancel   context.CancelCauseFunc
	attempt  context.CancelCauseFunc // of the running attempt; nil between two
	stopped  error                   // why the camera ends; nil = it goes on
	decoders sync.WaitGroup
	lastDone <-chan struct{} // of the last pipeline
	source   Source
	sourceOf int          // the number of the connection that source is for
	earlier  sourceTotals // of the sources before
	format   *media.Format
	backend  BackendInfo
	release  func() // gives back the room that was found for spec
}

// refusal is a format that can't be decoded, and why.
type refusal struct {
	format *media.Format
	fault  *fault.Error
}

// sourceTotals are the counters of a source that outlive it.
type sourceTotals struct{ packets, lost, bytes, dropped, unfit uint64 }

func totalsOf(s rtsp.Stats) sourceTotals {
	return sourceTotals{s.Packets, s.Depay.PacketsLost, s.Bytes, s.Depay.DroppedUnits, s.Depay.NoMemory}
}

func (t sourceTotals) plus(o sourceTotals) sourceTotals {
	return sourceTotals{t.packets + o.packets, t.lost + o.lost, t.bytes + o.bytes, t.dropped + o.dropped, t.unfit + o.unfit}
}

// newCamera builds a camera; invalid says why its specification can't be used.
func newCamera(id string, spec config.Camera, invalid error, added time.Time, log *slog.Logger, account *frame.Account, t tools) *camera {
	log = log.With("camera", id)
	c := &camera{
		id: id, added: added, log: limitLines(log), tools: t,
		ring: frame.NewRing(ringSize(spec)), account: account.Sub(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		spec: spec, invalid: invalid, release: func() {},
	}
	c.health = newHealth(log, t.changed)
	c.policy.Store(policyOf(spec))
	c.publisher = &publisher{
		ring: c.ring, totals: &c.totals, rate: &c.frames, published: c.health.flowing,
		damaged: func(epoch uint64) { c.health.degraded(epoch, errDamaged) },
	}
	c.intake = intake{
		policy: &c.policy, totals: &c.totals, rate: &c.units, health: c.health,
		network: c.lostUnits, began: c.noteFormat, pipe: c.pipeline, refused: c.refused, undecoded: c.undecoded, expense: &c.expense,
	}
	return c
}

// ringSize keeps one frame at most while nothing is decoded.
func ringSize(spec config.Camera) int {
	if spec.Decode.Mode == config.DecodeNone {
		return 1
	}
	return spec.Frame.RingSize
}

// apply puts a specification in force; release gives back the room that was found
// for it.
func (c *camera) apply(spec config.Camera, release func()) {
	c.mu.Lock()
	old := c.spec
	leave := c.release
	c.release = release
	reconnect := c.invalid != nil || !old.SameConnection(spec)
	c.spec, c.invalid = spec, nil
	before, p := c.policy.Load(), policyOf(spec).at(ration(c.ration.Load()))
	c.policy.Store(p)
	if reconnect {
		c.changes++
		if c.attempt != nil {
			c.attempt(errRespecified)
		}
	}
	if !p.decodes() || !p.sameDecoder(before) {
		c.retireLocked()
	}
	c.mu.Unlock()
	leave()
	if !c.unloaded.Load() {
		c.ring.Resize(ringSize(spec))
	}
	c.refusal.Store(nil)
	other := uint64(0) // sessions of another stream
	if reconnect {
		other = c.totals.epoch.Load()
	}
	pardoned := c.expense.forget(other)
	c.health.touch()
	// A stream that can't be decoded may be waiting for just this policy; what else
	// is wrong does not change with it.
	class := c.health.view().fault.Class
	undecoded := class == fault.Unsupported || class == fault.Limit || class == fault.Decode
	if reconnect || pardoned || undecoded && *p != *before {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// specification returns what is in force, with the number of its connection.
func (c *camera) specification() (spec config.Camera, changes int, invalid error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spec, c.changes, c.invalid
}

// retireLocked ends the running pipeline. c.mu is held.
func (c *camera) retireLocked() {
	if p := c.pipe.Swap(nil); p != nil {
		p.queue.stop()
		c.lastDone = p.done
		c.backend = BackendInfo{}
	}
}

// pipeline returns the running one; the intake starts it with the first unit that
// is to be decoded. ctx is the camera's, not an attempt's.
func (c *camera) pipeline(ctx context.Context) *pipeline {
	if p := c.pipe.Load(); p != nil {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped != nil || !c.policy.Load().decodes() || c.undecoded() != nil {
		return nil
	}
	p := &pipeline{
		queue: newQueue(c.tools.buffers, c.shed), policy: &c.policy, publisher: c.publisher,
		health: c.health, totals: &c.totals, account: c.account, log: c.log,
		refuse: c.refuse, after: c.lastDone, done: make(chan struct{}), base: time.Now(),
		decoded: c.tools.decoded, waited: c.tools.waited, sharing: &c.sharing, expense: &c.expense,
	}
	p.queue.camera = c.id
	p.create = func(cfg decoder.Config, pol *policy) (decoder.Decoder, error) { return c.create(p, cfg, pol) }
	c.pipe.Store(p)
	c.decoders.Go(func() { p.run(ctx) })
	return p
}

// create makes a decoder for p and notes what it is.
func (c *camera) create(p *pipeline, cfg decoder.Config, pol *policy) (decoder.Decoder, error) {
	cfg.Camera, cfg.Frames = c.id, pol.frames
	return c.tools.newDecoder(DecoderRequest{
		Config: cfg, Backend: pol.backend, Device: pol.device,
		Chosen: func(info BackendInfo) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.pipe.Load() == p {
				c.backend = info
			}
		},
	})
}

// shed notes that n units went because all cameras together hold too much.
func (c *camera) shed(n int) {
	c.totals.overrun.Add(uint64(n))
	c.health.degraded(c.totals.epoch.Load(), errUnitMemory)
}

// refuse notes that f can't be decoded; the next unit ends the attempt with it.
func (c *camera) refuse(f *media.Format, err *fault.Error) { c.refusal.Store(&refusal{f, err}) }

func (c *camera) refused(f *media.Format) *fault.Error {
	if why := c.expense.quarantined(failpoint.Now()); why != nil {
		return why
	}
	if r := c.refusal.Load(); r != nil && sameFormat(r.format, f) {
		return r.fault
	}
	return nil
}

// noteFormat keeps the stream's format for snapshots.
func (c *camera) noteFormat(f *media.Format) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.format = f
}

// lostUnits returns how many units were lost on the way, over all sources, and how many
// of them because there was no memory for them.
func (c *camera) lostUnits() (lost, unfit uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.earlier
	if c.source != nil {
		sum = sum.plus(totalsOf(c.source.Stats()))
	}
	return sum.dropped, sum.unfit
}
