package avcodec

import (
	"github.com/asticode/go-astiav"

	"github.com/frameport/frameport/media"
)

// colorOf is what the stream says about its colour (ITU-T H.273, table 4).
// Matrices that cameras don't use count as unspecified.
func colorOf(p pictureInfo) (c media.Color) {
	if p.layout == layoutRGB {
		return media.JFIF() // what the conversion makes of RGB
	}
	switch p.matrix {
	case astiav.ColorSpaceBt709:
		c.Matrix = media.MatrixBT709
	case astiav.ColorSpaceBt470Bg, astiav.ColorSpaceSmpte170M, astiav.ColorSpaceFcc:
		c.Matrix = media.MatrixBT601
	case astiav.ColorSpaceBt2020Ncl, astiav.ColorSpaceBt2020Cl:
		c.Matrix = media.MatrixBT2020
	}
	switch p.fullRange {
	case 0:
		c.Range = media.RangeLimited
	case 1:
		c.Range = media.RangeFull
	}
	return c
}
