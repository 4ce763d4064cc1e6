package convert

import (
	"math"

	"github.com/frameport/frameport/media"
)

// Note: [Colour in integers]
//
// Every colour conversion is a matrix of integers scaled by 2^16, applied as
// (sum + 32768) >> 16 and clamped to a byte. The coefficients follow from Kr and
// Kb (ITU-R BT.601, BT.709, BT.2020) and the range. All sums fit into 32 bits, so
// CPU and GPU agree bit for bit, and a test of one against the other needs no
// tolerance.
//
// A conversion between two YCbCr colours has no luma term in its chroma rows,
// because grey has no chroma in either. So 4:2:0 stays 4:2:0 and RGB is never
// visited.

const (
	fixedBits = 16
	fixedHalf = 1 << (fixedBits - 1)
)

// RGBTable holds the coefficients from YCbCr to RGB; a row is {Y, Cb, Cr, offset}.
type RGBTable struct{ R, G, B [4]int32 }

// YCCTable holds the coefficients from one YCbCr colour to another. Y acts on
// {Y-OffsetIn, Cb-128, Cr-128}, Cb and Cr act on {Cb-128, Cr-128}; OffsetOut is
// added to the luma and 128 to the chroma afterwards.
type YCCTable struct {
	Y         [3]int32
	Cb, Cr    [2]int32
	OffsetIn  int32
	OffsetOut int32
}

// Identity reports whether the table changes nothing.
func (t YCCTable) Identity() bool {
	return t.OffsetIn == t.OffsetOut && t.Y == [3]int32{1 << fixedBits} &&
		t.Cb == [2]int32{1 << fixedBits, 0} && t.Cr == [2]int32{0, 1 << fixedBits}
}

// NewRGBTable returns the table from c, whose parts must be specified, to
// full-range RGB.
func NewRGBTable(c media.Color) RGBTable {
	kr, kb := coefficients(c.Matrix)
	kg := 1 - kr - kb
	offset, ys, cs := levels(c.Range)
	row := func(cb, cr float64) [4]int32 {
		cb, cr = cb*cs, cr*cs
		return [4]int32{fixed(ys), fixed(cb), fixed(cr), fixed(-ys*offset - 128*(cb+cr))}
	}
	return RGBTable{
		R: row(0, 2*(1-kr)),
		G: row(-2*kb*(1-kb)/kg, -2*kr*(1-kr)/kg),
		B: row(2*(1-kb), 0),
	}
}

// NewYCCTable returns the table from one colour to another; all parts must be
// specified.
func NewYCCTable(from, to media.Color) YCCTable {
	kr, kb := coefficients(from.Matrix)
	kg := 1 - kr - kb
	inOffset, ys, cs := levels(from.Range)
	tr, tb := coefficients(to.Matrix)
	outOffset, yd, cd := levels(to.Range)

	// R, G and B from the source's chroma, without luma (which adds the same to
	// each), then luma and chroma differences of the target from those.
	luma := func(r, g, b float64) float64 { return tr*r + (1-tr-tb)*g + tb*b }
	column := func(r, g, b float64) (y, cb, cr float64) {
		y = luma(r, g, b)
		return y, (b - y) / (2 * (1 - tb)), (r - y) / (2 * (1 - tr))
	}
	yb, bb, rb := column(0, -2*kb*(1-kb)/kg, 2*(1-kb)) // of Cb
	yr, br, rr := column(2*(1-kr), -2*kr*(1-kr)/kg, 0) // of Cr
	return YCCTable{
		Y:         [3]int32{fixed(ys / yd), fixed(yb * cs / yd), fixed(yr * cs / yd)},
		Cb:        [2]int32{fixed(bb * cs / cd), fixed(br * cs / cd)},
		Cr:        [2]int32{fixed(rb * cs / cd), fixed(rr * cs / cd)},
		OffsetIn:  int32(inOffset),
		OffsetOut: int32(outOffset),
	}
}

// coefficients returns Kr and Kb.
func coefficients(m media.Matrix) (kr, kb float64) {
	switch m {
	case media.MatrixBT601:
		return .299, .114
	case media.MatrixBT2020:
		return .2627, .0593
	default:
		return .2126, .0722
	}
}

// levels returns the code of black and the scales from luma and chroma codes to
// 0..255.
func levels(r media.Range) (black, luma, chroma float64) {
	if r == media.RangeFull {
		return 0, 1, 1
	}
	return 16, 255. / 219, 255. / 224
}

func fixed(v float64) int32 { return int32(math.Round(v * (1 << fixedBits))) }

// Apply returns the RGB of one pixel.
func (t RGBTable) Apply(y, cb, cr uint8) (r, g, b uint8) {
	f := func(row [4]int32) uint8 {
		return clamp((row[0]*int32(y) + row[1]*int32(cb) + row[2]*int32(cr) + row[3] + fixedHalf) >> fixedBits)
	}
	return f(t.R), f(t.G), f(t.B)
}

// Luma returns the luma of one pixel.
func (t YCCTable) Luma(y, cb, cr uint8) uint8 {
	v := t.Y[0]*(int32(y)-t.OffsetIn) + t.Y[1]*(int32(cb)-128) + t.Y[2]*(int32(cr)-128)
	return clamp((v+fixedHalf)>>fixedBits + t.OffsetOut)
}

// Chroma returns one pair of chroma samples.
func (t YCCTable) Chroma(cb, cr uint8) (uint8, uint8) {
	f := func(row [2]int32) uint8 {
		v := row[0]*(int32(cb)-128) + row[1]*(int32(cr)-128)
		return clamp((v+fixedHalf)>>fixedBits + 128)
	}
	return f(t.Cb), f(t.Cr)
}

func clamp(v int32) uint8 { return uint8(max(0, min(255, v))) }

// TargetColor is the colour of the picture that req makes from a source of
// colour src. RGB has none; GRAY8 is luma in full range.
func TargetColor(req Request, src media.Color) media.Color {
	c := src.Override(req.Color)
	switch req.Format {
	case media.PixelRGB24, media.PixelBGR24:
		return media.Color{}
	case media.PixelGray8:
		c.Range = media.RangeFull
	}
	return c
}
