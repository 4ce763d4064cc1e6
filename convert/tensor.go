package convert

import (
	"errors"
	"fmt"
	"math"
)

// TensorType is the type of a tensor's elements, little-endian.
type TensorType uint8

// TensorUint8 is rounded to nearest and saturated to 0 to 255, TensorFloat16 and
// TensorFloat32 are IEEE 754 binary16 and binary32.
const (
	TensorUint8 TensorType = iota + 1
	TensorFloat16
	TensorFloat32
)

// Size is the bytes of one element, 0 for an unknown type.
func (t TensorType) Size() int { return [...]int{0, 1, 2, 4, 0}[min(t, TensorFloat32+1)] }

func (t TensorType) String() string {
	return [...]string{"no type", "UINT8", "FLOAT16", "FLOAT32", "unknown type"}[min(t, TensorFloat32+1)]
}

// largest is the largest finite value of a type. What is stored as UINT8 is a float
// before it is rounded.
func (t TensorType) largest() float64 {
	if t == TensorFloat16 {
		return 65504
	}
	return math.MaxFloat32
}

// TensorLayout is the order of a tensor's dimensions, slowest first.
type TensorLayout uint8

// TensorNCHW is planar, TensorNHWC interleaved.
const (
	TensorNCHW TensorLayout = iota + 1
	TensorNHWC
)

// Tensor describes the wanted form of a picture that a model reads: three channels of
// Width x Height elements. An element is
//
//	(value*Scale[c] - Mean[c]) / Std[c]
//
// with value the 0 to 255 of full-range RGB, which is a whole number, and c the
// channel in the order of the tensor. This is TensorSpec of the wire, with nothing
// left to a default; TensorSpec's one scale counts for all channels.
type Tensor struct {
	Type   TensorType
	Layout TensorLayout
	// Width and Height are in pixels, 1 to MaxSize.
	Width, Height int
	// Fit is FitLetterbox, FitCover or FitStretch: the size is fixed, so that
	// FitContain is none.
	Fit Fit
	// BGR: channel 0 is blue.
	BGR bool
	// Scale and Std are finite and not 0, Mean is finite.
	Scale, Mean, Std [3]float32
	// Pad is the value of a letterbox's border, 0 to 255, before Scale, Mean and Std.
	Pad float32
}

// Bytes is the size of one picture's tensor, which has no gaps.
func (t Tensor) Bytes() int { return 3 * t.Width * t.Height * t.Type.Size() }

// Validate reports everything that is wrong. Errors wrap [ErrRequest].
func (t Tensor) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrRequest}, args...)...))
	}
	if t.Type.Size() == 0 {
		wrong("tensor of type %d: use UINT8, FLOAT16 or FLOAT32", t.Type)
	}
	if t.Layout != TensorNCHW && t.Layout != TensorNHWC {
		wrong("tensor of layout %d: use NCHW or NHWC", t.Layout)
	}
	if t.Width < 1 || t.Width > MaxSize || t.Height < 1 || t.Height > MaxSize {
		wrong("tensor of %dx%d: use 1 to %d pixels a side", t.Width, t.Height, MaxSize)
	}
	if t.Fit != FitLetterbox && t.Fit != FitCover && t.Fit != FitStretch {
		wrong("tensor with fit %d: use LETTERBOX, COVER or STRETCH", t.Fit)
	}
	if !(t.Pad >= 0 && t.Pad <= 255) { // NaN is neither
		wrong("tensor with pad value %g: use 0 to 255", t.Pad)
	}
	for c := range 3 {
		ok := true
		for _, f := range [...]struct {
			name  string
			value float32
			zero  bool // is allowed
		}{{"scale", t.Scale[c], false}, {"mean", t.Mean[c], true}, {"std", t.Std[c], false}} {
			if !finite(f.value) || f.value == 0 && !f.zero {
				rule := "finite and not 0"
				if f.zero {
					rule = "finite"
				}
				wrong("tensor with %s %g for channel %d: must be %s", f.name, f.value, c, rule)
				ok = false
			}
		}
		if !ok || t.Type.Size() == 0 {
			continue
		}
		if most := max(math.Abs(t.element(c, 0)), math.Abs(t.element(c, 255))); most > t.Type.largest() {
			wrong("tensor with elements up to %g in channel %d: %v holds %g", most, c, t.Type, t.Type.largest())
		}
	}
	return errors.Join(errs...)
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

// element is the definition, not yet rounded to the type.
func (t Tensor) element(c int, value float64) float64 {
	return (value*float64(t.Scale[c]) - float64(t.Mean[c])) / float64(t.Std[c])
}

// Affine returns the same as two numbers for each channel: an element is
// value*scale[c] + bias[c].
func (t Tensor) Affine() (scale, bias [3]float32) {
	for c := range 3 {
		scale[c] = float32(float64(t.Scale[c]) / float64(t.Std[c]))
		bias[c] = float32(-float64(t.Mean[c]) / float64(t.Std[c]))
	}
	return scale, bias
}

// Resolve applies t to a source of w x h pixels: the geometry is that of a picture of
// the same size and fit. Errors wrap [ErrRequest] and name everything that is wrong.
func (t Tensor) Resolve(w, h int) (Geometry, error) {
	if err := t.Validate(); err != nil {
		return Geometry{}, err
	}
	return Resolve(Request{Width: t.Width, Height: t.Height, Fit: t.Fit}, w, h)
}
