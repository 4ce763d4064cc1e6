package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/decodertest"
	"github.com/frameport/frameport/media"
)

// header announces pictures of a size, which JPEG, VP8 and VP9 can by the pixel.
func header(codec media.Codec, w, h int) []byte {
	switch codec {
	case media.CodecMJPEG:
		b := []byte("\xFF\xD8\xFF\xC0\x00\x11\x08HHWW\x03....")
		binary.BigEndian.PutUint16(b[7:], uint16(h))
		binary.BigEndian.PutUint16(b[9:], uint16(w))
		return b
	case media.CodecVP8:
		b := []byte("\x10\x02\x00\x9D\x01\x2AWWHH")
		binary.LittleEndian.PutUint16(b[6:], uint16(w))
		binary.LittleEndian.PutUint16(b[8:], uint16(h))
		return b
	case media.CodecVP9: // a key frame of profile 0, whose size begins at bit 36
		b := binary.BigEndian.AppendUint32([]byte{0x82, 0x49, 0x83, 0x42}, 0x2<<28|uint32(w-1)<<12|uint32(h-1)>>4)
		return append(b, byte(h-1)<<4, 0)
	default:
		return append([]byte("\x00\x00\x00\x01"), decodertest.SPS(codec, w, h)...)
	}
}

// TestGuardDefaultLimits: 8192 pixels a side and 36 million in all are accepted by default,
// and the next size that a stream can announce is not.
func TestGuardDefaultLimits(t *testing.T) {
	// What a side can be a multiple of.
	for codec, step := range map[media.Codec]int{
		media.CodecH264: 16, media.CodecH265: 8, media.CodecMJPEG: 1, media.CodecVP8: 1, media.CodecVP9: 1,
	} {
		t.Run(codec.String(), func(t *testing.T) {
			const side, pixels = 8192, 36_000_000
			tallest := pixels / side / step * step // that is as wide as can be
			g := Guard{Codec: codec, Limits: decoder.DefaultLimits()}
			for _, size := range []struct {
				w, h int
				fits bool
			}{
				{side, 16, true},
				{side + step, 16, false},
				{16, side, true},
				{16, side + step, false},
				{side, tallest, true},
				{side, tallest + step, false},
				{tallest, side, true},
				{tallest + step, side, false},
				{6000, 6000, true}, // 36 million exactly; 6000 is a multiple of 16
				{6000, 6000 + step, false},
				{side, side, false},
				{16, 16, true},
			} {
				err := g.Check(header(codec, size.w, size.h))
				if size.fits && err != nil || !size.fits && !errors.Is(err, decoder.ErrTooLarge) {
					t.Errorf("%dx%d, which fits: %v: %v", size.w, size.h, size.fits, err)
				}
				if name := fmt.Sprintf("%dx%d", size.w, size.h); !size.fits && !strings.Contains(fmt.Sprint(err), name) {
					t.Errorf("%v does not say %s", err, name)
				}
			}
		})
	}
}
