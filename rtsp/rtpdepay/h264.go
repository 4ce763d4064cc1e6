package rtpdepay

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/rtsp/nal"
)

// h264 reads RFC 6184 payloads. The packetization mode of the SDP is not looked
// at: cameras declare mode 0 and send fragmentation units.
type h264 struct {
	*assembler
}

func newH264(cfg *Config, out *output, stats *counters) *h264 {
	return &h264{newAssembler(h264Syntax{}, cfg, out, stats)}
}

func (d *h264) push(pkt *rtp.Packet, received time.Time) error {
	d.packet(pkt.Timestamp, received)
	if len(pkt.Payload) > 0 {
		d.read(pkt.Payload)
	}
	return d.finish(pkt.Marker)
}

func (d *h264) read(p []byte) {
	if nal.HasStartCode(p) {
		d.whole(p) // Annex B instead of a NAL unit
		return
	}
	switch t := nal.TypeOfH264(p[0]); t {
	case nal.H264STAPA:
		d.aggregate(p[1:])
	case nal.H264STAPB:
		if len(p) < 3 {
			d.malformed()
			return
		}
		d.aggregate(p[3:]) // after the decoding order number
	case nal.H264FUA, nal.H264FUB:
		d.fragment(p, t == nal.H264FUB)
	case nal.H264MTAP16, nal.H264MTAP24:
		// Interleaved mode only, which no camera is known to use.
		d.stats.unsupported.Add(1)
		d.taint()
	case 0, 30, 31:
		d.stats.ignored.Add(1)
	default:
		d.whole(p)
	}
}

// aggregate reads the NAL units of a single-time aggregation packet.
func (d *h264) aggregate(p []byte) {
	for len(p) >= 2 {
		n := int(binary.BigEndian.Uint16(p))
		p = p[2:]
		if n > len(p) {
			d.malformed()
			return
		}
		if n > 0 {
			if t := nal.TypeOfH264(p[0]); t >= nal.H264STAPA && t <= nal.H264FUB {
				d.malformed() // packets don't nest
				return
			}
			d.whole(p[:n])
		}
		p = p[n:]
	}
}

// fragment reads a fragmentation unit. Start and end may be set in one packet
// (CostarHD), the type may change within a unit, and the payload may be empty.
func (d *h264) fragment(p []byte, withDON bool) {
	if len(p) < 2 || withDON && len(p) < 4 {
		d.malformed()
		return
	}
	indicator, header := p[0], p[1]
	start, end := header&0x80 != 0, header&0x40 != 0
	p = p[2:]
	if withDON {
		p = p[2:]
	}
	switch {
	case start:
		d.begin([]byte{indicator&0xe0 | header&0x1f})
	case !d.expectsRest():
		d.malformed()
		return
	}
	d.more(p)
	if end {
		d.end()
	}
}
