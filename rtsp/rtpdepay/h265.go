package rtpdepay

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/rtsp/nal"
)

// h265 reads RFC 7798 payloads.
type h265 struct {
	*assembler
	donl bool
}

func newH265(cfg *Config, out *output, stats *counters) *h265 {
	return &h265{assembler: newAssembler(h265Syntax{}, cfg, out, stats), donl: cfg.DONL}
}

func (d *h265) push(pkt *rtp.Packet, received time.Time) error {
	d.packet(pkt.Timestamp, received)
	if len(pkt.Payload) > 0 {
		d.read(pkt.Payload)
	}
	return d.finish(pkt.Marker)
}

func (d *h265) read(p []byte) {
	if nal.HasStartCode(p) {
		d.whole(p) // Annex B instead of a NAL unit
		return
	}
	if len(p) < 2 {
		d.malformed()
		return
	}
	switch t := nal.TypeOfH265(p[0]); {
	case t == nal.H265AP:
		d.aggregate(p[2:])
	case t == nal.H265FU:
		d.fragment(p)
	case t == nal.H265PACI:
		// Carries another payload behind its extensions (RFC 7798 4.4.4).
		d.stats.unsupported.Add(1)
		d.taint()
	case t > nal.H265PACI:
		d.stats.ignored.Add(1)
	case d.donl:
		if len(p) < 4 {
			d.malformed()
			return
		}
		d.begin(p[:2])
		d.more(p[4:])
		d.end()
	default:
		d.whole(p)
	}
}

// aggregate reads the NAL units of an aggregation packet. Whether they carry
// decoding order numbers shows in the lengths, which must add up.
func (d *h265) aggregate(p []byte) {
	if !aggregateFits(p, d.donl) {
		if !aggregateFits(p, !d.donl) {
			d.malformed()
			return
		}
		d.donl = !d.donl
	}
	for first := true; ; first = false {
		unit, rest, ok := nextAggregated(p, d.donl, first)
		if !ok {
			return
		}
		if len(unit) > 0 {
			d.whole(unit)
		}
		p = rest
	}
}

func aggregateFits(p []byte, donl bool) bool {
	units := 0
	for first := true; len(p) > 0; first = false {
		unit, rest, ok := nextAggregated(p, donl, first)
		if !ok {
			// Up to three bytes of padding at the end are tolerated.
			return units > 0 && len(p) < 4 && len(nal.Trim(p)) == 0
		}
		if len(unit) == 1 || len(unit) > 1 && (unit[0]&0x80 != 0 || nal.TypeOfH265(unit[0]) >= nal.H265AP || unit[1]&7 == 0) {
			return false // no header of a NAL unit: forbidden bit, type, temporal id
		}
		if len(unit) > 0 {
			units++
		}
		p = rest
	}
	return units > 0
}

// nextAggregated cuts off the first unit of an aggregation packet.
func nextAggregated(p []byte, donl, first bool) (unit, rest []byte, ok bool) {
	if donl {
		n := 1 // DOND
		if first {
			n = 2 // DONL
		}
		if len(p) < n {
			return nil, nil, false
		}
		p = p[n:]
	}
	if len(p) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(p))
	if p = p[2:]; n > len(p) {
		return nil, nil, false
	}
	return p[:n], p[n:], true
}

// fragment reads a fragmentation unit.
func (d *h265) fragment(p []byte) {
	if len(p) < 3 {
		d.malformed()
		return
	}
	layer, tid, header := p[0], p[1], p[2]
	start, end := header&0x80 != 0, header&0x40 != 0
	p = p[3:]
	switch {
	case start:
		if d.donl {
			if len(p) < 2 {
				d.malformed()
				return
			}
			p = p[2:]
		}
		d.begin([]byte{layer&0x81 | header&0x3f<<1, tid})
	case !d.expectsRest():
		d.malformed()
		return
	}
	d.more(p)
	if end {
		d.end()
	}
}
