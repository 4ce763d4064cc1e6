package nal

// H264SliceInfo is the beginning of a slice header (H.264 7.3.3).
type H264SliceInfo struct {
	FirstMB uint32
	// Intra is true for I and SI slices.
	Intra bool
	PPS   uint32
	// Detail is true when the fields below were read; that takes the SPS.
	Detail   bool
	FrameNum uint32
	Field    bool
	Bottom   bool
	POCLsb   uint32
}

// ParseH264Slice reads the slice header that begins in body, a NAL unit without
// its header byte. A fragment of the unit will do; false means that it was too
// short or is no slice header. The fields after PPS wait for [H264SliceInfo.Complete].
func ParseH264Slice(body []byte) (H264SliceInfo, bool) {
	r := newReader(body)
	s := H264SliceInfo{FirstMB: r.ue()}
	kind := r.ue()
	s.Intra = kind == 2 || kind == 4 || kind == 7 || kind == 9
	s.PPS = r.ue()
	return s, !r.bad && kind <= 9 && s.PPS <= 255
}

// Complete reads the fields that only the sequence parameter set makes
// readable. Detail stays false where that is not possible.
func (s *H264SliceInfo) Complete(body []byte, header byte, sps *H264SPSInfo) {
	if sps == nil || !sps.Readable {
		return
	}
	r := newReader(body)
	r.ue()
	r.ue()
	r.ue()
	if sps.separatePlanes {
		r.skip(2)
	}
	s.FrameNum = r.u(sps.frameNumBits)
	if !sps.frameMbsOnly {
		if s.Field = r.flag(); s.Field {
			s.Bottom = r.flag()
		}
	}
	if TypeOfH264(header) == H264IDR {
		r.ue() // idr_pic_id
	}
	if sps.POCLsbBits > 0 {
		s.POCLsb = r.u(sps.POCLsbBits)
	}
	s.Detail = !r.bad
}

// H264HasRecoveryPoint reports whether a supplemental enhancement information
// unit, with its header byte, holds a recovery point message (D.1.8).
func H264HasRecoveryPoint(b []byte) bool {
	if len(b) < 2 || TypeOfH264(b[0]) != H264SEI {
		return false
	}
	r := newReader(b[1:])
	for {
		kind, size := seiNumber(&r), seiNumber(&r)
		// rbsp_trailing_bits read as a type of 128 without a size.
		if r.bad {
			return false
		}
		if kind == 6 {
			return true
		}
		for range size {
			if r.skip(8); r.bad {
				return false
			}
		}
	}
}

func seiNumber(r *reader) int {
	n := 0
	for !r.bad {
		b := r.u(8)
		n += int(b)
		if b != 0xff {
			break
		}
	}
	return n
}
