package camsim

import "encoding/binary"

// hugeVPX is the size that HugePicture asks for, the largest that VP8 can say.
const hugeVPX = 16383

// packetizeVP8 follows RFC 7741 with the shortest payload descriptor.
func packetizeVP8(frame []byte, huge bool) []packet {
	const start = 0x10
	if key := frame[0]&1 == 0; huge && key {
		frame = append([]byte(nil), frame...)
		binary.LittleEndian.PutUint16(frame[6:], hugeVPX)
		binary.LittleEndian.PutUint16(frame[8:], hugeVPX)
	}
	return fragment(frame, func(first, _ bool) []byte { return []byte{flag(first, start)} })
}

// packetizeVP9 follows RFC 9628 in non-flexible mode, without picture IDs. Key frames
// bring a scalability structure of one layer.
func packetizeVP9(frame []byte, width, height int, huge bool) []packet {
	const predicted, begin, end, structure, sizes = 0x40, 0x08, 0x04, 0x02, 0x10
	// Behind the marker, the profile and show_existing_frame.
	profile3 := frame[0]>>4&3 == 3
	key := frame[0]&0x04 == 0 && !profile3 || frame[0]&0x02 == 0 && profile3
	if huge && key {
		frame, width, height = hugeVP9(frame), hugeVPX, hugeVPX
	}
	return fragment(frame, func(first, last bool) []byte {
		head := []byte{flag(!key, predicted) | flag(first, begin) | flag(last, end)}
		if first && key {
			head[0] |= structure
			head = append(head, sizes, byte(width>>8), byte(width), byte(height>>8), byte(height))
		}
		return head
	})
}

// hugeVP9 changes the size of a key frame of profile 0: 36 bits in, less one.
func hugeVP9(frame []byte) []byte {
	out := append([]byte(nil), frame...)
	const at, side = 4, hugeVPX - 1
	bits := uint64(side<<16|side)<<4 | uint64(out[at+4]&15)
	bits |= uint64(out[at]>>4) << 36
	for i := range 5 {
		out[at+i] = byte(bits >> (8 * (4 - i)))
	}
	return out
}

// fragment cuts a frame into packets.
func fragment(frame []byte, descriptor func(first, last bool) []byte) (out []packet) {
	const longest = 5
	for rest := frame; len(rest) > 0; {
		part := rest[:min(len(rest), maxPayload-longest-1)]
		first := len(rest) == len(frame)
		rest = rest[len(part):]
		last := len(rest) == 0
		out = append(out, packet{payload: append(descriptor(first, last), part...), endNAL: last})
	}
	return out
}
