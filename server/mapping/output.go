package mapping

import (
	"fmt"
	"image"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/render"
)

// OutputError is a field of an OutputSpec that is wrong.
type OutputError struct {
	Reason apierr.Reason
	Field  string // path inside the OutputSpec
	Text   string // what is wrong and what is allowed
}

func (e *OutputError) Error() string { return e.Field + ": " + e.Text }

// Output reads the wanted form of a picture. Specs that mean the same give equal
// outputs. The error is an [*OutputError].
func Output(s *frameportv1.OutputSpec) (render.Output, error) {
	var o render.Output
	wrong := func(reason apierr.Reason, field, format string, args ...any) (render.Output, error) {
		return render.Output{}, &OutputError{reason, field, fmt.Sprintf(format, args...)}
	}
	if s.GetFormat() == frameportv1.ImageFormat_IMAGE_FORMAT_I420 {
		return wrong(apierr.InvalidFormat, "format", "is I420, which only shared frames have; use NV12 for YCbCr")
	}
	var ok bool
	if o.Format, ok = toCore(formats(), s.GetFormat()); !ok {
		return wrong(apierr.InvalidFormat, "format", "is %d, which this version doesn't know; use JPEG, RGB24, BGR24, NV12 or GRAY8", s.GetFormat())
	}
	if o.Fit, ok = toCore(fits(), s.GetFit()); !ok {
		return wrong(apierr.InvalidFit, "fit", "is %d, which this version doesn't know; use CONTAIN, COVER, STRETCH or LETTERBOX", s.GetFit())
	}
	if s != nil && s.Quality != nil {
		if q := s.GetQuality(); q < 1 || q > 100 {
			return wrong(apierr.InvalidQuality, "quality", "is %d; give 1 (smallest) to 100 (best), or leave it unset for 85", q)
		}
		if o.Format == render.FormatJPEG {
			o.Quality = int(s.GetQuality())
		}
	}
	for _, side := range []struct {
		name  string
		value int32
		to    *int
	}{{"width", s.GetWidth(), &o.Width}, {"height", s.GetHeight(), &o.Height}} {
		if side.value < 0 || side.value > convert.MaxSize {
			return wrong(apierr.InvalidSize, side.name, "is %d; give 1 to %d pixels, or 0 to keep the source's", side.value, convert.MaxSize)
		}
		*side.to = int(side.value)
	}
	if c := s.GetCrop(); c != nil {
		x, y, w, h := int(c.GetX()), int(c.GetY()), int(c.GetWidth()), int(c.GetHeight())
		if x < 0 || y < 0 || w < 1 || h < 1 {
			return wrong(apierr.InvalidCrop, "crop", "is %d,%d %dx%d; x and y must be 0 or more, width and height 1 or more", x, y, w, h)
		}
		o.Crop = image.Rect(x, y, x+w, y+h)
	}
	o.EnsureDefaults()
	return o, nil
}
