package render

import (
	"fmt"
	"image"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/media"
)

// DefaultQuality is the JPEG quality of an Output that names none.
const DefaultQuality = 85

// Output describes the wanted picture. The zero value is a JPEG at full size.
// Outputs that are equal describe the same picture.
type Output struct {
	Format Format
	// Quality of JPEG, 1 to 100. 0 = DefaultQuality.
	Quality int
	// Width, Height and Fit are as in [convert.Request].
	Width, Height int
	Fit           convert.Fit
	// Crop is in source pixels; empty = all.
	Crop image.Rectangle
}

// EnsureDefaults fills what was left open, and clears what doesn't matter, so that
// equal pictures have equal outputs.
func (o *Output) EnsureDefaults() {
	switch {
	case o.Format != FormatJPEG:
		o.Quality = 0
	case o.Quality == 0:
		o.Quality = DefaultQuality
	}
	if o.Width == 0 || o.Height == 0 {
		o.Fit = convert.FitContain // there is no box to fit into
	}
}

// Validate reports what can be seen to be wrong without a frame. The error wraps
// [convert.ErrRequest] and names the field.
func (o Output) Validate() error {
	switch {
	case o.Format > FormatGray8:
		return o.problem("format", "unknown format %d", o.Format)
	case o.Format == FormatJPEG && (o.Quality < 1 || o.Quality > 100):
		return o.problem("quality", "it is %d, it must be 1 to 100", o.Quality)
	case o.Width < 0 || o.Width > convert.MaxSize:
		return o.problem("width", "it is %d, it must be 0 to %d pixels", o.Width, convert.MaxSize)
	case o.Height < 0 || o.Height > convert.MaxSize:
		return o.problem("height", "it is %d, it must be 0 to %d pixels", o.Height, convert.MaxSize)
	case o.Fit > convert.FitLetterbox:
		return o.problem("fit", "unknown fit %d", o.Fit)
	case o.Crop != image.Rectangle{} && o.Crop.Empty():
		return o.problem("crop", "%v has no pixels", o.Crop)
	case o.Crop.Min.X < 0 || o.Crop.Min.Y < 0:
		return o.problem("crop", "%v begins outside the picture", o.Crop)
	}
	return nil
}

func (Output) problem(field, format string, args ...any) error {
	return fmt.Errorf("%w: output.%s: %s", convert.ErrRequest, field, fmt.Sprintf(format, args...))
}

// request is what the converter has to do.
func (o Output) request() convert.Request {
	r := convert.Request{Crop: o.Crop, Width: o.Width, Height: o.Height, Fit: o.Fit, Format: o.Format.Pixels()}
	if o.Format == FormatJPEG {
		r.Format, r.Color = media.PixelI420, media.JFIF()
	}
	return r
}

// Geometry says where the picture that o makes of a w x h frame comes from and how
// large it is. The error wraps [convert.ErrRequest].
func (o Output) Geometry(w, h int) (convert.Geometry, error) {
	return convert.Resolve(o.request(), w, h)
}
