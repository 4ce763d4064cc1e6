package camsim

import (
	"fmt"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// maxPayload keeps packets within an Ethernet frame.
const maxPayload = 1400

// packet is one RTP payload, ready but for its header.
type packet struct {
	payload    []byte
	last       bool // last of its access unit
	endNAL     bool // last of its NAL unit
	parameters bool // parameter sets and nothing else
}

// packetized is a clip cut into packets, one list per access unit. It is shared
// by all cameras that show the clip and never changes.
type packetized struct {
	clip  *testvideo.Clip
	units [][]packet
}

// packetize cuts a clip into packets. With huge, its parameter sets are replaced, or
// the size in its key frames.
func packetize(c *testvideo.Clip, huge bool) (*packetized, error) {
	out := &packetized{clip: c, units: make([][]packet, len(c.Units))}
	for i, u := range c.Units {
		var list []packet
		switch c.Codec {
		case media.CodecH264:
			list = packetizeH264(swapSPS(c, u.NALUs, huge))
		case media.CodecH265:
			list = packetizeH265(swapSPS(c, u.NALUs, huge))
		case media.CodecMJPEG:
			var err error
			if list, err = packetizeJPEG(u.Data); err != nil {
				return nil, fmt.Errorf("clip %q, picture %d: %w", c.Name, i, err)
			}
		case media.CodecVP8:
			list = packetizeVP8(u.Data, huge)
		case media.CodecVP9:
			list = packetizeVP9(u.Data, c.Width, c.Height, huge)
		default:
			return nil, fmt.Errorf("clip %q: no RTP payload format for codec %v", c.Name, c.Codec)
		}
		list[len(list)-1].last = true
		out.units[i] = list
	}
	return out, nil
}

// packetizeH264 follows RFC 6184: parameter sets in one STAP-A, small NAL units
// as they are, large ones as FU-A.
func packetizeH264(nalus [][]byte) []packet {
	const stapA, fuA = 24, 28
	isParameter := func(n []byte) bool { t := n[0] & 0x1F; return t == 7 || t == 8 }
	return packetizeNALUs(nalus, isParameter,
		[]byte{3<<5 | stapA},
		func(n []byte, first, last bool) []byte {
			return []byte{n[0]&0xE0 | fuA, flag(first, 0x80) | flag(last, 0x40) | n[0]&0x1F}
		}, 1)
}

// packetizeH265 follows RFC 7798: the same with aggregation packets and FUs.
func packetizeH265(nalus [][]byte) []packet {
	const aggregate, fragment = 48, 49
	kind := func(n []byte) byte { return n[0] >> 1 & 0x3F }
	isParameter := func(n []byte) bool { return kind(n) >= 32 && kind(n) <= 34 }
	return packetizeNALUs(nalus, isParameter,
		[]byte{aggregate << 1, 1},
		func(n []byte, first, last bool) []byte {
			return []byte{n[0]&0x81 | fragment<<1, n[1], flag(first, 0x80) | flag(last, 0x40) | kind(n)}
		}, 2)
}

func flag(on bool, bit byte) byte {
	if on {
		return bit
	}
	return 0
}

// packetizeNALUs is what the two payload formats have in common: aggregate is the
// header of an aggregation packet, fragment makes the headers of a fragment, and
// header is the length of a NAL unit's own header, which fragments leave out.
func packetizeNALUs(
	nalus [][]byte, isParameter func([]byte) bool, aggregate []byte,
	fragment func(nal []byte, first, last bool) []byte, header int,
) []packet {
	var out []packet
	for i := 0; i < len(nalus); i++ {
		n := nalus[i]
		run := i
		for run < len(nalus) && isParameter(nalus[run]) {
			run++
		}
		switch {
		case run-i > 1:
			payload := append([]byte(nil), aggregate...)
			for _, p := range nalus[i:run] {
				payload = append(payload, byte(len(p)>>8), byte(len(p)))
				payload = append(payload, p...)
			}
			out = append(out, packet{payload: payload, endNAL: true, parameters: true})
			i = run - 1
		case len(n) <= maxPayload:
			out = append(out, packet{payload: n, endNAL: true, parameters: isParameter(n)})
		default:
			for rest := n[header:]; len(rest) > 0; {
				part := rest[:min(len(rest), maxPayload-3)]
				first := len(rest) == len(n)-header
				rest = rest[len(part):]
				payload := append(fragment(n, first, len(rest) == 0), part...)
				out = append(out, packet{payload: payload, endNAL: len(rest) == 0})
			}
		}
	}
	return out
}
