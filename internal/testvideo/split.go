package testvideo

import "bytes"

// NAL unit types (H.264 table 7-1, H.265 table 7-1).
const (
	h264IDR = 5
	h264SEI = 6
	h264SPS = 7
	h264PPS = 8

	h265FirstIRAP = 16
	h265LastIRAP  = 21
	h265LastVCL   = 31
	h265VPS       = 32
	h265SPS       = 33
	h265PPS       = 34
)

// SplitAnnexB returns the NAL units of a byte stream without their start codes.
// The slices point into data.
func SplitAnnexB(data []byte) [][]byte {
	var out [][]byte
	for _, s := range annexBSpans(data) {
		out = append(out, data[s.nal:s.end])
	}
	return out
}

// span is one NAL unit: where its start code and its first byte are, and its end.
type span struct{ start, nal, end int }

func annexBSpans(data []byte) []span {
	code := []byte{0, 0, 1}
	var spans []span
	for at := bytes.Index(data, code); at >= 0; {
		nal := at + len(code)
		next := bytes.Index(data[nal:], code)
		end := len(data)
		if next >= 0 {
			end = nal + next
		}
		after := end
		for end > nal && data[end-1] == 0 { // the next start code's leading zero
			end--
		}
		start := at
		if start > 0 && data[start-1] == 0 {
			start--
		}
		if end > nal {
			spans = append(spans, span{start, nal, end})
		}
		at = after
		if next < 0 {
			at = -1
		}
	}
	return spans
}

// splitUnits groups NAL units into access units. first says whether a NAL unit is
// the first slice of a picture, vcl whether it is a slice at all: what stands in
// front of a first slice belongs to its picture.
func splitUnits(data []byte, vcl, first func(nal []byte) bool) []Unit {
	spans := annexBSpans(data)
	var units []Unit
	begin, seen := 0, false
	cut := func(from, to int) {
		if from == to {
			return
		}
		u := Unit{Data: data[spans[from].start:spans[to-1].end]}
		for _, s := range spans[from:to] {
			u.NALUs = append(u.NALUs, data[s.nal:s.end])
		}
		units = append(units, u)
	}
	for i, s := range spans {
		nal := data[s.nal:s.end]
		if seen && (!vcl(nal) || first(nal)) {
			cut(begin, i)
			begin, seen = i, false
		}
		seen = seen || vcl(nal)
	}
	cut(begin, len(spans))
	return units
}

func splitH264(data []byte) []Unit {
	vcl := func(n []byte) bool { t := n[0] & 0x1F; return t >= 1 && t <= h264IDR }
	// first_mb_in_slice is 0: its Exp-Golomb code is the single bit 1.
	first := func(n []byte) bool { return len(n) > 1 && n[1]&0x80 != 0 }
	units := splitUnits(data, vcl, first)
	for i := range units {
		for _, n := range units[i].NALUs {
			switch n[0] & 0x1F {
			case h264IDR:
				units[i].Key = true
			case h264SEI:
				units[i].Recovery = units[i].Recovery || hasRecoveryPoint(n[1:])
			}
		}
	}
	return units
}

func splitH265(data []byte) []Unit {
	vcl := func(n []byte) bool { return n[0]>>1&0x3F <= h265LastVCL }
	first := func(n []byte) bool { return len(n) > 2 && n[2]&0x80 != 0 } // first_slice_segment_in_pic_flag
	units := splitUnits(data, vcl, first)
	for i := range units {
		for _, n := range units[i].NALUs {
			if t := n[0] >> 1 & 0x3F; t >= h265FirstIRAP && t <= h265LastIRAP {
				units[i].Key = true
			}
		}
	}
	return units
}

// hasRecoveryPoint walks the messages of an SEI NAL unit. Emulation prevention
// cannot matter: a recovery point is shorter than a run that would need it.
func hasRecoveryPoint(sei []byte) bool {
	number := func() int {
		n := 0
		for len(sei) > 0 {
			b := sei[0]
			sei = sei[1:]
			n += int(b)
			if b != 0xFF {
				break
			}
		}
		return n
	}
	for len(sei) > 2 {
		kind, size := number(), number()
		if kind == 6 {
			return true
		}
		sei = sei[min(size, len(sei)):]
	}
	return false
}

// splitMJPEG cuts concatenated JPEG pictures at their end markers. Inside coded
// data a 0xFF is followed by 0x00 or a restart marker, so the first other marker
// after SOS ends the scan; segments before it are stepped over by their length.
func splitMJPEG(data []byte) []Unit {
	var units []Unit
	for len(data) > 4 && data[0] == 0xFF && data[1] == 0xD8 {
		end := jpegEnd(data)
		if end < 0 {
			return units
		}
		units = append(units, Unit{Data: data[:end:end], Key: true})
		data = data[end:]
	}
	return units
}

func jpegEnd(data []byte) int {
	at := 2
	for at+4 <= len(data) && data[at] == 0xFF {
		marker := data[at+1]
		at += 2 + int(data[at+2])<<8 + int(data[at+3])
		if marker == 0xDA {
			break
		}
	}
	if at > len(data) {
		return -1
	}
	if end := bytes.Index(data[at:], []byte{0xFF, 0xD9}); end >= 0 {
		return at + end + 2
	}
	return -1
}
