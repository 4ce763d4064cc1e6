package kernels

import "github.com/frameport/frameport/gpu"

// The types here mirror params.h field by field; a test compares sizes and offsets.
// Sizes are in pixels, pitches in bytes.

// RGBTable and YCCTable are convert.RGBTable and convert.YCCTable, and convert to
// and from them.
type (
	RGBTable struct{ R, G, B [4]int32 }
	YCCTable struct {
		Y                   [3]int32
		Cb, Cr              [2]int32
		OffsetIn, OffsetOut int32
	}
)

// Picture is a 4:2:0 picture with interleaved chroma: NV12 for a depth of 8, P016
// for 16.
type Picture struct {
	Luma, Chroma           gpu.Address
	LumaPitch, ChromaPitch int32
	Width, Height          int32
	Depth                  int32
	_                      int32
}

// Rect is a corner and a size.
type Rect struct{ X, Y, Width, Height int32 }

// View is the part Crop of a source, and the part Inner of a result of Width x
// Height where it goes; the rest is black. Inner lies on even pixels. Only Resize
// and Tensor accept an Inner of another size than Crop.
type View struct {
	Source        Picture
	Crop, Inner   Rect
	Width, Height int32
}

// Layouts of RGB.
const (
	RGBPacked int32 = iota
	BGRPacked
	RGBPlanar
)

// RGB are the parameters of fp_nv12_to_rgb.
type RGB struct {
	View   View
	Out    [3]gpu.Address // one, or the three planes of RGBPlanar
	Table  RGBTable
	Pitch  int32
	Layout int32
}

// Layouts of chroma.
const (
	ChromaPlanar int32 = iota
	ChromaInterleaved
)

// JFIF420 are the parameters of fp_nv12_to_jfif420, which makes 4:2:0 of any colour.
type JFIF420 struct {
	View                   View
	Out                    [3]gpu.Address // Y, Cb and Cr, or Y and CbCr
	Table                  YCCTable
	LumaPitch, ChromaPitch int32
	Layout                 int32
}

// Gray8 are the parameters of fp_nv12_gray8.
type Gray8 struct {
	View  View
	Out   gpu.Address
	Table YCCTable
	Pitch int32
}

// Copy are the parameters of fp_copy_nv12 and fp_p016_to_nv12.
type Copy struct {
	View                   View
	Luma, Chroma           gpu.Address
	LumaPitch, ChromaPitch int32
}

// Filters.
const (
	Bilinear int32 = iota // at pixel centres
	Box                   // the mean of the area, for shrinking to less than half
)

// Resize are the parameters of fp_resize_nv12.
type Resize struct {
	View                   View
	Luma, Chroma           gpu.Address
	LumaPitch, ChromaPitch int32
	Filter                 int32
	Black                  int32 // the luma of the border
}

// Types and layouts of tensors.
const (
	TensorUint8 int32 = iota
	TensorFP16
	TensorFP32

	TensorNCHW int32 = 0
	TensorNHWC int32 = 1
)

// Tensor are the parameters of fp_nv12_to_tensor. An element is value*Scale[c] +
// Bias[c], c counting in the order of the output, and for TensorUint8 rounded and
// saturated. Strides are in elements.
type Tensor struct {
	View        View
	Out         gpu.Address
	PlaneStride int64
	Table       RGBTable
	Scale, Bias [3]float32
	Pad         [3]float32 // the values of the border
	RowStride   int32
	Type        int32
	Layout      int32
	BGR         int32 // 1 for blue first
	Filter      int32
}

// Hash are the parameters of fp_hash64. Out is 8 bytes of device memory that are
// zero before the launch.
type Hash struct {
	Source Picture
	Out    gpu.Address
}
