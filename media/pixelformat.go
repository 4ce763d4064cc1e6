package media

// PixelFormat is the memory layout of a picture.
type PixelFormat uint8

// Layouts of 8-bit pictures. Width and height are in pixels; an odd width or
// height rounds the chroma planes up, as FFmpeg and libjpeg do.
const (
	PixelUnknown PixelFormat = iota
	PixelI420                // three planes: Y w x h, Cb and Cr ceil(w/2) x ceil(h/2)
	PixelNV12                // two planes: Y w x h, then CbCr pairs, 2*ceil(w/2) bytes x ceil(h/2) rows
	PixelRGB24               // one plane, 3 bytes a pixel, R first
	PixelBGR24               // one plane, 3 bytes a pixel, B first
	PixelGray8               // one plane, full-range luma
)

// String returns the format's usual name.
func (f PixelFormat) String() string {
	switch f {
	case PixelI420:
		return "I420"
	case PixelNV12:
		return "NV12"
	case PixelRGB24:
		return "RGB24"
	case PixelBGR24:
		return "BGR24"
	case PixelGray8:
		return "GRAY8"
	default:
		return "unknown"
	}
}

// PlaneSize is the tight size of one plane.
type PlaneSize struct {
	RowBytes int // bytes of a row that carry pixels, without padding
	Rows     int // number of rows
}

// Planes returns the plane sizes of a w x h picture in this format, and how
// many of them are used. An unknown format has none.
func (f PixelFormat) Planes(w, h int) (p [3]PlaneSize, n int) {
	cw, ch := (w+1)/2, (h+1)/2
	switch f {
	case PixelI420:
		return [3]PlaneSize{{w, h}, {cw, ch}, {cw, ch}}, 3
	case PixelNV12:
		return [3]PlaneSize{{w, h}, {2 * cw, ch}}, 2
	case PixelRGB24, PixelBGR24:
		return [3]PlaneSize{{3 * w, h}}, 1
	case PixelGray8:
		return [3]PlaneSize{{w, h}}, 1
	default:
		return p, 0
	}
}

// Size returns the bytes of a tightly packed w x h picture.
func (f PixelFormat) Size(w, h int) int {
	planes, n := f.Planes(w, h)
	total := 0
	for _, p := range planes[:n] {
		total += p.RowBytes * p.Rows
	}
	return total
}
