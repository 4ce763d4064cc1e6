package convert

import (
	"fmt"
	"image"
)

// MaxSize is the largest width and height of a converted picture in pixels.
const MaxSize = 8192

// Geometry is a request applied to a source of known size.
type Geometry struct {
	// Crop is the part of the source that is used, in source pixels.
	Crop image.Rectangle
	// Width and Height are the size of the result.
	Width, Height int
	// Inner is the part of the result that the crop is scaled into. It is all of
	// it except for FitLetterbox, where it is centred on even pixels and the rest
	// is black.
	Inner image.Rectangle
}

// Scales reports whether pixels have to be interpolated.
func (g Geometry) Scales() bool {
	return g.Inner.Dx() != g.Crop.Dx() || g.Inner.Dy() != g.Crop.Dy()
}

// Padded reports whether the result has black borders.
func (g Geometry) Padded() bool { return g.Inner != image.Rect(0, 0, g.Width, g.Height) }

// Resolve applies req to a source of w x h pixels. Errors wrap [ErrRequest] and
// name what is wrong.
func Resolve(req Request, w, h int) (Geometry, error) {
	crop, err := resolveCrop(req.Crop, w, h)
	if err != nil {
		return Geometry{}, err
	}
	switch {
	case req.Width < 0 || req.Height < 0:
		return Geometry{}, fmt.Errorf("%w: size %dx%d is negative", ErrRequest, req.Width, req.Height)
	case req.Width > MaxSize || req.Height > MaxSize:
		return Geometry{}, fmt.Errorf("%w: size %dx%d is too large, at most %d pixels a side", ErrRequest, req.Width, req.Height, MaxSize)
	case req.Fit > FitLetterbox:
		return Geometry{}, fmt.Errorf("%w: unknown fit %d", ErrRequest, req.Fit)
	}
	g := Geometry{Crop: crop, Width: req.Width, Height: req.Height}
	cw, ch := crop.Dx(), crop.Dy()
	switch {
	case req.Width == 0 && req.Height == 0:
		g.Width, g.Height = cw, ch
	case req.Height == 0:
		g.Height = scaled(ch, req.Width, cw)
	case req.Width == 0:
		g.Width = scaled(cw, req.Height, ch)
	case req.Fit == FitContain:
		g.Width, g.Height = inside(cw, ch, req.Width, req.Height)
	case req.Fit == FitCover:
		g.Crop = cover(crop, req.Width, req.Height)
	case req.Fit == FitLetterbox:
		iw, ih := inside(cw, ch, req.Width, req.Height)
		x, y := (req.Width-iw)/2&^1, (req.Height-ih)/2&^1
		g.Inner = image.Rect(x, y, x+iw, y+ih)
	}
	if g.Inner.Empty() {
		g.Inner = image.Rect(0, 0, g.Width, g.Height)
	}
	// Only a derived side can be too large here.
	if g.Width > MaxSize || g.Height > MaxSize {
		return Geometry{}, fmt.Errorf("%w: the picture would be %dx%d, at most %d pixels a side", ErrRequest, g.Width, g.Height, MaxSize)
	}
	return g, nil
}

func resolveCrop(crop image.Rectangle, w, h int) (image.Rectangle, error) {
	all := image.Rect(0, 0, w, h)
	switch {
	case all.Empty():
		return all, fmt.Errorf("%w: the source is %dx%d", ErrRequest, w, h)
	case crop == image.Rectangle{}:
		return all, nil
	case crop.Empty():
		return all, fmt.Errorf("%w: crop %v has no pixels", ErrRequest, crop)
	case !crop.In(all):
		return all, fmt.Errorf("%w: crop %v is outside the picture, which is %dx%d", ErrRequest, crop, w, h)
	}
	return crop, nil
}

// scaled is v * num / den, rounded, at least 1.
func scaled(v, num, den int) int { return max(1, (v*num+den/2)/den) }

// inside is the largest size with the shape of w x h in a box.
func inside(w, h, boxW, boxH int) (int, int) {
	if w*boxH >= boxW*h {
		return boxW, min(boxH, scaled(h, boxW, w))
	}
	return min(boxW, scaled(w, boxH, h)), boxH
}

// cover is the largest part in the middle of r that has the shape of a box.
func cover(r image.Rectangle, boxW, boxH int) image.Rectangle {
	w, h := inside(boxW, boxH, r.Dx(), r.Dy())
	x, y := r.Min.X+(r.Dx()-w)/2, r.Min.Y+(r.Dy()-h)/2
	return image.Rect(x, y, x+w, y+h)
}
