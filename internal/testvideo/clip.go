package testvideo

import (
	"fmt"
	"math"
	"time"

	"github.com/frameport/frameport/media"
)

// Clip is one coded clip, taken apart into access units. It is immutable.
type Clip struct {
	Entry               // name, camera number, size, colours and how it was made
	Codec   media.Codec // hides Entry.Codec, which is its name
	Color   media.Color // the colour the clip is coded in and tagged with
	Units   []Unit      // in decoding order
	VPS     []byte      // NAL unit without start code, H.265 only
	SPS     []byte      // NAL unit without start code
	PPS     []byte      // NAL unit without start code
	Samples []byte      // the whole file, as embedded
}

// Unit is one access unit: a picture with the parameter sets in front of it.
type Unit struct {
	Data  []byte        // Annex B with the file's start codes, one JPEG picture, or a frame of VP8 or VP9
	NALUs [][]byte      // the NAL units without start codes, nil for codecs without
	PTS   time.Duration // presentation time since the first picture of the clip
	Frame int           // the picture's number in display order, as in its bar code
	// Key is true for IDR, CRA and BLA pictures, key frames of VP8 and VP9, and every
	// JPEG picture.
	Key bool
	// Recovery is true when the unit holds a recovery point message (H.264, D.1.8).
	Recovery bool
}

// Load returns the clip of that name. Every call takes the clip apart anew; a
// caller that needs it often keeps it.
func Load(name string) (*Clip, error) {
	m, err := ReadManifest()
	if err != nil {
		return nil, err
	}
	for _, e := range m.Clips {
		if e.Name == name {
			return load(e)
		}
	}
	return nil, fmt.Errorf("testvideo: no clip %q, see testvideo.Names for what there is", name)
}

// Duration is the time the whole clip takes to show.
func (c *Clip) Duration() time.Duration { return frameTime(len(c.Units), c.FPS) }

func frameTime(n int, fps float64) time.Duration {
	return time.Duration(math.Round(float64(n) * float64(time.Second) / fps))
}

func load(e Entry) (*Clip, error) {
	raw, err := files.ReadFile("clips/" + e.File)
	if err != nil {
		return nil, fmt.Errorf("testvideo: clip %q: %w", e.Name, err)
	}
	c := &Clip{Entry: e, Samples: raw}
	c.Color = media.Color{Matrix: parseMatrix(e.Matrix), Range: parseRange(e.Range)}
	switch e.Codec {
	case media.CodecH264.String():
		c.Codec, c.Units = media.CodecH264, splitH264(raw)
	case media.CodecH265.String():
		c.Codec, c.Units = media.CodecH265, splitH265(raw)
	case media.CodecMJPEG.String():
		c.Codec, c.Units = media.CodecMJPEG, splitMJPEG(raw)
	case media.CodecVP8.String():
		c.Codec, c.Units = media.CodecVP8, splitIVF(raw, vp8Key)
	case media.CodecVP9.String():
		c.Codec, c.Units = media.CodecVP9, splitIVF(raw, vp9Key)
	default:
		return nil, fmt.Errorf("testvideo: clip %q: codec %q is not known", e.Name, e.Codec)
	}
	if len(c.Units) != e.Frames {
		return nil, fmt.Errorf("testvideo: clip %q: %d access units, the manifest says %d", e.Name, len(c.Units), e.Frames)
	}
	for i := range c.Units {
		u := &c.Units[i]
		u.Frame = i
		if len(e.Display) > 0 {
			u.Frame = e.Display[i]
		}
		u.PTS = frameTime(u.Frame, e.FPS)
	}
	c.findParameters()
	return c, nil
}

// findParameters takes the parameter sets of the first access unit.
func (c *Clip) findParameters() {
	for _, n := range c.Units[0].NALUs {
		switch {
		case c.Codec == media.CodecH264 && n[0]&0x1F == h264SPS:
			c.SPS = n
		case c.Codec == media.CodecH264 && n[0]&0x1F == h264PPS:
			c.PPS = n
		case c.Codec == media.CodecH265 && n[0]>>1&0x3F == h265VPS:
			c.VPS = n
		case c.Codec == media.CodecH265 && n[0]>>1&0x3F == h265SPS:
			c.SPS = n
		case c.Codec == media.CodecH265 && n[0]>>1&0x3F == h265PPS:
			c.PPS = n
		}
	}
}

func parseMatrix(s string) media.Matrix {
	for m := media.MatrixUnspecified; m <= media.MatrixBT2020; m++ {
		if m.String() == s {
			return m
		}
	}
	return media.MatrixUnspecified
}

func parseRange(s string) media.Range {
	for r := media.RangeUnspecified; r <= media.RangeFull; r++ {
		if r.String() == s {
			return r
		}
	}
	return media.RangeUnspecified
}
