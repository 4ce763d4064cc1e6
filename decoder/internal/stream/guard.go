package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/media/vpx"
)

// Guard looks at parameter sets, JPEG and frame headers before the decoder does, so that
// a picture beyond the limits is refused before anything is allocated for it,
// and named. What it can't read it lets pass: the decoder's own view decides then,
// and the limits are to be checked again with that.
type Guard struct {
	Codec  media.Codec
	Limits decoder.Limits
	// GapsAllowed: missing frame numbers are no loss (H.264, 7.4.2.1.1:
	// gaps_in_frame_num_value_allowed_flag).
	GapsAllowed bool
	// FrameNumberBits is how long frame numbers are in slices (H.264), 0 when that
	// is not known.
	FrameNumberBits int
	// Fields: a frame may be coded as two fields (H.264).
	Fields bool
	// Pictures is how many pictures a decoder of the stream has to keep at most, the one
	// in the works included; 0 when that is not known.
	Pictures int
	// Sequences counts the sequence parameter sets, or key frames of VP8 and VP9, that
	// differed from the one before.
	Sequences uint64
	// Announced: the data checked last had a sequence parameter set or such a key frame.
	Announced bool
	// Key is the last key frame's header, and Resized says that the data checked last
	// has a frame of another size that is none (VP8, VP9).
	Key     vpx.Header
	Resized bool

	sps     []byte // the last one that was looked at
	refused error  // what it leads to
}

// Check returns an error that wraps [decoder.ErrTooLarge] when the picture, or the
// last sequence parameter set or key frame, is beyond the limits.
func (g *Guard) Check(data []byte) error {
	switch g.Codec {
	case media.CodecMJPEG:
		w, h := sofSize(data)
		return g.Size(w, h)
	case media.CodecVP8, media.CodecVP9:
		return g.checkVPX(data)
	}
	g.Announced = false
	for len(data) > 0 {
		i := bytes.Index(data, []byte(startCode))
		if i < 0 || i+len(startCode) == len(data) {
			break
		}
		data = data[i+len(startCode):]
		if g.isSlice(data[0]) {
			break // what follows is pixels: no need to search it
		}
		if g.isSPS(data[0]) {
			g.Announced = true
			nal := data
			if end := bytes.Index(data, []byte(startCode)); end >= 0 {
				nal = bytes.TrimRight(data[:end], "\x00") // of a four-byte start code
			}
			if !bytes.Equal(nal, g.sps) {
				g.look(nal)
			}
		}
	}
	return g.refused
}

// maxReferences is what H.264 (A.3.1) and H.265 (A.4.2) allow.
const maxReferences = 16

const startCode = "\x00\x00\x01"

func (g *Guard) isSPS(header byte) bool {
	if g.Codec == media.CodecH264 {
		return header&0x1F == 7
	}
	return header>>1&0x3F == 33
}

func (g *Guard) isSlice(header byte) bool {
	if g.Codec == media.CodecH264 {
		t := header & 0x1F
		return t >= 1 && t <= 5
	}
	return header>>1&0x3F < 32
}

func (g *Guard) look(nal []byte) {
	g.sps = append(g.sps[:0], nal...)
	g.Sequences++
	g.GapsAllowed, g.FrameNumberBits, g.Fields, g.Pictures, g.refused = false, 0, false, 0, nil
	if g.Codec == media.CodecH264 {
		var sps h264.SPS
		if sps.Unmarshal(nal) == nil {
			g.GapsAllowed = sps.GapsInFrameNumValueAllowedFlag
			g.Fields = !sps.FrameMbsOnlyFlag
			g.Pictures = min(int(sps.MaxNumRefFrames), maxReferences) + 1
			if !sps.SeparateColourPlaneFlag { // then something else comes before them
				g.FrameNumberBits = int(sps.Log2MaxFrameNumMinus4) + 4
			}
			h := (int(sps.PicHeightInMapUnitsMinus1) + 1) * 16
			if !sps.FrameMbsOnlyFlag {
				h *= 2
			}
			g.refused = g.Size((int(sps.PicWidthInMbsMinus1)+1)*16, h)
		}
		return
	}
	var sps h265.SPS
	if sps.Unmarshal(nal) == nil {
		if n := len(sps.MaxDecPicBufferingMinus1); n > 0 {
			g.Pictures = min(int(sps.MaxDecPicBufferingMinus1[n-1]), maxReferences) + 1
		}
		g.refused = g.Size(int(sps.PicWidthInLumaSamples), int(sps.PicHeightInLumaSamples))
	}
}

// Size is the same check for a size that someone else has read.
func (g *Guard) Size(w, h int) error {
	l := g.Limits
	if w <= l.MaxWidth && h <= l.MaxHeight && w*h <= l.MaxPixels {
		return nil
	}
	return fmt.Errorf("%w: %dx%d, at most %dx%d and %d pixels are decoded: choose a smaller stream of the camera",
		decoder.ErrTooLarge, w, h, l.MaxWidth, l.MaxHeight, l.MaxPixels)
}

// sofSize reads the picture size from a JPEG's frame header, 0x0 when there is
// none (ITU-T T.81, B.2.2).
func sofSize(data []byte) (w, h int) {
	for i := 2; i+9 < len(data) && data[i] == 0xFF; {
		m := data[i+1]
		switch {
		case m == 0xFF: // fill byte
			i++
			continue
		case m >= 0xC0 && m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC:
			return int(binary.BigEndian.Uint16(data[i+7:])), int(binary.BigEndian.Uint16(data[i+5:]))
		case m == 0xDA: // scan before frame: broken
			return 0, 0
		case m == 0x01 || (m >= 0xD0 && m <= 0xD8): // no length
			i += 2
			continue
		}
		i += 2 + int(binary.BigEndian.Uint16(data[i+2:]))
	}
	return 0, 0
}
