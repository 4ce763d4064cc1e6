package rtpdepay

import (
	"sync/atomic"
	"time"
)

// Stats are the counters of a [Stream] since it was made.
type Stats struct {
	// AccessUnits were delivered; RandomAccess of them can be decoded from.
	AccessUnits, RandomAccess uint64
	// DroppedUnits were not: the sum of the four reasons that follow.
	DroppedUnits uint64
	// Tainted units had a hole or an error inside, or were beyond a limit.
	Tainted uint64
	// Waiting units were whole, but came after a loss and before a random-access point.
	Waiting uint64
	// Leading pictures follow a random-access point but refer to what came before it.
	Leading uint64
	// Undecodable units refer to a parameter set that nobody sent.
	Undecodable uint64

	// Packets were pushed. Lost ones never came; Late and Duplicates came in vain.
	Packets, PacketsLost, Late, Duplicates uint64
	// Oversized units were beyond MaxBytes or MaxNALUs (part of Tainted).
	Oversized uint64
	// NoMemory units had no room beside those of other streams (part of Tainted).
	NoMemory uint64
	// Discontinuities are new sources: a changed SSRC, a jump of the sequence.
	Discontinuities uint64
	// MarkerLies is 1 once a marker bit was found that did not end a picture.
	MarkerLies uint64

	// Malformed payloads could not be read. Unsupported ones could, but hold what
	// is not decoded here (RFC 6184 MTAP, RFC 7798 PACI, 16-bit JPEG tables).
	// Ignored NAL units are private or reserved types and harmless; packets of upper
	// spatial layers (VP9) count here too.
	Malformed, Unsupported, Ignored uint64
	// BadParameterSets could not be identified, from the SDP or in band.
	BadParameterSets uint64

	// GOPUnits and GOPDuration are the distance of the last two random-access
	// points; 0 while there were fewer.
	GOPUnits    uint64
	GOPDuration time.Duration
}

type counters struct {
	accessUnits, randomAccess                atomic.Uint64
	tainted, waiting, leading, undecodable   atomic.Uint64
	packets, lost, late, duplicates          atomic.Uint64
	oversized, discontinuities, markerLies   atomic.Uint64
	noMemory                                 atomic.Uint64
	malformed, unsupported, ignored, badSets atomic.Uint64
	gopUnits                                 atomic.Uint64
	gopDuration                              atomic.Int64
}

func (c *counters) snapshot() Stats {
	s := Stats{
		AccessUnits:      c.accessUnits.Load(),
		RandomAccess:     c.randomAccess.Load(),
		Tainted:          c.tainted.Load(),
		Waiting:          c.waiting.Load(),
		Leading:          c.leading.Load(),
		Undecodable:      c.undecodable.Load(),
		Packets:          c.packets.Load(),
		PacketsLost:      c.lost.Load(),
		Late:             c.late.Load(),
		Duplicates:       c.duplicates.Load(),
		Oversized:        c.oversized.Load(),
		NoMemory:         c.noMemory.Load(),
		Discontinuities:  c.discontinuities.Load(),
		MarkerLies:       c.markerLies.Load(),
		Malformed:        c.malformed.Load(),
		Unsupported:      c.unsupported.Load(),
		Ignored:          c.ignored.Load(),
		BadParameterSets: c.badSets.Load(),
		GOPUnits:         c.gopUnits.Load(),
		GOPDuration:      time.Duration(c.gopDuration.Load()),
	}
	s.DroppedUnits = s.Tainted + s.Waiting + s.Leading + s.Undecodable
	return s
}
