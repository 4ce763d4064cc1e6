package decodertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/frameport/frameport/media"
)

// replaceBits replaces a run of bits, which must occur once in nal, with another of
// the same length.
func replaceBits(t testing.TB, nal []byte, old, with string) []byte {
	t.Helper()
	text := ""
	for _, b := range nal {
		text += fmt.Sprintf("%08b", b)
	}
	if len(old) != len(with) || strings.Count(text, old) != 1 {
		t.Fatalf("%s occurs %d times in %s", old, strings.Count(text, old), text)
	}
	text = strings.Replace(text, old, with, 1)
	out := make([]byte, len(nal))
	for i, bit := range text {
		out[i/8] |= byte(bit-'0') << (7 - i%8)
	}
	return out
}

// bits writes a bit stream as parameter sets have it (H.264, 7.2 and 9.1).
type bits struct {
	buf []byte
	n   int
}

func (b *bits) u(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		if b.n%8 == 0 {
			b.buf = append(b.buf, 0)
		}
		b.buf[b.n/8] |= byte(v>>i&1) << (7 - b.n%8)
		b.n++
	}
}

// ue writes an Exp-Golomb code.
func (b *bits) ue(v uint64) {
	v++
	n := 0
	for v>>n > 1 {
		n++
	}
	b.u(0, n)
	b.u(v, n+1)
}

// nal ends the payload and inserts emulation prevention bytes (7.4.1).
func (b *bits) nal(header ...byte) []byte {
	b.u(1, 1)
	out := header
	zeros := 0
	for _, v := range b.buf {
		if zeros >= 2 && v <= 3 {
			out, zeros = append(out, 3), 0
		}
		out = append(out, v)
		if v == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// h264SPS is a Main profile SPS for a picture of that size (H.264, 7.3.2.1.1).
func h264SPS(w, h int) []byte {
	var b bits
	b.u(77, 8) // profile_idc
	b.u(0, 8)  // constraints
	b.u(62, 8) // level_idc
	b.ue(0)    // seq_parameter_set_id
	b.ue(0)    // log2_max_frame_num_minus4
	b.ue(2)    // pic_order_cnt_type
	b.ue(1)    // max_num_ref_frames
	b.u(0, 1)  // gaps_in_frame_num_value_allowed_flag
	b.ue(uint64(w/16 - 1))
	b.ue(uint64(h/16 - 1))
	b.u(1, 1) // frame_mbs_only_flag
	b.u(1, 1) // direct_8x8_inference_flag
	b.u(0, 1) // frame_cropping_flag
	b.u(0, 1) // vui_parameters_present_flag
	return b.nal(0x67)
}

// h265SPS is a Main profile SPS for a picture of that size (H.265, 7.3.2.2.1).
func h265SPS(w, h int) []byte {
	var b bits
	b.u(0, 4)             // sps_video_parameter_set_id
	b.u(0, 3)             // sps_max_sub_layers_minus1
	b.u(1, 1)             // sps_temporal_id_nesting_flag
	b.u(1, 8)             // profile space, tier, general_profile_idc
	b.u(0x60000000, 32)   // compatibility flags
	b.u(0x900000<<24, 48) // source and constraint flags
	b.u(186, 8)           // general_level_idc
	b.ue(0)               // sps_seq_parameter_set_id
	b.ue(1)               // chroma_format_idc
	b.ue(uint64(w))
	b.ue(uint64(h))
	b.u(0, 1) // conformance_window_flag
	b.ue(0)   // bit_depth_luma_minus8
	b.ue(0)   // bit_depth_chroma_minus8
	b.ue(4)   // log2_max_pic_order_cnt_lsb_minus4
	b.u(1, 1) // sps_sub_layer_ordering_info_present_flag
	b.ue(1)   // sps_max_dec_pic_buffering_minus1
	b.ue(0)   // sps_max_num_reorder_pics
	b.ue(0)   // sps_max_latency_increase_plus1
	b.ue(0)   // log2_min_luma_coding_block_size_minus3
	b.ue(3)   // log2_diff_max_min_luma_coding_block_size
	b.ue(0)   // log2_min_luma_transform_block_size_minus2
	b.ue(3)   // log2_diff_max_min_luma_transform_block_size
	b.ue(0)   // max_transform_hierarchy_depth_inter
	b.ue(0)   // max_transform_hierarchy_depth_intra
	b.u(0, 4) // scaling lists, amp, sao, pcm
	b.ue(0)   // num_short_term_ref_pic_sets
	b.u(0, 5) // long-term, temporal mvp, intra smoothing, vui, extension
	return b.nal(0x42, 0x01)
}

// SPS is a Main profile sequence parameter set of H.264, or else of H.265, for a picture
// of that size, which has to be a multiple of 16 (of 8 for H.265).
func SPS(codec media.Codec, w, h int) []byte {
	if codec == media.CodecH264 {
		return h264SPS(w, h)
	}
	return h265SPS(w, h)
}
