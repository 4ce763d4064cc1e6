package media

// Matrix names the coefficients that relate YCbCr to RGB.
type Matrix uint8

// The matrices cameras use. MatrixUnspecified asks for the rule of [Color.Resolve].
const (
	MatrixUnspecified Matrix = iota
	MatrixBT601              // Kr .299, Kb .114 (ITU-R BT.601, also JFIF)
	MatrixBT709              // Kr .2126, Kb .0722 (ITU-R BT.709)
	MatrixBT2020             // Kr .2627, Kb .0593 (ITU-R BT.2020, non-constant luminance)
)

// String returns the matrix' usual name.
func (m Matrix) String() string {
	switch m {
	case MatrixBT601:
		return "BT601"
	case MatrixBT709:
		return "BT709"
	case MatrixBT2020:
		return "BT2020"
	default:
		return "unspecified"
	}
}

// Range says which sample values are black and white.
type Range uint8

// RangeLimited is 16..235 for luma and 16..240 for chroma, RangeFull 0..255.
const (
	RangeUnspecified Range = iota
	RangeLimited
	RangeFull
)

// String returns the range's usual name.
func (r Range) String() string {
	switch r {
	case RangeLimited:
		return "limited"
	case RangeFull:
		return "full"
	default:
		return "unspecified"
	}
}

// Color describes how YCbCr samples are to be read.
type Color struct {
	Matrix Matrix
	Range  Range
}

// JFIF is the colour of every JPEG picture: BT.601, full range.
func JFIF() Color { return Color{MatrixBT601, RangeFull} }

// Override returns c with the specified parts of o in place of its own.
func (c Color) Override(o Color) Color {
	if o.Matrix != MatrixUnspecified {
		c.Matrix = o.Matrix
	}
	if o.Range != RangeUnspecified {
		c.Range = o.Range
	}
	return c
}

// Resolve fills what the stream left open, for a picture of the given height in
// pixels: BT.709 from 720 lines up and BT.601 below, limited range. That is what
// cameras that write no VUI mean by it.
func (c Color) Resolve(height int) Color {
	if c.Matrix == MatrixUnspecified {
		c.Matrix = MatrixBT601
		if height >= 720 {
			c.Matrix = MatrixBT709
		}
	}
	if c.Range == RangeUnspecified {
		c.Range = RangeLimited
	}
	return c
}
