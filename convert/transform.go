package convert

// Transform maps a delivered picture or tensor back onto the frame that it was made
// of, so that a box found in one can be drawn in the other:
//
//	source_x = x*ScaleX + OffsetX
//	source_y = y*ScaleY + OffsetY
//
// This is frameport.v1.Transform (proto/frameport/v1/media.proto). Coordinates are
// continuous, in pixels, 0 being the left or top edge of the first pixel: the centre
// of column i is i + 0.5. It is also how pixels are sampled, so a column's centre maps
// to where its value is from. Points in the border of a letterbox map outside the crop.
type Transform struct {
	// ScaleX and ScaleY are source pixels per delivered pixel, above 0.
	ScaleX, ScaleY float64
	// OffsetX and OffsetY are the source position of the delivered left top corner.
	OffsetX, OffsetY float64
}

// Transform returns where the result's pixels are in the source: the inner rectangle
// shows the crop.
func (g Geometry) Transform() Transform {
	sx := float64(g.Crop.Dx()) / float64(g.Inner.Dx())
	sy := float64(g.Crop.Dy()) / float64(g.Inner.Dy())
	return Transform{
		ScaleX: sx, ScaleY: sy,
		OffsetX: float64(g.Crop.Min.X) - float64(g.Inner.Min.X)*sx,
		OffsetY: float64(g.Crop.Min.Y) - float64(g.Inner.Min.Y)*sy,
	}
}

// Transform resolves t for a source of w x h pixels. Errors wrap [ErrRequest].
func (t Tensor) Transform(w, h int) (Transform, error) {
	g, err := t.Resolve(w, h)
	if err != nil {
		return Transform{}, err
	}
	return g.Transform(), nil
}
