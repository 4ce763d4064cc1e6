package rtpdepay

import (
	"encoding/binary"
	"sync/atomic"
)

// counter is one of the stream's counters.
type counter = *atomic.Uint64

// jpegHeader is the RFC 2435 header of a packet (3.1).
type jpegHeader struct {
	offset        int
	kind          uint8
	q             uint8
	width, height uint8  // in eight pixels
	restart       uint16 // interval in MCUs, 0 = no restart markers
}

// parseJPEGHeader reads the main header and the restart marker header.
func parseJPEGHeader(p []byte) (h jpegHeader, data []byte, ok bool) {
	if len(p) < 8 {
		return h, nil, false
	}
	h = jpegHeader{
		offset: int(p[1])<<16 | int(p[2])<<8 | int(p[3]),
		kind:   p[4], q: p[5], width: p[6], height: p[7],
	}
	p = p[8:]
	if h.kind >= 64 && h.kind <= 127 {
		if len(p) < 4 {
			return h, nil, false
		}
		// The first/last bits and the count serve decoders that start amid a
		// picture; here pictures are whole.
		h.restart = binary.BigEndian.Uint16(p)
		p = p[4:]
	}
	return h, p, true
}

// subsampling returns the sampling factors of the luma component: type 0 is
// 4:2:2, type 1 is 4:2:0 (4.1). Other types are not defined.
func (h jpegHeader) subsampling() (factors byte, ok bool) {
	switch h.kind &^ 64 {
	case 0:
		return 0x21, h.kind < 128
	case 1:
		return 0x22, h.kind < 128
	default:
		return 0, false
	}
}

// jpegSize finds the frame header in a run of JPEG marker segments.
func jpegSize(b []byte) (w, h int, ok bool) {
	for len(b) >= 4 {
		if b[0] != 0xff {
			return 0, 0, false
		}
		marker := b[1]
		if marker == 0xff || marker == 0xd8 {
			b = b[1:] // fill byte
			if marker == 0xd8 {
				b = b[1:]
			}
			continue
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 2 || n+2 > len(b) {
			return 0, 0, false
		}
		if marker >= 0xc0 && marker <= 0xc2 && n >= 8 {
			return int(binary.BigEndian.Uint16(b[7:])), int(binary.BigEndian.Uint16(b[5:])), true
		}
		b = b[n+2:]
	}
	return 0, 0, false
}

// appendJPEGHeader writes everything up to the entropy-coded data: a JFIF
// picture with the tables of RFC 2435 (appendix B).
func appendJPEGHeader(b []byte, w, h int, subsampling byte, restart uint16, t *quantTables) []byte {
	b = append(b, 0xff, 0xd8)
	b = append(b, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0)
	for i := range t.n {
		b = append(b, 0xff, 0xdb, 0, 67, byte(i))
		b = append(b, t.values[i][:]...)
	}
	if restart != 0 {
		b = append(b, 0xff, 0xdd, 0, 4, byte(restart>>8), byte(restart))
	}
	cb, cr := byte(min(1, t.n-1)), byte(min(2, t.n-1))
	b = append(b, 0xff, 0xc0, 0, 17, 8, byte(h>>8), byte(h), byte(w>>8), byte(w), 3,
		1, subsampling, 0, 2, 0x11, cb, 3, 0x11, cr)
	b = append(b, jpegHuffman...)
	return append(b, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0)
}
