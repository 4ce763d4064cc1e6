package nvdec

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/media"
)

// coding is what decides whether an engine can decode a stream.
type coding struct {
	chroma                  int // ITU-T H.264, chroma_format_idc
	lumaDepth, chromaDepth  int // bits
	codedWidth, codedHeight int // 0 while unknown
}

// decodable returns what makes the device refuse the stream, as far as the format
// tells before the first access unit. A stream may announce several sequences: one
// that can be decoded is enough.
func (d *Decoder) decodable(ctx context.Context) error {
	f := &d.cfg.Format
	if f.Codec == media.CodecMJPEG {
		size := jpegHeader{f.Width, f.Height}
		if err := size.even(); err != nil {
			return err
		}
	}
	var refusal error
	known := false
	for nal := range nals(f.Parameters) {
		c, ok := codingOf(f.Codec, nal)
		if !ok {
			continue
		}
		known = true
		_, err := d.output(ctx, c)
		if !errors.Is(err, decoder.ErrUnsupported) {
			return err
		}
		refusal = err
	}
	if known {
		return refusal
	}
	// Nothing is known but the codec, or what a key frame said of its size.
	c := coding{chroma: chroma420, lumaDepth: 8, chromaDepth: 8}
	if isVPX(d.codec) {
		c.codedWidth, c.codedHeight = f.CodedWidth, f.CodedHeight
	}
	_, err := d.capabilities(ctx, c)
	return err
}

// keyCoding is what the unit's key frame says (VP8, VP9): it is not known that the
// driver's parser reads frames of which its engines decode nothing.
func (d *Decoder) keyCoding() (c coding, ok bool) {
	k := &d.guard.Key
	if !isVPX(d.codec) || !d.guard.Announced {
		return c, false
	}
	return coding{chroma: k.Chroma, lumaDepth: k.Bits, chromaDepth: k.Bits, codedWidth: k.Width, codedHeight: k.Height}, true
}

// nals yields the NAL units of an Annex B byte stream.
func nals(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i, nal := range bytes.Split(data, []byte{0, 0, 1}) {
			// A fourth zero belongs to the next start code.
			if nal = bytes.TrimRight(nal, "\x00"); i > 0 && len(nal) > 0 && !yield(nal) {
				return
			}
		}
	}
}

// codingOf reads a sequence parameter set; ok is false for anything else, and for one
// that can't be read.
func codingOf(codec media.Codec, nal []byte) (c coding, ok bool) {
	switch {
	case codec == media.CodecH264 && nal[0]&0x1F == 7:
		var sps h264.SPS
		if sps.Unmarshal(nal) != nil {
			return c, false
		}
		c = coding{
			chroma:      int(sps.ChromaFormatIdc),
			lumaDepth:   int(sps.BitDepthLumaMinus8) + 8,
			chromaDepth: int(sps.BitDepthChromaMinus8) + 8,
			codedWidth:  (int(sps.PicWidthInMbsMinus1) + 1) * 16,
			codedHeight: (int(sps.PicHeightInMapUnitsMinus1) + 1) * 16,
		}
		if !sps.FrameMbsOnlyFlag {
			c.codedHeight *= 2
		}
		return c, true
	case codec == media.CodecH265 && nal[0]>>1&0x3F == 33:
		var sps h265.SPS
		if sps.Unmarshal(nal) != nil {
			return c, false
		}
		return coding{
			chroma:      int(sps.ChromaFormatIdc),
			lumaDepth:   int(sps.BitDepthLumaMinus8) + 8,
			chromaDepth: int(sps.BitDepthChromaMinus8) + 8,
			codedWidth:  int(sps.PicWidthInLumaSamples),
			codedHeight: int(sps.PicHeightInLumaSamples),
		}, true
	}
	return c, false
}
