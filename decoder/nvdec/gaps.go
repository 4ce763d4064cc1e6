package nvdec

import (
	"github.com/bluenviron/mediacommon/v2/pkg/bits"

	"github.com/frameport/frameport/media"
)

// frameNumbers follows frame_num through an H.264 stream (7.4.3): it rises by one
// after every reference picture, so that a gap shows one that never came.
type frameNumbers struct {
	last  uint64 // of the last reference picture
	known bool
}

// lacksReferences says whether a picture is missing that the unit refers to, as
// far as that can be told.
func (d *Decoder) lacksReferences(au *media.AccessUnit) bool {
	if d.cfg.Format.Codec != media.CodecH264 || d.guard.FrameNumberBits == 0 || d.guard.GapsAllowed {
		return false
	}
	gap := d.numbers.gap(au.Data, d.guard.FrameNumberBits)
	return gap && !au.RandomAccess
}

// gap looks at the unit's first slice, and says whether its number is not one that
// can follow.
func (n *frameNumbers) gap(data []byte, width int) bool {
	nal := firstSlice(data)
	if len(nal) == 0 {
		return false
	}
	idr, reference := nal[0]&0x1F == 5, nal[0]&0x60 != 0
	header, pos := unescape(nal[1:]), 0
	for range 3 { // first_mb_in_slice, slice_type, pic_parameter_set_id
		if _, err := bits.ReadGolombUnsigned(header, &pos); err != nil {
			return false
		}
	}
	number, err := bits.ReadBits(header, &pos, width)
	if err != nil {
		return false
	}
	next := (n.last + 1) & (1<<width - 1)
	gap := n.known && !idr && number != n.last && number != next
	if reference {
		n.last, n.known = number, true
	}
	return gap
}

// firstSlice returns the first NAL unit with a slice, or nil.
func firstSlice(data []byte) []byte {
	for i := 0; i+3 < len(data); i++ {
		if data[i] != 0 || data[i+1] != 0 || data[i+2] != 1 {
			continue
		}
		if t := data[i+3] & 0x1F; t == 1 || t == 2 || t == 5 {
			return data[i+3:]
		}
	}
	return nil
}

// unescape takes the emulation prevention bytes out of a slice's beginning.
func unescape(nal []byte) []byte {
	const enough = 24 // bytes: three numbers of 32 bits and the frame number
	out := make([]byte, 0, enough)
	zeros := 0
	for _, b := range nal[:min(len(nal), enough)] {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		zeros++
		if b != 0 {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}
