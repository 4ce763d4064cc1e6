package camera

import (
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/rtsp"
)

// snapshot returns the camera as it is now.
func (c *camera) snapshot() Snapshot {
	now := failpoint.Now()
	v := c.health.view()
	last := c.totals.getLast()
	s := Snapshot{
		ID: c.id, AddedTime: c.added, Revision: v.revision, Changes: v.changes,
		State: v.state, StateTime: v.since, Cause: v.cause, Fault: v.fault, LastFault: v.last,
		Width: last.width, Height: last.height, LastFrame: last.received, LastFrameID: last.id,
		UnchangedSince: last.unchanged,
		Epoch:          c.totals.epoch.Load(),
	}
	var bytes float64
	s.ReceivedFPS, bytes = c.units.rates(now)
	s.Bitrate = 8 * bytes
	s.DecodedFPS, _ = c.frames.rates(now)
	s.GOP.Frames, s.GOP.Duration = c.intake.gop.measured()
	s.Readers = c.ring.Readers()
	s.Memory = Memory{Host: c.account.Bytes(), Device: c.tools.deviceMemory(c.id)}
	if p := c.pipe.Load(); p != nil {
		s.Memory.Host += int64(p.queue.held())
	}

	c.mu.Lock()
	s.Spec = c.spec
	s.TLSInsecure = c.spec.TLS.Mode == config.TLSInsecure
	s.Backend, s.Device, s.BackendReason = c.backend.Name, c.backend.Device, c.backend.Reason
	if f := c.format; f != nil {
		s.Codec, s.StreamWidth, s.StreamHeight = f.Codec, f.Width, f.Height
	}
	var stats rtsp.Stats
	if c.source != nil {
		stats = c.source.Stats()
	}
	sum := c.earlier.plus(totalsOf(stats))
	c.mu.Unlock()

	if s.Width == 0 {
		s.Width, s.Height = s.StreamWidth, s.StreamHeight
	}
	s.Transport = stats.Transport
	s.Clock = ClockStatus{stats.Clock.Source, stats.Clock.Offset, stats.Clock.Error}
	s.Counters = c.totals.counters(sum)
	return s
}

// counters returns the figures with those of the sources.
func (t *totals) counters(sum sourceTotals) Counters {
	return Counters{
		AccessUnits:     t.units.Load(),
		KeyFrames:       t.keyUnits.Load(),
		FramesDecoded:   t.decoded.Load(),
		FramesPublished: t.published.Load(),
		FramesCorrupt:   t.corrupt.Load(),
		Dropped:         frame.Drops{Policy: t.policy.Load(), Network: sum.dropped, Decode: t.decode.Load()},
		DroppedQueue:    t.overrun.Load(),
		PacketsReceived: sum.packets,
		PacketsLost:     sum.lost,
		BytesReceived:   sum.bytes,
		ConnectAttempts: t.attempts.Load(),
		Reconnects:      max(t.sessions.Load(), 1) - 1,
	}
}
