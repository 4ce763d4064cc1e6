package rtpdepay

import (
	"encoding/binary"
	"math/bits"

	"github.com/pion/rtp"
)

const (
	// maxGap is the largest forward jump that counts as loss.
	maxGap = 3000
	// lateWindow is how far behind a packet may come and still be a late one:
	// twice the window in which transports put packets in order.
	lateWindow = 128
	// adoptAfter is how many packets in a row make a new source.
	adoptAfter = 3
)

// verdict is what to do with a packet.
type verdict uint8

const (
	inOrder   verdict = iota // next in line, perhaps after a gap
	duplicate                // had it
	late                     // its place is given up
	stranger                 // other source: hold it
	adopted                  // other source, and the last of adoptAfter: replay the held ones
)

// sequencer judges packets by SSRC and sequence number. Every packet it passes
// has a larger 64-bit sequence number than the one before.
type sequencer struct {
	started bool
	ssrc    uint32
	first   uint64 // 64-bit number of the first packet passed
	ext     uint64 // and of the last
	ts      uint32 // of the last
	doubt   bool   // a packet was not passed that may be news
	window  [lateWindow]passed

	strangers   int
	strangeSSRC uint32
	strangeNext uint16
}

// Note: [Numbers set back]
//
// A camera that sets its sequence numbers back a little sends other packets under
// the same numbers, until it catches up. These are neither late nor duplicates,
// and if they were dropped as such nobody would see the hole. So the packets of
// the past are remembered by what they were, and one that does not fit raises
// doubt: what comes next in order is taken as coming after a loss.

// passed is a packet of the past, at its sequence number modulo the window.
type passed struct {
	number uint32 // low bits of the 64-bit sequence number
	ts     uint32
	sum    uint32 // of the payload's size and ends; 0 = nothing here
}

// next returns the verdict on a packet. For one in order it says how many are
// missing before it, and whether any may be.
func (s *sequencer) next(p *rtp.Packet) (v verdict, gap uint64, hole bool) {
	if !s.started {
		s.restart(p)
		return inOrder, 0, false
	}
	if p.SSRC != s.ssrc {
		return s.strange(p), 0, false
	}
	d := int(int16(p.SequenceNumber - uint16(s.ext))) //nolint:gosec // modulo 2^16 by intent
	switch {
	case d > 0 && d <= maxGap+1:
		hole = d > 1 || s.doubt
		s.ext += uint64(d)
		s.strangers, s.doubt = 0, false
		s.remember(p)
		return inOrder, uint64(d - 1), hole
	case d <= 0 && d > -lateWindow:
		return s.past(p, s.ext-uint64(-d)), 0, false
	default:
		return s.strange(p), 0, false
	}
}

// past judges a packet whose number is behind, but not far.
func (s *sequencer) past(p *rtp.Packet, number uint64) verdict {
	was, is := &s.window[number%lateWindow], passedOf(number, p)
	switch {
	case *was == is:
		return duplicate
	case number < s.first, was.sum != 0 && was.number == is.number:
		s.doubt = true
		return s.strange(p)
	default:
		*was = is
		s.doubt = s.doubt || int32(p.Timestamp-s.ts) > 0 //nolint:gosec // modulo 2^32 by intent
		return late
	}
}

func passedOf(number uint64, p *rtp.Packet) passed {
	var ends [16]byte
	copy(ends[:8], p.Payload)
	copy(ends[8:], p.Payload[max(0, len(p.Payload)-8):])
	a, b := binary.LittleEndian.Uint64(ends[:8]), binary.LittleEndian.Uint64(ends[8:])
	sum := (a^bits.RotateLeft64(b, 23)+uint64(len(p.Payload)))*0x9e3779b97f4a7c15>>32 | 1
	return passed{uint32(number), p.Timestamp, uint32(sum)} //nolint:gosec // low bits by intent
}

func (s *sequencer) remember(p *rtp.Packet) {
	s.ts = p.Timestamp
	s.window[s.ext%lateWindow] = passedOf(s.ext, p)
}

// strange counts packets that continue each other but not the stream.
func (s *sequencer) strange(p *rtp.Packet) verdict {
	if s.strangers == 0 || p.SSRC != s.strangeSSRC || p.SequenceNumber != s.strangeNext {
		s.strangers = 0
		s.strangeSSRC = p.SSRC
	}
	s.strangers++
	s.strangeNext = p.SequenceNumber + 1
	if s.strangers < adoptAfter {
		return stranger
	}
	s.restart(p)
	return adopted
}

// restart begins a new source with this packet.
func (s *sequencer) restart(p *rtp.Packet) {
	// A start far above zero leaves room for the numbers of late packets.
	at := 1<<32 | uint64(p.SequenceNumber)
	*s = sequencer{started: true, ssrc: p.SSRC, first: at, ext: at}
	s.remember(p)
}
