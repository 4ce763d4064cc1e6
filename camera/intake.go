package camera

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
)

// intake is the sink of a camera's source: it counts, keeps the epochs, applies
// the decode policy and hands on what is to be decoded. Its take runs on the
// source's goroutine, once per access unit, and never waits.
type intake struct {
	policy  *atomic.Pointer[policy]
	totals  *totals
	rate    *meter
	health  *health
	network func() (lost, unfit uint64) // units lost on the way, as the source counts, and for want of memory
	began   func(*media.Format)
	pipe    func(context.Context) *pipeline // the running one, started if need be; nil = none is to run
	refused func(*media.Format) *fault.Error
	// undecoded is why nothing is decoded although it should be; nil = it is
	undecoded func() *fault.Error
	expense   *expense

	// of the attempt
	units  uint64
	format *media.Format
	pacer  pacer
	flood  flood
	key    time.Time // when the last key frame of a reduced stream went on
	thin   bool      // units between key frames were left out
	push   unit      // scratch
	judged time.Time
	unfit  uint64 // units that there was no memory for, as far as it is known

	gop gop
}

// gop measures the distance between random-access units.
type gop struct {
	started bool
	units   int
	pts     time.Duration

	mu       sync.Mutex
	length   int
	duration time.Duration
}

// attempt prepares for a new connection.
func (in *intake) attempt() {
	in.units, in.format = 0, nil
	in.gop.started = false
	in.pacer.reset()
	in.flood.skipping = false
}

// take is the sink. Its error ends the attempt. ctx is the camera's, which
// pipelines run under.
func (in *intake) take(ctx context.Context, au *media.AccessUnit) error {
	now := failpoint.Now()
	p := in.policy.Load()
	in.units++
	in.totals.units.Add(1)
	in.rate.add(now, len(au.Data))
	unfit := in.unfit
	if au.RandomAccess {
		in.totals.keyUnits.Add(1)
		// After a loss the source holds everything back up to a unit like this.
		var lost uint64
		lost, unfit = in.network()
		in.totals.network.Store(lost)
	}
	if in.units == 1 || au.Discontinuity || au.Format != in.format && !sameFormat(au.Format, in.format) {
		in.begin(au)
	}
	in.format = au.Format
	in.gop.add(au)
	if unfit != in.unfit {
		in.unfit = unfit
		in.troubled(errAssembly, now)
	}
	if !p.decodes() {
		in.totals.policy.Add(1)
		in.health.flowing(in.totals.epoch.Load())
		return nil
	}
	if err := in.refusal(au.Format); err != nil {
		return err
	}
	in.decode(ctx, p, au, now)
	return nil
}

// begin starts an epoch.
func (in *intake) begin(au *media.AccessUnit) {
	if in.units == 1 {
		in.totals.sessions.Add(1)
	}
	in.began(au.Format)
	in.health.begin(in.totals.epoch.Add(1))
	in.pacer.reset()
	if au.Discontinuity {
		in.gop.started = false
	}
}

// refusal reports why the stream can't be decoded here.
func (in *intake) refusal(f *media.Format) error {
	l := decoder.DefaultLimits()
	if f.Width > l.MaxWidth || f.Height > l.MaxHeight || f.Width*f.Height > l.MaxPixels {
		return fault.New(fault.Limit, "decode", fmt.Errorf(
			"the camera sends pictures of %d x %d pixels; at most %d x %d and %d million pixels are decoded: choose a smaller stream of the camera",
			f.Width, f.Height, l.MaxWidth, l.MaxHeight, l.MaxPixels/1_000_000))
	}
	if err := in.refused(f); err != nil {
		return err
	}
	return nil
}

// decode applies the policy and hands the unit to the pipeline.
func (in *intake) decode(ctx context.Context, p *policy, au *media.AccessUnit, now time.Time) {
	intra := p.intra(au.Format.Codec)
	switch {
	case p.mode == config.DecodeSkipNonReference && au.NonReference:
		in.totals.policy.Add(1)
		return
	case p.mode == config.DecodeKeyframes && !au.RandomAccess, intra && !in.pacer.take(au.PTS, p.interval):
		in.thin = true
		in.totals.policy.Add(1)
		if p.rationed && (au.RandomAccess || !p.keys) {
			in.troubled(errProcessors, now)
		}
		return
	}
	alone := intra
	if why := in.expense.reduced(); why != nil {
		in.troubled(why, now)
		if !au.RandomAccess || now.Sub(in.key) < reducedEvery {
			in.thin = true
			in.totals.policy.Add(1)
			return
		}
		in.key, alone = now, true
	}
	pipe := in.pipe(ctx)
	if pipe == nil {
		in.totals.policy.Add(1)
		if why := in.undecoded(); why != nil {
			in.troubled(why, now)
		}
		return
	}
	if ok, began := in.flood.take(au.Received, alone, au.RandomAccess); !ok {
		in.totals.policy.Add(1)
		if began {
			pipe.queue.restart()
		}
		in.troubled(errFlood, now)
		return
	}
	in.totals.offered.Add(workOf(au))
	in.expense.offered.Add(1)
	if in.thin && !alone {
		pipe.queue.restart() // what lies between the key frames was never decoded
	}
	in.thin = in.thin && alone
	in.push = unit{AccessUnit: *au, epoch: in.totals.epoch.Load(), intra: alone, paced: intra}
	o := pipe.queue.push(&in.push)
	in.push = unit{}
	in.totals.policy.Add(uint64(o.waiting))
	in.totals.overrun.Add(uint64(o.full))
	in.judge(pipe, o.full > 0, now)
}

// judge reports a decoder that is too slow, once a second at most.
func (in *intake) judge(pipe *pipeline, full bool, now time.Time) {
	if now.Sub(in.judged) < time.Second {
		return
	}
	switch {
	case pipe.stuck(now):
		in.health.degraded(in.totals.epoch.Load(), errStuck)
	case full:
		in.health.degraded(in.totals.epoch.Load(), errTooSlow)
	default:
		return
	}
	in.judged = now
}

// troubled reports what keeps pictures from being decoded, once a second at most.
func (in *intake) troubled(why *fault.Error, now time.Time) {
	if now.Sub(in.judged) >= time.Second {
		in.health.degraded(in.totals.epoch.Load(), why)
		in.judged = now
	}
}

func (g *gop) add(au *media.AccessUnit) {
	if !au.RandomAccess {
		g.units++
		return
	}
	if g.started && au.PTS > g.pts {
		g.mu.Lock()
		g.length, g.duration = g.units+1, au.PTS-g.pts
		g.mu.Unlock()
	}
	g.started, g.units, g.pts = true, 0, au.PTS
}

func (g *gop) measured() (length int, duration time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.length, g.duration
}

// sameFormat compares contents.
func sameFormat(a, b *media.Format) bool {
	if a == b {
		return true
	}
	return a != nil && b != nil && a.Codec == b.Codec && a.Width == b.Width && a.Height == b.Height &&
		a.NoReorder == b.NoReorder && bytes.Equal(a.Parameters, b.Parameters)
}
