package camsim

import (
	"math/rand/v2"
	"time"

	"github.com/frameport/frameport/internal/testvideo"
)

// Clock rates (RFC 3551).
const (
	videoRate = 90000
	audioRate = 8000
)

// maxLate is how far a stream may be behind its schedule before it lets the time
// pass instead of catching up.
const maxLate = 500 * time.Millisecond

// stream sends one camera's pictures while it has viewers. All its fields belong
// to its goroutine.
type stream struct {
	h     *Handle
	clip  *testvideo.Clip // shown now
	first time.Time       // when unit 0 of this run was due
	ticks int             // pictures since first
	unit  int             // next one of the clip
	dice  *rand.Rand
	seed  uint64
	tone  audioClock
}

func newStream(h *Handle) *stream { return &stream{h: h} }

// run sends until the last viewer has left.
func (s *stream) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		due, ok := s.next()
		if !ok {
			return
		}
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-s.h.wake:
				timer.Stop()
				continue
			}
		}
		s.tick(due)
	}
}

// next returns when the next picture is due, and false when nobody watches.
func (s *stream) next() (time.Time, bool) {
	h := s.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.viewers) == 0 {
		h.running = false
		return time.Time{}, false
	}
	if clip := h.clip(&h.behaviour); h.restart || clip != s.clip {
		begin := time.Now()
		if !h.restart { // only the clip changes: keep the beat
			begin = s.due()
		}
		h.restart = false
		s.begin(clip, begin)
	}
	if late := time.Since(s.due()); late > maxLate {
		s.first = s.first.Add(late)
	}
	return s.due(), true
}

func (s *stream) begin(clip *testvideo.Clip, at time.Time) {
	s.clip, s.first, s.ticks, s.unit = clip, at, 0, 0
	s.tone.begin(at)
}

func (s *stream) due() time.Time { return s.first.Add(s.span(s.ticks)) }

// span is the time n pictures take.
func (s *stream) span(n int) time.Duration {
	return time.Duration(float64(n) * float64(time.Second) / s.h.cfg.FPS)
}

// tick sends the picture that is due.
func (s *stream) tick(due time.Time) {
	h := s.h
	b := h.now()
	pictures, err := h.server.packetized(s.clip, b.HugePicture)
	unit := s.unit
	s.ticks++
	s.unit = (s.unit + 1) % len(s.clip.Units)
	if err != nil || b.Freeze || b.Hang { // a clip that cannot be sent stalls the camera
		s.tone.packets(due)
		return
	}
	out := new(batch)
	sent, viewers := s.fill(out, &b, pictures.units[unit], unit, due)
	if h.cfg.OnSend != nil {
		h.cfg.OnSend(sent)
	}
	var total, lost int
	for _, v := range viewers {
		n, overflow := v.send(out, b.UDPSilent)
		total += n
		if overflow {
			lost++
		}
	}
	h.count(func(st *Stats) {
		st.BytesSent += uint64(total)
		st.Overflows += uint64(lost)
	})
}

// fill makes everything that leaves with one picture and counts it.
func (s *stream) fill(out *batch, b *Behaviour, packets []packet, unit int, due time.Time) (Sent, []*viewer) {
	h := s.h
	u := &s.clip.Units[unit]
	// Pictures that are shown later than they are sent, or earlier, say so.
	stamp := h.timestamp(due.Add(s.span(u.Frame-unit)), videoRate) + b.TimestampOffset
	h.mu.Lock()
	defer h.mu.Unlock()
	if b.Report != ReportNone && !due.Before(h.reportDue) {
		h.reportDue = due.Add(h.cfg.ReportInterval)
		s.report(out, b, due)
	}
	if b.SDP != SDPAudioOnly && b.SDP != SDPEmpty {
		s.video(out, b, packets, stamp, Picture{Index: h.stats.Units, Key: u.Key, Frame: u.Frame, Since: h.stats.Units - h.since})
	}
	if h.cfg.Audio || b.SDP == SDPAudioOnly {
		s.audio(out, b, due)
	}
	sent := Sent{
		Camera: s.clip.Camera, Frame: u.Frame, Key: u.Key, Index: h.stats.Units,
		Timestamp: stamp, Time: due, Left: time.Now(),
	}
	h.stats.Units++
	h.stats.Last = sent
	viewers := make([]*viewer, 0, len(h.viewers))
	for v := range h.viewers {
		viewers = append(viewers, v)
	}
	return sent, viewers
}

// video adds one picture; the caller holds h.mu.
func (s *stream) video(out *batch, b *Behaviour, packets []packet, stamp uint32, of Picture) {
	h := s.h
	list := make([]Packet, 0, len(packets))
	for _, p := range packets {
		if p.parameters && b.StripParameters {
			continue
		}
		list = append(list, Packet{
			Payload: p.payload, Marker: b.Marker.of(p), Type: videoPayloadType(s.clip.Codec),
			Timestamp: stamp, SSRC: h.ssrcOf(trackVideo, b),
		})
	}
	if b.Packets != nil {
		list = b.Packets(of, list)
	}
	for i := range list {
		if list[i].Raw == nil {
			list[i].sequence = h.sequence[trackVideo] + b.SequenceOffset
			h.sequence[trackVideo]++
		}
		h.sent[trackVideo].packets++
		h.sent[trackVideo].bytes += uint32(len(list[i].Payload))
		h.stats.Packets++
	}
	if s.dice == nil || s.seed != b.Seed {
		s.seed, s.dice = b.Seed, rand.New(rand.NewPCG(b.Seed, uint64(s.h.cfg.Clip.Camera)))
	}
	list = disturb(list, b, s.dice)
	size := 0
	for i := range list {
		size += interleavedHeader + list[i].size()
	}
	out.buf = append(make([]byte, 0, len(out.buf)+size+1024), out.buf...)
	for _, p := range list {
		out.addPacket(trackVideo, p)
	}
}

// of says whether a packet has the marker bit.
func (m MarkerVariant) of(p packet) bool {
	switch m {
	case MarkerEvery:
		return p.endNAL
	case MarkerNever:
		return false
	default:
		return p.last
	}
}

// report adds sender reports of all tracks; the caller holds h.mu.
func (s *stream) report(out *batch, b *Behaviour, at time.Time) {
	h := s.h
	clock := h.cameraClock(b, at)
	report := senderReport(h.ssrcOf(trackVideo, b), clock, h.timestamp(at, videoRate)+b.TimestampOffset, h.sent[trackVideo])
	reports := [][]byte{report}
	if b.Reports != nil {
		reports = b.Reports(report)
	}
	for _, r := range reports {
		out.addRTCP(trackVideo, r)
	}
	if h.cfg.Audio || b.SDP == SDPAudioOnly {
		out.addRTCP(trackAudio, senderReport(h.ssrc[trackAudio], clock, h.timestamp(at, audioRate), h.sent[trackAudio]))
	}
}

func (h *Handle) ssrcOf(track int, b *Behaviour) uint32 {
	if track == trackVideo && b.SSRC != 0 {
		return b.SSRC
	}
	return h.ssrc[track]
}
