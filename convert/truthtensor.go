package convert

import (
	"encoding/binary"
	"image"
	"math"

	"github.com/frameport/frameport/frame"
)

// TruthTensor makes the tensor of a host frame by the definition: one element at a
// time, in plain Go, see "Note: [Scaling in integers]". It is for tests. Converters
// differ from it by 1 in UINT8, and by 1e-3, or a thousandth of a value above 1, in
// floats.
func TruthTensor(src *frame.Frame, t Tensor) ([]byte, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	dst := make([]byte, t.Bytes())
	g, err := CheckTensor(src, t, dst)
	if err != nil {
		return nil, err
	}
	table := NewRGBTable(src.Color)
	in := resampled{cropped{source{src}, g}, g}
	for y := range t.Height {
		for x := range t.Width {
			values := [3]float64{float64(t.Pad), float64(t.Pad), float64(t.Pad)}
			if (image.Point{X: x, Y: y}).In(g.Inner) {
				ix, iy := x-g.Inner.Min.X, y-g.Inner.Min.Y
				cb, cr := in.chroma(ix, iy)
				r, gr, b := table.Apply(in.luma(ix, iy), cb, cr)
				values = [3]float64{float64(r), float64(gr), float64(b)}
				if t.BGR {
					values[0], values[2] = values[2], values[0]
				}
			}
			for c, v := range values {
				at := (c*t.Height+y)*t.Width + x
				if t.Layout == TensorNHWC {
					at = 3*(y*t.Width+x) + c
				}
				t.put(dst, at, t.element(c, v))
			}
		}
	}
	return dst, nil
}

// put rounds to the type.
func (t Tensor) put(dst []byte, at int, v float64) {
	switch t.Type {
	case TensorUint8:
		dst[at] = uint8(math.RoundToEven(max(0, min(v, 255))))
	case TensorFloat16:
		binary.LittleEndian.PutUint16(dst[2*at:], float16(v))
	default:
		binary.LittleEndian.PutUint32(dst[4*at:], math.Float32bits(float32(v)))
	}
}

// float16 is IEEE 754 binary16, to nearest even; too large becomes infinity.
func float16(v float64) uint16 {
	sign := uint16(math.Float64bits(v) >> 63 << 15)
	v = math.Abs(v)
	switch {
	case v >= 65520:
		return sign | 0x7C00
	case v < 1./(1<<14): // below the smallest normal
		return sign | uint16(math.RoundToEven(v*(1<<24)))
	}
	exponent := math.Ilogb(v)
	mantissa := math.RoundToEven(math.Ldexp(v, 10-exponent)) // 1024 to 2048, which carries
	return sign | uint16((exponent+14)<<10+int(mantissa))
}

// resampled is a crop scaled for a tensor.
type resampled struct {
	in cropped
	g  Geometry
}

func (s resampled) sample(at func(x, y int) uint8, h, v axis, x, y int) uint8 {
	if s.g.Averages() {
		return average(at, h, v, x, y)
	}
	return interpolate(at, h, v, x, y)
}

func (s resampled) luma(x, y int) uint8 {
	return s.sample(s.in.luma, axis{s.g.Inner.Dx(), s.g.Crop.Dx()}, axis{s.g.Inner.Dy(), s.g.Crop.Dy()}, x, y)
}

func (s resampled) chroma(x, y int) (cb, cr uint8) {
	if !s.g.Scales() {
		return s.in.chroma(x, y)
	}
	h := axis{half(s.g.Inner.Dx()), half(s.g.Crop.Dx())}
	v := axis{half(s.g.Inner.Dy()), half(s.g.Crop.Dy())}
	cb = s.sample(func(i, j int) uint8 { v, _ := s.in.block(i, j); return v }, h, v, x/2, y/2)
	cr = s.sample(func(i, j int) uint8 { _, v := s.in.block(i, j); return v }, h, v, x/2, y/2)
	return cb, cr
}
