package rtsp

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/clock"
	"github.com/frameport/frameport/rtsp/rtpdepay"
)

type clockPointer = atomic.Pointer[clock.Clock]

// maxGap bounds the distance of units that is believed, so that no camera can
// switch the watchdogs off.
const maxGap = time.Minute

// receiver returns the callback for the packets of one payload type. The library
// calls it on the one goroutine that reads the media.
func (a *attempt) receiver(f *videoFormat) func(*rtp.Packet) {
	return func(pkt *rtp.Packet) {
		defer a.survive()
		if a.over.Load() {
			return
		}
		now := failpoint.Now()
		if a.lastRTP.Swap(max(1, int64(now.Sub(a.begun)))) == 0 {
			a.src.remember(a.protocol)
		}
		a.src.state.packets.Add(1)
		a.src.state.bytes.Add(uint64(len(pkt.Payload)))
		stream := a.stream.Load()
		if stream == nil {
			if stream = a.open(f); stream == nil {
				return
			}
		}
		if a.format != f {
			// the payload type that came first is the stream
			a.unreadable.Add(1)
			return
		}
		if err := stream.Push(pkt, now, a.emit); err != nil {
			a.fail(&sinkError{err}) // known already, when it is the sink's
		}
		// after Push: going over to another source forgets the reports of the one before
		if ssrc := stream.SSRC(); !a.reports.known || ssrc != a.reports.ssrc {
			a.follow(ssrc)
		}
	}
}

// open makes the depacketiser when the first packet shows which format is sent.
func (a *attempt) open(f *videoFormat) *rtpdepay.Stream {
	c := clock.New(f.clockRate)
	stream, err := rtpdepay.New(rtpdepay.Config{
		Codec: f.codec, ParameterSets: f.sets, DONL: f.donl,
		Width: f.width, Height: f.height, Clock: c, Memory: a.src.cfg.Assembly,
	})
	if err != nil {
		a.fail(err)
		return nil
	}
	a.format = f
	a.clock.Store(c)
	a.stream.Store(stream)
	a.src.state.codec.Store(uint32(f.codec))
	return stream
}

// deliver hands a unit to the sink and learns the distance of units: the longest
// of late, slowly forgotten.
func (a *attempt) deliver(u *media.AccessUnit) error {
	if !a.lastUnit.IsZero() {
		d := min(u.Received.Sub(a.lastUnit), maxGap)
		a.gap.Store(int64(max(d, time.Duration(a.gap.Load()*31/32))))
	}
	a.lastUnit = u.Received
	if a.over.Load() {
		return nil // one packet can complete two units; the sink has refused the first
	}
	err := a.sink(u)
	if err != nil {
		a.fail(&sinkError{err})
	}
	return err
}

// onRTCP passes sender reports on, with the NTP time as the camera wrote it. Over
// UDP the library calls it on another goroutine than the packets'.
func (a *attempt) onRTCP(pkt rtcp.Packet) {
	defer a.survive()
	if a.over.Load() {
		return
	}
	now := failpoint.Now()
	report, ok := pkt.(*rtcp.SenderReport)
	if !ok {
		return
	}
	r := &a.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := a.clock.Load(); c != nil && r.known && report.SSRC == r.ssrc {
		c.Report(report.NTPTime, report.RTPTime, now)
		return
	}
	// the report of a source may come before its first packet; reports of other
	// streams on the same port are never asked for
	r.early, r.earlyAt = *report, now
}

// reports assigns sender reports to the source of the packets.
type reports struct {
	mu      sync.Mutex
	known   bool // these two are written under mu by the packets' goroutine, which reads them without
	ssrc    uint32
	early   rtcp.SenderReport
	earlyAt time.Time // zero = none
}

// follow notes that units are made of the packets of ssrc now.
func (a *attempt) follow(ssrc uint32) {
	r := &a.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.ssrc = true, ssrc
	if !r.earlyAt.IsZero() && r.early.SSRC == ssrc {
		a.clock.Load().Report(r.early.NTPTime, r.early.RTPTime, r.earlyAt)
		r.early, r.earlyAt = rtcp.SenderReport{}, time.Time{}
	}
}

// onPacketsLost is set because the library prints without it. The depacketiser
// counts by itself, in the same packets.
func (a *attempt) onPacketsLost(uint64) {}

// onDecodeError counts packets that the library could not read.
func (a *attempt) onDecodeError(error) { a.unreadable.Add(1) }
