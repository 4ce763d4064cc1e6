package nal

// H265Type is nal_unit_type (H.265 table 7-1), or a payload type of RFC 7798.
type H265Type uint8

// The types that matter to assembly.
const (
	H265RADLN     H265Type = 6
	H265RADLR     H265Type = 7
	H265RASLN     H265Type = 8
	H265RASLR     H265Type = 9
	H265BLAWLP    H265Type = 16
	H265IDRWRADL  H265Type = 19
	H265IDRNLP    H265Type = 20
	H265CRA       H265Type = 21
	H265VPS       H265Type = 32
	H265SPS       H265Type = 33
	H265PPS       H265Type = 34
	H265AUD       H265Type = 35
	H265EndOfSeq  H265Type = 36
	H265EndOfStrm H265Type = 37
	H265SEIPrefix H265Type = 39
	H265SEISuffix H265Type = 40
	H265AP        H265Type = 48
	H265FU        H265Type = 49
	H265PACI      H265Type = 50
)

// TypeOfH265 returns the type in a NAL unit's first byte.
func TypeOfH265(header byte) H265Type { return H265Type(header >> 1 & 0x3f) }

// VCL reports whether a unit of this type is a slice segment that decoders of
// version 1 know; reserved types are none.
func (t H265Type) VCL() bool { return t <= 9 || t >= 16 && t <= 21 }

// IRAP reports whether decoding can begin at a picture of this type.
func (t H265Type) IRAP() bool { return t >= 16 && t <= 21 }

// Leading reports whether a picture of this type is shown before the random
// access picture that precedes it (RADL, RASL).
func (t H265Type) Leading() bool { return t >= H265RADLN && t <= H265RASLR }

// SubLayerNonReference reports whether no picture of the same temporal
// sub-layer refers to a picture of this type.
func (t H265Type) SubLayerNonReference() bool { return t <= 14 && t&1 == 0 }

// H265SPSInfo is what is read of an H.265 sequence parameter set.
type H265SPSInfo struct {
	ID  uint32
	VPS uint32
	// Readable is false when only ID and VPS could be read.
	Readable bool
	Size
	// NoReorder: output order is decoding order.
	NoReorder bool
	// MaxTemporalID is the highest temporal identifier the stream may use.
	MaxTemporalID uint8
}

// ParseH265SPS reads a sequence parameter set, with its two header bytes. It
// returns false when not even the identifiers can be read.
func ParseH265SPS(b []byte) (H265SPSInfo, bool) {
	if len(b) < 3 || TypeOfH265(b[0]) != H265SPS {
		return H265SPSInfo{}, false
	}
	r := newReader(b[2:])
	s := H265SPSInfo{VPS: r.u(4)}
	maxSub := int(r.u(3))
	s.MaxTemporalID = uint8(maxSub)
	r.bit()
	skipProfileTierLevel(&r, maxSub)
	s.ID = r.ue()
	if r.bad || s.ID > 15 {
		return H265SPSInfo{}, false
	}
	s.Readable = s.parse(&r, maxSub)
	if !s.Readable {
		s = H265SPSInfo{ID: s.ID, VPS: s.VPS, MaxTemporalID: s.MaxTemporalID}
	}
	return s, true
}

func (s *H265SPSInfo) parse(r *reader, maxSub int) bool {
	chroma := r.ue()
	separate := chroma == 3 && r.flag()
	w, h := r.ue(), r.ue()
	var left, right, top, bottom uint64
	if r.flag() {
		left, right, top, bottom = uint64(r.ue()), uint64(r.ue()), uint64(r.ue()), uint64(r.ue())
	}
	if r.bad || chroma > 3 || w == 0 || h == 0 || w > 1<<16 || h > 1<<16 {
		return false
	}
	unitX, unitY := uint64(1), uint64(1)
	if !separate {
		if chroma == 1 || chroma == 2 {
			unitX = 2
		}
		if chroma == 1 {
			unitY = 2
		}
	}
	s.Size = crop(int(w), int(h), left*unitX, right*unitX, top*unitY, bottom*unitY)
	r.ue() // bit_depth_luma_minus8
	r.ue() // bit_depth_chroma_minus8
	r.ue() // log2_max_pic_order_cnt_lsb_minus4
	layers := 1
	if r.flag() {
		layers = maxSub + 1
	}
	reorder := uint32(0)
	for range layers {
		r.ue()
		reorder = r.ue() // of the highest sub-layer in the end
		r.ue()
	}
	s.NoReorder = !r.bad && reorder == 0
	return true
}

// skipProfileTierLevel passes profile_tier_level (7.3.3).
func skipProfileTierLevel(r *reader, maxSub int) {
	r.skip(96)
	var profile, level [8]bool
	for i := range maxSub {
		profile[i], level[i] = r.flag(), r.flag()
	}
	if maxSub > 0 {
		r.skip(2 * (8 - maxSub))
	}
	for i := range maxSub {
		if profile[i] {
			r.skip(88)
		}
		if level[i] {
			r.skip(8)
		}
	}
}

// ParseH265VPS returns the identifier of a video parameter set, with its two
// header bytes.
func ParseH265VPS(b []byte) (id uint32, ok bool) {
	if len(b) < 3 || TypeOfH265(b[0]) != H265VPS {
		return 0, false
	}
	return uint32(b[2] >> 4), true
}

// ParseH265PPS returns the identifiers in a picture parameter set, with its two
// header bytes: its own and that of its sequence parameter set.
func ParseH265PPS(b []byte) (pps, sps uint32, ok bool) {
	if len(b) < 3 || TypeOfH265(b[0]) != H265PPS {
		return 0, 0, false
	}
	r := newReader(b[2:])
	pps, sps = r.ue(), r.ue()
	return pps, sps, !r.bad && pps <= 63 && sps <= 15
}

// H265SliceInfo is the beginning of a slice segment header (H.265 7.3.6.1).
type H265SliceInfo struct {
	First bool // first_slice_segment_in_pic_flag
	PPS   uint32
}

// ParseH265Slice reads the slice segment header that begins in body, a NAL unit
// without its two header bytes. false means that body is too short.
func ParseH265Slice(t H265Type, body []byte) (H265SliceInfo, bool) {
	r := newReader(body)
	s := H265SliceInfo{First: r.flag()}
	if t.IRAP() {
		r.bit() // no_output_of_prior_pics_flag
	}
	s.PPS = r.ue()
	return s, !r.bad && s.PPS <= 63
}
