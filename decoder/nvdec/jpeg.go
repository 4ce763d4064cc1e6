package nvdec

import (
	"encoding/binary"
	"fmt"

	"github.com/frameport/frameport/decoder"
)

// jpegHeader is what a JPEG picture says of itself (ITU-T T.81, B.2.2). Every
// picture is a sequence of its own.
type jpegHeader struct{ width, height int }

// JPEG markers.
const (
	markerSOF0 = 0xC0 // baseline
	markerDHT  = 0xC4
	markerJPG  = 0xC8
	markerDAC  = 0xCC
	markerRST0 = 0xD0
	markerSOI  = 0xD8
	markerSOS  = 0xDA
	markerTEM  = 0x01
)

// readJPEG reads the frame header. The error wraps [decoder.ErrUnsupported] for what
// an engine does not make NV12 of, so that another decoder gets the stream: pictures
// that are not baseline, not 4:2:0, or of an odd size, which nothing pads to an even
// one. It wraps [decoder.ErrCorrupt] when there is no header.
func readJPEG(data []byte) (jpegHeader, error) {
	for i := 2; i+3 < len(data) && data[i] == 0xFF; {
		marker := data[i+1]
		switch {
		case marker == 0xFF: // fill byte
			i++
			continue
		case marker == markerTEM, marker >= markerRST0 && marker <= markerSOI: // no length
			i += 2
			continue
		}
		length := int(binary.BigEndian.Uint16(data[i+2:]))
		if length < 2 || i+2+length > len(data) || marker == markerSOS {
			break
		}
		if marker >= 0xC0 && marker <= 0xCF && marker != markerDHT && marker != markerJPG && marker != markerDAC {
			return readFrameHeader(marker, data[i+4:i+2+length])
		}
		i += 2 + length
	}
	return jpegHeader{}, fmt.Errorf("%w: it has no JPEG frame header", decoder.ErrCorrupt)
}

func readFrameHeader(marker byte, h []byte) (jpegHeader, error) {
	const fixed, perComponent = 6, 3
	if len(h) < fixed || len(h) != fixed+perComponent*int(h[5]) {
		return jpegHeader{}, fmt.Errorf("%w: its JPEG frame header is broken", decoder.ErrCorrupt)
	}
	p := jpegHeader{width: int(binary.BigEndian.Uint16(h[3:])), height: int(binary.BigEndian.Uint16(h[1:]))}
	if p.width == 0 || p.height == 0 {
		return p, fmt.Errorf("%w: its JPEG frame header has no size", decoder.ErrCorrupt)
	}
	if marker != markerSOF0 || h[0] != 8 {
		return p, fmt.Errorf("%w: JPEG process %d of %d bits on the GPU, which takes baseline pictures", decoder.ErrUnsupported, marker-markerSOF0, h[0])
	}
	if !is420(h[fixed:]) {
		return p, fmt.Errorf("%w: JPEG whose chroma is not 4:2:0 on the GPU", decoder.ErrUnsupported)
	}
	return p, p.even()
}

// is420 looks at the components' sampling factors: luma has twice as many samples in
// either direction.
func is420(components []byte) bool {
	if len(components) != 9 {
		return false
	}
	y, cb, cr := components[1], components[4], components[7]
	return cb == cr && y>>4 == 2*(cb>>4) && y&15 == 2*(cb&15)
}

// even refuses sizes for which the engine would have to invent a column or a row.
func (p jpegHeader) even() error {
	if p.width%2 != 0 || p.height%2 != 0 {
		return fmt.Errorf("%w: JPEG of %dx%d on the GPU, which makes even sizes", decoder.ErrUnsupported, p.width, p.height)
	}
	return nil
}
