package vpx

import "github.com/frameport/frameport/media"

// Header is what a frame says of itself. Fields that its kind of frame does not
// carry are zero.
type Header struct {
	// KeyFrame: decoding can begin here.
	KeyFrame bool
	// Shown is false for frames that others refer to and nobody sees.
	Shown bool
	// Repeats: nothing is coded, a frame decoded before is shown (VP9,
	// show_existing_frame).
	Repeats bool
	// Width and Height are the picture's size in pixels. Key frames have it; a VP9
	// frame of another kind has it when it is not that of a frame it refers to.
	Width, Height int
	// Profile, Bits per sample and chroma format (1 is 4:2:0, 2 is 4:2:2 or 4:4:0,
	// 3 is 4:4:4) are those of a key frame.
	Profile, Bits, Chroma int
	// Color is that of a key frame.
	Color media.Color
}

// Parse reads the header of one frame of the codec, VP8 or VP9; ok is false when it
// can't be read. A frame of VP9 in a superframe has to be taken out before.
func Parse(codec media.Codec, frame []byte) (h Header, ok bool) {
	switch codec {
	case media.CodecVP8:
		return parseVP8(frame)
	case media.CodecVP9:
		return parseVP9(frame)
	default:
		return h, false
	}
}

const chroma420, chroma422, chroma444 = 1, 2, 3

// parseVP8 reads the frame tag, and the start code and size of a key frame (RFC
// 6386, 9.1). The two bits for scaling are a hint to the display and left out.
func parseVP8(b []byte) (h Header, ok bool) {
	if len(b) < 3 {
		return h, false
	}
	h.KeyFrame, h.Shown = b[0]&1 == 0, b[0]>>4&1 == 1
	if !h.KeyFrame {
		return h, true
	}
	if len(b) < 10 || b[3] != 0x9D || b[4] != 0x01 || b[5] != 0x2A {
		return h, false
	}
	h.Width, h.Height = int(b[6])|int(b[7]&0x3F)<<8, int(b[8])|int(b[9]&0x3F)<<8
	h.Profile, h.Bits, h.Chroma = int(b[0]>>1&7), 8, chroma420
	h.Color = media.Color{Matrix: media.MatrixBT601, Range: media.RangeLimited} // 9.2: the only one there is
	return h, h.Width > 0 && h.Height > 0
}
