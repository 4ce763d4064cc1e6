package vpx

import "github.com/frameport/frameport/media"

// Values of color_space (VP9, 7.2.2).
const (
	spaceBT601  = 1
	spaceBT709  = 2
	spaceSMPTE  = 3 // 170M
	spaceBT2020 = 5
	spaceRGB    = 7
)

// parseVP9 reads the beginning of the uncompressed header (VP9, 6.2).
func parseVP9(b []byte) (h Header, ok bool) {
	r := bitReader{data: b}
	if r.bits(2) != 2 { // frame_marker
		return h, false
	}
	h.Profile = r.bits(1) | r.bits(1)<<1
	if h.Profile == 3 && r.bits(1) != 0 {
		return h, false
	}
	if r.flag() {
		h.Repeats, h.Shown = true, true
		r.bits(3)
		return h, !r.short
	}
	h.KeyFrame, h.Shown = !r.flag(), r.flag()
	resilient := r.flag()
	if h.KeyFrame {
		if r.bits(24) != syncCode || !h.color(&r) {
			return h, false
		}
		h.size(&r)
		return h, !r.short
	}
	intraOnly := !h.Shown && r.flag()
	if !resilient {
		r.bits(2) // reset_frame_context
	}
	if intraOnly {
		return h, h.intraOnly(&r)
	}
	r.bits(8) // refresh_frame_flags
	for range 3 {
		r.bits(3 + 1) // ref_frame_idx, ref_frame_sign_bias
	}
	for range 3 {
		if r.flag() { // found_ref: the size is that of this reference
			return h, !r.short
		}
	}
	h.size(&r)
	return h, !r.short
}

const syncCode = 0x498342

// intraOnly reads on in a frame that refers to no other, but is none to begin at.
func (h *Header) intraOnly(r *bitReader) bool {
	if r.bits(24) != syncCode {
		return false
	}
	if h.Profile > 0 && !h.color(r) {
		return false
	}
	r.bits(8) // refresh_frame_flags
	h.size(r)
	return !r.short
}

func (h *Header) color(r *bitReader) bool {
	h.Bits, h.Chroma = 8, chroma420
	if h.Profile >= 2 {
		h.Bits = 10 + 2*r.bits(1)
	}
	space := r.bits(3)
	if space == spaceRGB {
		// Only the profiles with other chroma have RGB, which is 4:4:4.
		h.Chroma, h.Color.Range = chroma444, media.RangeFull
		return h.Profile&1 == 1 && r.bits(1) == 0
	}
	switch space {
	case spaceBT601, spaceSMPTE:
		h.Color.Matrix = media.MatrixBT601
	case spaceBT709:
		h.Color.Matrix = media.MatrixBT709
	case spaceBT2020:
		h.Color.Matrix = media.MatrixBT2020
	}
	h.Color.Range = media.RangeLimited
	if r.flag() {
		h.Color.Range = media.RangeFull
	}
	if h.Profile&1 == 0 {
		return true
	}
	x, y := r.flag(), r.flag()
	switch {
	case x && y:
		return false // 4:2:0 has profiles of its own
	case !x && !y:
		h.Chroma = chroma444
	default:
		h.Chroma = chroma422
	}
	return r.bits(1) == 0
}

func (h *Header) size(r *bitReader) {
	h.Width, h.Height = r.bits(16)+1, r.bits(16)+1
}

// bitReader reads from the most significant bit on. Beyond the end it gives zeros
// and says so.
type bitReader struct {
	data  []byte
	at    int
	short bool
}

func (r *bitReader) bits(n int) (v int) {
	for range n {
		v <<= 1
		if r.at>>3 >= len(r.data) {
			r.short = true
			continue
		}
		v |= int(r.data[r.at>>3]>>(7-r.at&7)) & 1
		r.at++
	}
	return v
}

func (r *bitReader) flag() bool { return r.bits(1) == 1 }
