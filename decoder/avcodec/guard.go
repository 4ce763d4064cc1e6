package avcodec

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/media"
)

// guard looks at parameter sets and JPEG headers before libavcodec does, so that
// a picture beyond the limits is refused before anything is allocated for it,
// and named. What it can't read it lets pass: libavcodec's view decides then, and
// the limits are checked again in its callbacks.
type guard struct {
	codec  media.Codec
	limits decoder.Limits
	sps    []byte // the last one that was looked at
	// gapsAllowed: missing frame numbers are no loss (H.264, 7.4.2.1.1:
	// gaps_in_frame_num_value_allowed_flag).
	gapsAllowed bool
	refused     error // what the SPS above leads to
}

func (g *guard) check(data []byte) error {
	if g.codec == media.CodecMJPEG {
		w, h := sofSize(data)
		return g.size(w, h)
	}
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

const startCode = "\x00\x00\x01"

func (g *guard) isSPS(header byte) bool {
	if g.codec == media.CodecH264 {
		return header&0x1F == 7
	}
	return header>>1&0x3F == 33
}

func (g *guard) isSlice(header byte) bool {
	if g.codec == media.CodecH264 {
		t := header & 0x1F
		return t >= 1 && t <= 5
	}
	return header>>1&0x3F < 32
}

func (g *guard) look(nal []byte) {
	g.sps = append(g.sps[:0], nal...)
	g.gapsAllowed, g.refused = false, nil
	if g.codec == media.CodecH264 {
		var sps h264.SPS
		if sps.Unmarshal(nal) == nil {
			g.gapsAllowed = sps.GapsInFrameNumValueAllowedFlag
			h := (int(sps.PicHeightInMapUnitsMinus1) + 1) * 16
			if !sps.FrameMbsOnlyFlag {
				h *= 2
			}
			g.refused = g.size((int(sps.PicWidthInMbsMinus1)+1)*16, h)
		}
		return
	}
	var sps h265.SPS
	if sps.Unmarshal(nal) == nil {
		g.refused = g.size(int(sps.PicWidthInLumaSamples), int(sps.PicHeightInLumaSamples))
	}
}

func (g *guard) size(w, h int) error {
	l := g.limits
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
