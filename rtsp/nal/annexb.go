package nal

import "bytes"

// StartCode is the four-byte Annex B start code.
const StartCode = "\x00\x00\x00\x01"

// Next returns the first NAL unit of an Annex B byte stream and what follows it.
// Bytes without a start code before them count as a NAL unit, so a bare unit
// comes back as it is. Zero bytes around start codes and at the end are left
// out: a NAL unit never ends in one. When nothing is left, unit is empty.
func Next(b []byte) (unit, rest []byte) {
	for {
		b = trimStart(b)
		if len(b) == 0 {
			return nil, nil
		}
		i := IndexStartCode(b)
		if i < 0 {
			return Trim(b), nil
		}
		unit, b = Trim(b[:i]), b[i:]
		if len(unit) > 0 {
			return unit, b
		}
	}
}

// IndexStartCode returns where 00 00 01 begins in b, or -1. A NAL unit never
// contains it.
func IndexStartCode(b []byte) int { return bytes.Index(b, []byte{0, 0, 1}) }

// HasStartCode reports whether b begins with a start code of three or more bytes.
func HasStartCode(b []byte) bool {
	n := 0
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n >= 2 && n < len(b) && b[n] == 1
}

// Trim leaves out the zero bytes after a NAL unit (trailing_zero_8bits).
func Trim(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

func trimStart(b []byte) []byte {
	for HasStartCode(b) {
		for b[0] == 0 {
			b = b[1:]
		}
		b = b[1:]
	}
	return b
}
