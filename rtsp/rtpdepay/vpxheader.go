package rtpdepay

import "github.com/pion/rtp"

// parseVP8 reads the payload descriptor of RFC 7741, 4.2.
func parseVP8(pkt *rtp.Packet) (p vpxPacket, ok bool) {
	b := pkt.Payload
	head := b[0]
	at := 1
	if head&0x80 != 0 { // X
		if len(b) < 2 {
			return p, false
		}
		more := b[1]
		at = 2
		if more&0x80 != 0 { // I
			if at = pictureID(b, at); at == 0 {
				return p, false
			}
		}
		if more&0x40 != 0 { // L
			at++
		}
		if more&0x30 != 0 { // T, K
			at++
		}
	}
	if at >= len(b) {
		return p, false
	}
	const start, partition = 0x10, 0x07
	return vpxPacket{
		begin: head&(start|partition) == start, end: pkt.Marker, droppable: head&0x20 != 0, data: b[at:],
	}, true
}

// pictureID returns where the picture ID at a place ends: it has 7 bits, or 15 where
// its first bit is set. 0 means that it is not there.
func pictureID(b []byte, at int) int {
	switch {
	case at >= len(b):
		return 0
	case b[at]&0x80 != 0:
		return at + 2
	default:
		return at + 1
	}
}

// parseVP9 reads the payload descriptor of RFC 9628, 4.2, in flexible mode and not.
func parseVP9(pkt *rtp.Packet) (p vpxPacket, ok bool) {
	b := pkt.Payload
	head := b[0]
	const hasID, predicted, layers, flexible, begin, end, structure = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02
	at := 1
	if head&hasID != 0 {
		if at = pictureID(b, at); at == 0 {
			return p, false
		}
	}
	if head&layers != 0 {
		if at >= len(b) {
			return p, false
		}
		p.upper = b[at]>>1&7 > 0
		at++
		if head&flexible == 0 {
			at++ // TL0PICIDX
		}
	}
	if head&(flexible|predicted) == flexible|predicted {
		for range 3 { // P_DIFF, at most three
			if at >= len(b) {
				return p, false
			}
			at++
			if b[at-1]&1 == 0 {
				break
			}
		}
	}
	if head&structure != 0 {
		if at = skipStructure(b, at); at == 0 {
			return p, false
		}
	}
	if at >= len(b) {
		return p, false
	}
	p.begin, p.end, p.data = head&begin != 0, head&end != 0, b[at:]
	return p, true
}

// skipStructure returns where the scalability structure at a place ends, 0 when it
// is not all there. What it tells, the frames tell as well.
func skipStructure(b []byte, at int) int {
	if at >= len(b) {
		return 0
	}
	head := b[at]
	at++
	if head&0x10 != 0 { // Y: a size for each of the N_S + 1 layers
		at += 4 * (int(head>>5) + 1)
	}
	if head&0x08 == 0 { // G
		return at
	}
	if at >= len(b) {
		return 0
	}
	pictures := int(b[at])
	at++
	for range pictures {
		if at >= len(b) {
			return 0
		}
		at += 1 + int(b[at]>>2&3) // R references of a byte each
	}
	return at
}
