package nvdec

import (
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/internal/stream"
	"github.com/frameport/frameport/gpu/surface"
)

// usualSurfaces is what cameras' streams need: a few references and the picture in the
// works.
const usualSurfaces = 6

// Estimate is how much device memory, in bytes, a camera with 8-bit pictures of width x
// height pixels will need about, when frames of them are kept: for admission before the
// stream is known.
func Estimate(width, height, frames int, out decoder.Output) int64 {
	s := &setup{surfaces: usualSurfaces}
	s.format.codedWidth, s.format.codedHeight, s.format.lumaDepth = width, height, 8
	s.width, s.height = stream.Fit(width, height, out)
	s.targetWidth, s.targetHeight = s.width+s.width&1, s.height+s.height&1
	if frames == 0 {
		frames = defaultFrames
	}
	return s.estimate(surface.Config{Width: s.targetWidth, Height: s.targetHeight, Slots: frames + spareSlots})
}
