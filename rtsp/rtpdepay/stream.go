package rtpdepay

import (
	"fmt"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
)

// Stream turns the RTP packets of one media, in order of arrival, into access
// units. Make one with [New] for every PLAY.
type Stream struct {
	stats   counters
	seq     sequencer
	out     output
	payload payload
	// reported is what Lost said since the last packet; the gap in the sequence
	// numbers says it again.
	reported uint64
	held     []heldPacket
	room     *room
}

type heldPacket struct {
	packet   *rtp.Packet
	received time.Time
}

// payload is a payload format.
type payload interface {
	// push takes the next packet and returns what emit returned.
	push(pkt *rtp.Packet, received time.Time) error
	// lost says that packets are missing before the next one.
	lost()
	// restart says that another source takes over.
	restart()
}

// New returns a stream for cfg.Codec. Close it.
func New(cfg Config) (*Stream, error) {
	cfg.ensureDefaults()
	s := &Stream{room: cfg.Memory.join()}
	cfg.room = s.room
	s.out = output{clock: cfg.Clock, stats: &s.stats}
	switch cfg.Codec {
	case media.CodecH264:
		s.payload = newH264(&cfg, &s.out, &s.stats)
	case media.CodecH265:
		s.payload = newH265(&cfg, &s.out, &s.stats)
	case media.CodecMJPEG:
		s.payload = newMJPEG(&cfg, &s.out, &s.stats)
	case media.CodecVP8:
		s.payload = newVPX(&cfg, &s.out, &s.stats, parseVP8)
	case media.CodecVP9:
		s.payload = newVPX(&cfg, &s.out, &s.stats, parseVP9)
	default:
		s.room.leave()
		return nil, fmt.Errorf("rtp payload of codec %v can't be read: use H264, H265, MJPEG, VP8 or VP9", cfg.Codec)
	}
	return s, nil
}

// Push takes a packet after the transport has put packets in order. emit runs
// zero or more times before Push returns, on the caller's goroutine; the unit
// belongs to the stream and is valid during the call. The error is emit's.
func (s *Stream) Push(pkt *rtp.Packet, received time.Time, emit func(*media.AccessUnit) error) error {
	s.out.emit = emit
	s.stats.packets.Add(1)
	verdict, gap, hole := s.seq.next(pkt)
	switch verdict {
	case inOrder:
		s.held = s.held[:0]
		s.stats.lost.Add(gap - min(gap, s.reported))
		if hole {
			s.payload.lost()
		}
		s.reported = 0
		return s.payload.push(pkt, received)
	case duplicate:
		s.stats.duplicates.Add(1)
	case late:
		s.stats.late.Add(1)
	case stranger:
		s.hold(pkt, received)
	case adopted:
		s.hold(pkt, received)
		return s.adopt()
	}
	return nil
}

// hold keeps a copy of a packet that may begin a new source: a camera that
// changes its SSRC does so at a key frame (Uniview), of which no packet may be lost.
func (s *Stream) hold(pkt *rtp.Packet, received time.Time) {
	if s.seq.strangers == 1 {
		s.held = s.held[:0]
	}
	s.held = append(s.held, heldPacket{pkt.Clone(), received})
}

// adopt goes over to the source of the held packets.
func (s *Stream) adopt() error {
	s.stats.discontinuities.Add(1)
	s.reported = 0
	s.payload.restart()
	s.out.restart()
	held := s.held
	s.held = nil
	var first error
	for _, h := range held {
		if err := s.payload.push(h.packet, h.received); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Lost says that the transport knows n packets to be missing before the next
// one that it pushes. It need not be called: gaps are seen here too.
func (s *Stream) Lost(n int) {
	if n <= 0 {
		return
	}
	s.reported += uint64(n)
	s.stats.lost.Add(uint64(n))
	s.payload.lost()
}

// Close gives the memory back that the stream has of [Config.Memory]. Nothing may be
// pushed any more.
func (s *Stream) Close() {
	s.room.leave()
	s.room, s.payload = nil, nil
}

// SSRC returns the source that units are made of: that of the first packet, until
// another has been adopted. It is for the goroutine that pushes.
func (s *Stream) SSRC() uint32 { return s.seq.ssrc }

// Stats returns the counters. It may be called from any goroutine.
func (s *Stream) Stats() Stats { return s.stats.snapshot() }
