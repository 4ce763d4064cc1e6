package testvideo

import "encoding/binary"

// Sizes of IVF's headers, of the file and of a frame.
const (
	ivfHeader = 32
	ivfFrame  = 12
)

// splitIVF takes VP8 and VP9 out of its container. isKey looks at the first byte.
func splitIVF(data []byte, isKey func(first byte) bool) []Unit {
	var units []Unit
	if len(data) < ivfHeader || string(data[:4]) != "DKIF" {
		return nil
	}
	data = data[ivfHeader:]
	for len(data) > ivfFrame {
		size := int(binary.LittleEndian.Uint32(data))
		data = data[ivfFrame:]
		if size == 0 || size > len(data) {
			return units
		}
		units = append(units, Unit{Data: data[:size:size], Key: isKey(data[0])})
		data = data[size:]
	}
	return units
}

// vp8Key: the lowest bit of the frame tag is 0 (RFC 6386, 9.1).
func vp8Key(first byte) bool { return first&1 == 0 }

// vp9Key: frame_type is 0, behind the marker, two bits of profile, of which both
// mean another one in between, and show_existing_frame (VP9, 6.2).
func vp9Key(first byte) bool {
	if first>>4&3 == 3 {
		return first&0x06 == 0
	}
	return first&0x0C == 0
}
