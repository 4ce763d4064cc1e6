package rtpdepay

import "github.com/pion/rtp"

const (
	// maxGap is the largest forward jump that counts as loss.
	maxGap = 3000
	// maxLate is how far behind a packet may come and still be a late one: twice
	// the window in which transports put packets in order.
	maxLate = 128
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
	ext     uint64    // of the last packet passed
	seen    [2]uint64 // ext-1, ext-2, …: bit set = received

	strangers   int
	strangeSSRC uint32
	strangeNext uint16
}

// next returns the verdict on a packet, and for one in order how many are
// missing before it.
func (s *sequencer) next(h *rtp.Header) (v verdict, gap uint64) {
	if !s.started {
		s.restart(h, 1)
		return inOrder, 0
	}
	if h.SSRC != s.ssrc {
		return s.strange(h), 0
	}
	d := int(int16(h.SequenceNumber - uint16(s.ext))) //nolint:gosec // modulo 2^16 by intent
	switch {
	case d > 0 && d <= maxGap+1:
		s.shift(d)
		s.ext += uint64(d)
		s.strangers = 0
		return inOrder, uint64(d - 1)
	case d == 0:
		return duplicate, 0
	case d < 0 && d >= -maxLate:
		word, bit := (-d-1)/64, uint((-d-1)%64)
		if s.seen[word]>>bit&1 == 1 {
			return duplicate, 0
		}
		s.seen[word] |= 1 << bit
		return late, 0
	default:
		return s.strange(h), 0
	}
}

// strange counts packets that continue each other but not the stream.
func (s *sequencer) strange(h *rtp.Header) verdict {
	if s.strangers == 0 || h.SSRC != s.strangeSSRC || h.SequenceNumber != s.strangeNext {
		s.strangers = 0
		s.strangeSSRC = h.SSRC
	}
	s.strangers++
	s.strangeNext = h.SequenceNumber + 1
	if s.strangers < adoptAfter {
		return stranger
	}
	s.restart(h, adoptAfter)
	return adopted
}

// restart begins a new source, of which n packets in a row have been received.
func (s *sequencer) restart(h *rtp.Header, n int) {
	// A start far above zero leaves room for the numbers of late packets.
	*s = sequencer{started: true, ssrc: h.SSRC, ext: 1<<32 | uint64(h.SequenceNumber)}
	s.seen[0] = 1<<(n-1) - 1
}

// shift makes room for d new numbers, the last of which is the new ext.
func (s *sequencer) shift(d int) {
	hi, lo := s.seen[1]<<1|s.seen[0]>>63, s.seen[0]<<1|1
	n := uint(d - 1)
	if n >= 64 {
		hi, lo = lo<<(n-64), 0
	} else {
		hi, lo = hi<<n|lo>>(64-n), lo<<n
	}
	s.seen = [2]uint64{lo, hi}
}
