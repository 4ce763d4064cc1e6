package nvdec

import (
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/media/vpx"
)

// leading says whether the unit is one that refers to pictures before the place
// where decoding began, which decoders leave out (H.265, RASL pictures).
func leading(codec media.Codec, data []byte) bool {
	if codec != media.CodecH265 {
		return false
	}
	for i := 0; i+3 < len(data); i++ {
		if data[i] != 0 || data[i+1] != 0 || data[i+2] != 1 {
			continue
		}
		if t := data[i+3] >> 1 & 0x3F; t < 32 {
			return t == 8 || t == 9
		}
	}
	return false
}

// repeats says whether there is nothing to decode because a picture that was decoded
// before is shown again (VP9).
func repeats(codec media.Codec, data []byte) bool {
	if codec != media.CodecVP9 {
		return false
	}
	h, ok := vpx.Parse(codec, data)
	return ok && h.Repeats
}
