package hostconv

// #cgo pkg-config: libswscale libavutil
// #cgo CFLAGS: -O3 -Wall
// #cgo noescape fp_luma
// #cgo nocallback fp_luma
// #cgo noescape fp_chroma
// #cgo nocallback fp_chroma
// #cgo noescape fp_rgb
// #cgo nocallback fp_rgb
// #cgo noescape fp_split
// #cgo nocallback fp_split
// #cgo noescape fp_scale
// #cgo nocallback fp_scale
// #cgo noescape fp_tensor_scratch
// #cgo nocallback fp_tensor_scratch
// #cgo noescape fp_tensor_write
// #cgo nocallback fp_tensor_write
// #include "kernels.h"
// #include "tensor.h"
import "C"

import (
	"fmt"
	"image"
	"unsafe"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// view is a part of a 4:2:0 picture with three planes.
type view struct {
	planes         [3]frame.Plane
	w, h           int
	phaseX, phaseY int // 1: the part begins in the second half of a chroma block
}

// crop is the part r of an I420 picture.
func crop(p [3]frame.Plane, r image.Rectangle) view {
	v := view{w: r.Dx(), h: r.Dy(), phaseX: r.Min.X & 1, phaseY: r.Min.Y & 1}
	v.planes[0] = from(p[0], r.Min.X, r.Min.Y)
	v.planes[1] = from(p[1], r.Min.X/2, r.Min.Y/2)
	v.planes[2] = from(p[2], r.Min.X/2, r.Min.Y/2)
	return v
}

// from is the plane beginning at byte x of row y.
func from(p frame.Plane, x, y int) frame.Plane {
	return frame.Plane{Data: p.Data[y*p.Pitch+x:], Pitch: p.Pitch}
}

func ptr(p frame.Plane) *C.uint8_t    { return (*C.uint8_t)(unsafe.SliceData(p.Data)) }
func pitch(p frame.Plane) C.ptrdiff_t { return C.ptrdiff_t(p.Pitch) }
func swsPitch(p frame.Plane) C.int    { return C.int(p.Pitch) }
func table(t []int32) *C.int32_t      { return (*C.int32_t)(unsafe.SliceData(t)) }
func halves(v view) (w, h C.int)      { return C.int((v.w + 1) / 2), C.int((v.h + 1) / 2) }
func size(v view) (w, h, px, py C.int) {
	return C.int(v.w), C.int(v.h), C.int(v.phaseX), C.int(v.phaseY)
}

func luma(dst frame.Plane, v view, t convert.YCCTable) {
	w, h, px, py := size(v)
	row := [5]int32{t.Y[0], t.Y[1], t.Y[2], t.OffsetIn, t.OffsetOut}
	p := &v.planes
	C.fp_luma(ptr(dst), pitch(dst), ptr(p[0]), pitch(p[0]), ptr(p[1]), pitch(p[1]), ptr(p[2]), pitch(p[2]),
		w, h, px, py, table(row[:]))
}

// chroma writes planes, or pairs when dstV has no data.
func chroma(dstU, dstV frame.Plane, v view, t convert.YCCTable) {
	w, h := halves(v)
	rows := [4]int32{t.Cb[0], t.Cb[1], t.Cr[0], t.Cr[1]}
	p := &v.planes
	C.fp_chroma(ptr(dstU), pitch(dstU), ptr(dstV), pitch(dstV), ptr(p[1]), pitch(p[1]), ptr(p[2]), pitch(p[2]),
		w, h, table(rows[:]))
}

func rgb(dst frame.Plane, v view, t convert.RGBTable, bgr bool) {
	w, h, px, py := size(v)
	rows := [12]int32{
		t.R[0], t.R[1], t.R[2], t.R[3],
		t.G[0], t.G[1], t.G[2], t.G[3],
		t.B[0], t.B[1], t.B[2], t.B[3],
	}
	b := C.int(0)
	if bgr {
		b = 1
	}
	p := &v.planes
	C.fp_rgb(ptr(dst), pitch(dst), ptr(p[0]), pitch(p[0]), ptr(p[1]), pitch(p[1]), ptr(p[2]), pitch(p[2]),
		w, h, px, py, table(rows[:]), b)
}

// split takes the chroma pairs of an NV12 picture of w x h pixels apart.
func split(dstU, dstV, uv frame.Plane, w, h int) {
	C.fp_split(ptr(dstU), pitch(dstU), ptr(dstV), pitch(dstV), ptr(uv), pitch(uv), C.int((w+1)/2), C.int((h+1)/2))
}

// scaler is a swscale context; one call at a time.
type scaler struct {
	ratio ratio
	c     *C.struct_SwsContext
}

type ratio struct{ srcW, srcH, dstW, dstH int }

func newScaler(r ratio) (*scaler, error) {
	c := C.fp_scaler_new(C.int(r.srcW), C.int(r.srcH), C.int(r.dstW), C.int(r.dstH))
	if c == nil {
		return nil, fmt.Errorf("%w: swscale can't scale %dx%d to %dx%d", convert.ErrRequest, r.srcW, r.srcH, r.dstW, r.dstH)
	}
	return &scaler{ratio: r, c: c}, nil
}

// scale fills dst, which has the scaler's target size.
func (s *scaler) scale(dst [3]frame.Plane, v view) error {
	p := &v.planes
	rows := C.fp_scale(s.c, C.int(v.h), ptr(p[0]), swsPitch(p[0]), ptr(p[1]), swsPitch(p[1]), ptr(p[2]), swsPitch(p[2]),
		ptr(dst[0]), swsPitch(dst[0]), ptr(dst[1]), swsPitch(dst[1]), ptr(dst[2]), swsPitch(dst[2]))
	if int(rows) != s.ratio.dstH {
		return fmt.Errorf("swscale made %d rows of %d", int(rows), s.ratio.dstH)
	}
	return nil
}

func (s *scaler) free() { C.fp_scaler_free(s.c) }

// tensorJob is a tensor of one source's shape.
type tensorJob C.fp_tensor

func newTensorJob(src *frame.Frame, t convert.Tensor, g convert.Geometry) tensorJob {
	j := tensorJob{
		crop_x: C.int32_t(g.Crop.Min.X), crop_y: C.int32_t(g.Crop.Min.Y), crop_w: C.int32_t(g.Crop.Dx()), crop_h: C.int32_t(g.Crop.Dy()),
		inner_x: C.int32_t(g.Inner.Min.X), inner_y: C.int32_t(g.Inner.Min.Y), inner_w: C.int32_t(g.Inner.Dx()), inner_h: C.int32_t(g.Inner.Dy()),
		width: C.int32_t(t.Width), height: C.int32_t(t.Height), pad: C.float(t.Pad),
		average: flag(g.Averages()), pairs: flag(src.Format == media.PixelNV12), nhwc: flag(t.Layout == convert.TensorNHWC), bgr: flag(t.BGR),
	}
	switch t.Type {
	case convert.TensorUint8:
		j._type = C.FP_UINT8
	case convert.TensorFloat16:
		j._type = C.FP_FLOAT16
	default:
		j._type = C.FP_FLOAT32
	}
	table := convert.NewRGBTable(src.Color)
	for i, row := range [3][4]int32{table.R, table.G, table.B} {
		for k, v := range row {
			j.rgb[4*i+k] = C.int32_t(v)
		}
	}
	scale, bias := t.Affine()
	for c := range 3 {
		j.scale[c], j.bias[c] = C.float(scale[c]), C.float(bias[c])
	}
	return j
}

func flag(v bool) C.int32_t {
	if v {
		return 1
	}
	return 0
}

// scratch is the bytes of memory that write works in.
func (j *tensorJob) scratch() int { return int(C.fp_tensor_scratch((*C.fp_tensor)(j))) }

// write fills dst, which has the tensor's size.
func (j *tensorJob) write(src *frame.Frame, dst []byte, scratch []uint64) {
	p := &src.Planes
	C.fp_tensor_write((*C.fp_tensor)(j), ptr(p[0]), pitch(p[0]), ptr(p[1]), pitch(p[1]), ptr(p[2]), pitch(p[2]),
		(*C.uint8_t)(unsafe.SliceData(dst)), (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(scratch))))
}
