package camera

import (
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// ration is how much of a camera is decoded.
type ration uint32

const (
	rationAll  ration = iota // what its policy says
	rationKeys               // key frames, one a second at most
	rationNone
)

// keyWork is what decoding a key frame costs beside another picture of its size.
const keyWork = 2

// workOf is what decoding a unit costs, roughly, in pixels.
func workOf(au *media.AccessUnit) uint64 {
	n := pixelsOf(au.Format)
	if au.RandomAccess && au.Format.Codec != media.CodecMJPEG {
		n *= keyWork
	}
	return n
}

// pixelsOf is a picture's size; one that is not known is taken for an ordinary one.
func pixelsOf(f *media.Format) uint64 {
	if f == nil || f.Width <= 0 || f.Height <= 0 {
		return 1920 * 1080
	}
	return uint64(f.Width) * uint64(f.Height)
}

// at is the policy under a ration. One that asks for no more than a key frame a second is
// what it was.
func (p *policy) at(r ration) *policy {
	keys := p.mode == config.DecodeKeyframes
	if r == rationAll || p.mode == config.DecodeNone || keys && p.interval >= time.Second {
		return p
	}
	less := *p
	less.mode, less.interval = config.DecodeKeyframes, max(p.interval, time.Second)
	less.rationed, less.keys = true, keys
	return &less
}

// setRation puts a ration in force.
func (c *camera) setRation(r ration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := ration(c.ration.Swap(uint32(r)))
	c.policy.Store(policyOf(c.spec).at(r))
	switch {
	case r == rationNone:
		c.retireLocked()
	case r > was:
		// What waits is late, and between key frames it is not wanted any more.
		if p := c.pipe.Load(); p != nil {
			c.totals.overrun.Add(uint64(p.queue.skip()))
		}
	case r == rationAll:
		c.health.relieved(errProcessors)
	}
}

// keyDemand is the work per second that is left of a camera of which key frames are
// decoded.
func (c *camera) keyDemand() float64 {
	c.mu.Lock()
	f := c.format
	c.mu.Unlock()
	work := float64(pixelsOf(f))
	if f != nil && f.Codec == media.CodecMJPEG {
		return work // each picture is one: one a second
	}
	_, distance := c.intake.gop.measured()
	return keyWork * work / max(1, distance.Seconds())
}

// mostDemand is the work per second that decoding can be at a rate of units when all is
// decoded that the specification asks for.
func (c *camera) mostDemand(rate float64) float64 {
	c.mu.Lock()
	f, p := c.format, policyOf(c.spec)
	c.mu.Unlock()
	work := float64(pixelsOf(f))
	if p.interval > 0 && f != nil && p.intra(f.Codec) {
		rate = min(rate, 1/p.interval.Seconds())
	}
	if f != nil && f.Codec == media.CodecMJPEG {
		return work * rate
	}
	keys := rate
	if _, distance := c.intake.gop.measured(); distance > 0 {
		keys = min(rate, 1/distance.Seconds())
	}
	if p.mode == config.DecodeKeyframes {
		return keyWork * work * keys
	}
	return work * (rate + (keyWork-1)*keys)
}

// undecoded is why nothing of the camera is decoded although it should be; nil = it is.
func (c *camera) undecoded() *fault.Error {
	switch {
	case c.unloaded.Load():
		return errOverload
	case ration(c.ration.Load()) == rationNone:
		return errProcessors
	}
	return nil
}

// relieved notes that the cause of a trouble is gone: the camera runs with its next frame.
func (h *health) relieved(err *fault.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fault.Message == err.Error() {
		h.hold = time.Time{}
	}
}

// oldest is when the unit was received that has been waiting for longest; zero = none is.
func (q *queue) oldest() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.n {
		if u := &q.units[(q.head+i)%queueUnits]; !u.flush {
			return u.Received
		}
	}
	return time.Time{}
}

// skip drops everything, and what comes in until the next random-access unit. It returns
// how many pictures were dropped.
func (q *queue) skip() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.overflow = true, false
	return q.dropLocked(q.n)
}

// behind says whether a picture has been waiting for so long to be decoded.
func (q *queue) behind(now time.Time, long time.Duration) bool {
	since := q.oldest()
	return !since.IsZero() && now.Sub(since) >= long
}
