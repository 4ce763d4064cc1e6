package nal

// H264Type is nal_unit_type (H.264 table 7-1), or a payload type of RFC 6184.
type H264Type uint8

// The types that matter to assembly.
const (
	H264Slice     H264Type = 1
	H264PartA     H264Type = 2
	H264PartB     H264Type = 3
	H264PartC     H264Type = 4
	H264IDR       H264Type = 5
	H264SEI       H264Type = 6
	H264SPS       H264Type = 7
	H264PPS       H264Type = 8
	H264AUD       H264Type = 9
	H264EndOfSeq  H264Type = 10
	H264EndOfStrm H264Type = 11
	H264STAPA     H264Type = 24
	H264STAPB     H264Type = 25
	H264MTAP16    H264Type = 26
	H264MTAP24    H264Type = 27
	H264FUA       H264Type = 28
	H264FUB       H264Type = 29
)

// TypeOfH264 returns the type in a NAL unit's first byte.
func TypeOfH264(header byte) H264Type { return H264Type(header & 0x1f) }

// H264SPSInfo is what is read of an H.264 sequence parameter set.
type H264SPSInfo struct {
	ID uint32
	// Readable is false when only ID could be read.
	Readable bool
	Size
	// NoReorder: output order is decoding order.
	NoReorder bool

	frameNumBits   int
	separatePlanes bool
	frameMbsOnly   bool
	// POCLsbBits is the length of pic_order_cnt_lsb; 0 unless pic_order_cnt_type is 0.
	POCLsbBits int
}

// ParseH264SPS reads a sequence parameter set, with its header byte. It returns
// false when not even the identifier can be read.
func ParseH264SPS(b []byte) (H264SPSInfo, bool) {
	if len(b) < 5 || TypeOfH264(b[0]) != H264SPS {
		return H264SPSInfo{}, false
	}
	profile, constraints := b[1], b[2]
	r := newReader(b[4:])
	s := H264SPSInfo{ID: r.ue()}
	if r.bad || s.ID > 31 {
		return H264SPSInfo{}, false
	}
	s.Readable = s.parse(&r, profile, constraints)
	if !s.Readable {
		s = H264SPSInfo{ID: s.ID}
	}
	return s, true
}

func (s *H264SPSInfo) parse(r *reader, profile, constraints byte) bool {
	chroma := uint32(1)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		if chroma = r.ue(); chroma > 3 {
			return false
		}
		if chroma == 3 {
			s.separatePlanes = r.flag()
		}
		r.ue() // bit_depth_luma_minus8
		r.ue() // bit_depth_chroma_minus8
		r.bit()
		if r.flag() {
			lists := 8
			if chroma == 3 {
				lists = 12
			}
			skipScalingLists(r, lists)
		}
	}
	log2FrameNum := r.ue() + 4
	pocType := r.ue()
	switch pocType {
	case 0:
		n := r.ue() + 4
		if n > 16 {
			return false
		}
		s.POCLsbBits = int(n)
	case 1:
		r.bit()
		r.se()
		r.se()
		n := r.ue()
		if n > 255 {
			return false
		}
		for range n {
			r.se()
		}
	case 2:
	default:
		return false
	}
	r.ue() // max_num_ref_frames
	r.bit()
	mbWidth := uint64(r.ue()) + 1
	mapHeight := uint64(r.ue()) + 1
	s.frameMbsOnly = r.flag()
	fields := uint64(2)
	if s.frameMbsOnly {
		fields = 1
	} else {
		r.bit() // mb_adaptive_frame_field_flag
	}
	r.bit() // direct_8x8_inference_flag
	var left, right, top, bottom uint64
	if r.flag() {
		left, right, top, bottom = uint64(r.ue()), uint64(r.ue()), uint64(r.ue()), uint64(r.ue())
	}
	// The level limits of annex A are 16 times below this bound (1 << 16 samples
	// a side); beyond it the bytes are not a parameter set.
	if r.bad || log2FrameNum > 16 || mbWidth > 1<<12 || mapHeight*fields > 1<<12 {
		return false
	}
	s.frameNumBits = int(log2FrameNum)
	unitX, unitY := uint64(1), fields
	if !s.separatePlanes {
		if chroma == 1 || chroma == 2 {
			unitX = 2
		}
		if chroma == 1 {
			unitY *= 2
		}
	}
	s.Size = crop(int(mbWidth*16), int(mapHeight*fields*16), left*unitX, right*unitX, top*unitY, bottom*unitY)
	reorder, known := int64(0), false
	if r.flag() {
		reorder, known = h264ReorderFrames(r)
	}
	switch {
	case known:
		s.NoReorder = reorder == 0
	case pocType == 2, profile == 66:
		// Type 2 forbids it (8.2.1.3). Baseline has no B slices, and no encoder
		// reorders P pictures.
		s.NoReorder = true
	case constraints&0x10 != 0:
		// Intra-only profiles (A.2.8 to A.2.11; E.2.1 infers 0 for these).
		s.NoReorder = profile == 44 || profile == 100 || profile == 110 || profile == 122 || profile == 244
	}
	return true
}

func skipScalingLists(r *reader, lists int) {
	for i := range lists {
		if !r.flag() {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int32(8), int32(8)
		for range size {
			if r.bad {
				return
			}
			if next != 0 {
				next = (last + r.se()) & 0xff
			}
			if next != 0 {
				last = next
			}
		}
	}
}

// h264ReorderFrames reads the video usability information (E.1.1) up to
// max_num_reorder_frames, and returns false when it is not there.
func h264ReorderFrames(r *reader) (int64, bool) {
	if r.flag() && r.u(8) == 255 { // sample aspect ratio
		r.skip(32)
	}
	if r.flag() { // overscan
		r.bit()
	}
	if r.flag() { // video signal type
		r.skip(4)
		if r.flag() {
			r.skip(24)
		}
	}
	if r.flag() { // chroma location
		r.ue()
		r.ue()
	}
	if r.flag() { // timing
		r.skip(65)
	}
	nalHRD := r.flag()
	if nalHRD {
		skipHRD(r)
	}
	vclHRD := r.flag()
	if vclHRD {
		skipHRD(r)
	}
	if nalHRD || vclHRD {
		r.bit()
	}
	r.bit() // pic_struct_present_flag
	if !r.flag() {
		return 0, false
	}
	r.bit()
	for range 4 {
		r.ue()
	}
	n := int64(r.ue())
	r.ue() // max_dec_frame_buffering
	return n, !r.bad
}

func skipHRD(r *reader) {
	n := r.ue()
	if n > 31 {
		r.bad = true
		return
	}
	r.skip(8)
	for range n + 1 {
		r.ue()
		r.ue()
		r.bit()
	}
	r.skip(20)
}

// ParseH264PPS returns the identifiers in a picture parameter set, with its
// header byte: its own and that of its sequence parameter set.
func ParseH264PPS(b []byte) (pps, sps uint32, ok bool) {
	if len(b) < 2 || TypeOfH264(b[0]) != H264PPS {
		return 0, 0, false
	}
	r := newReader(b[1:])
	pps, sps = r.ue(), r.ue()
	return pps, sps, !r.bad && pps <= 255 && sps <= 31
}
