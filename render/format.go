package render

import "github.com/frameport/frameport/media"

// Format is what a picture is delivered as.
type Format uint8

// FormatJPEG is the default; the others are raw pixels.
const (
	FormatJPEG Format = iota
	FormatRGB24
	FormatBGR24
	FormatNV12
	FormatGray8
)

// String returns the format's usual name.
func (f Format) String() string {
	if f == FormatJPEG {
		return "JPEG"
	}
	return f.Pixels().String()
}

// Pixels is the layout of a raw format, PixelUnknown for JPEG.
func (f Format) Pixels() media.PixelFormat {
	switch f {
	case FormatRGB24:
		return media.PixelRGB24
	case FormatBGR24:
		return media.PixelBGR24
	case FormatNV12:
		return media.PixelNV12
	case FormatGray8:
		return media.PixelGray8
	default:
		return media.PixelUnknown
	}
}
