package nvdec

// #cgo pkg-config: ffnvcodec
// #cgo CFLAGS: -O2 -Wall -Wextra -I${SRCDIR}/../../gpu/include
// #cgo noescape fp_nvdec_parse
// #cgo nocallback fp_nvdec_parse
// #cgo noescape fp_nvdec_map
// #cgo nocallback fp_nvdec_map
// #cgo noescape fp_nvdec_copy
// #cgo nocallback fp_nvdec_copy
// #include "nvdec.h"
import "C"

import (
	"unsafe"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

const (
	codecH264 = C.cudaVideoCodec_H264
	codecHEVC = C.cudaVideoCodec_HEVC
	codecJPEG = C.cudaVideoCodec_JPEG
	codecVP8  = C.cudaVideoCodec_VP8
	codecVP9  = C.cudaVideoCodec_VP9

	outputNV12 = C.cudaVideoSurfaceFormat_NV12
	outputP016 = C.cudaVideoSurfaceFormat_P016

	maxSurfaces = C.FP_NVDEC_SURFACES
)

// cudaCodec is the driver's number of a codec that this package decodes.
func cudaCodec(c media.Codec) (codec int, ok bool) {
	switch c {
	case media.CodecH264:
		return codecH264, true
	case media.CodecH265:
		return codecHEVC, true
	case media.CodecMJPEG:
		return codecJPEG, true
	case media.CodecVP8:
		return codecVP8, true
	case media.CodecVP9:
		return codecVP9, true
	default:
		return 0, false
	}
}

// isVPX: without parameter sets, and with pictures that are decoded and not shown.
func isVPX(codec int) bool { return codec == codecVP8 || codec == codecVP9 }

// caps is what a device can decode of one codec, chroma format and depth.
type caps struct {
	known, supported    bool
	formats             uint // bit per output format
	minWidth, minHeight int
	maxWidth, maxHeight int
	maxMacroblocks      int
	engines             int // 0 from drivers that do not tell
}

func askCaps(d *gpu.Device, codec, chroma, depth int) (caps, int) {
	var c C.fp_nvdec_caps
	code := C.fp_nvdec_ask((*C.fp_cuda)(d.Driver().CUDA()), (*C.fp_cuvid)(d.Driver().CUVID()), d.Context(),
		C.int(codec), C.int(chroma), C.int(depth), &c)
	return caps{
		known: c.known != 0, supported: c.supported != 0, formats: uint(c.formats),
		minWidth: int(c.min_width), minHeight: int(c.min_height),
		maxWidth: int(c.max_width), maxHeight: int(c.max_height), maxMacroblocks: int(c.max_macroblocks),
		engines: int(c.engines),
	}, int(code)
}

// native is one session. All calls come from the decoder's goroutine.
type native struct{ c *C.fp_nvdec }

// newNative returns false when the process has no memory.
func newNative(d *gpu.Device, codec int, noReorder bool) (native, bool) {
	n := C.int(0)
	if noReorder {
		n = 1
	}
	c := C.fp_nvdec_new((*C.fp_cuda)(d.Driver().CUDA()), (*C.fp_cuvid)(d.Driver().CUVID()), d.Context(), C.int(codec), n)
	return native{c}, c != nil
}

// free ends what has been destroyed; the native must not be used any more.
func (n native) free() { C.fp_nvdec_free(n.c) }

func (n native) setStream(s *gpu.Stream) { C.fp_nvdec_set_stream(n.c, s.Handle()) }

// format is the driver's view of a stream.
type format struct {
	raw C.CUVIDEOFORMAT
	coding
	left, top, right, bottom int // what is shown
	minSurfaces              int
	fullRange                bool
	matrix                   int // ITU-T H.273, table 4
}

func (n native) probe(data []byte) (f format, found bool, code int) {
	var facts C.fp_nvdec_facts
	var ok C.int
	code = int(C.fp_nvdec_probe(n.c, (*C.uint8_t)(unsafe.SliceData(data)), C.size_t(len(data)), &f.raw, &facts, &ok))
	f.chroma = int(facts.chroma)
	f.lumaDepth, f.chromaDepth = int(facts.luma_depth), int(facts.chroma_depth)
	f.codedWidth, f.codedHeight = int(facts.coded_width), int(facts.coded_height)
	f.left, f.top, f.right, f.bottom = int(facts.left), int(facts.top), int(facts.right), int(facts.bottom)
	f.minSurfaces = int(facts.min_surfaces)
	f.fullRange, f.matrix = facts.full_range != 0, int(facts.matrix)
	return f, ok != 0, code
}

func (s *setup) c() C.fp_nvdec_setup {
	wide := C.int(0)
	if s.wide {
		wide = 1
	}
	return C.fp_nvdec_setup{
		format: s.format.raw, surfaces: C.int(s.surfaces), wide: wide,
		left: C.int(s.format.left), top: C.int(s.format.top), right: C.int(s.right), bottom: C.int(s.bottom),
		width: C.int(s.targetWidth), height: C.int(s.targetHeight),
	}
}

func (n native) create(s *setup) int {
	c := s.c()
	return int(C.fp_nvdec_create(n.c, &c))
}

func (n native) canReconfigure(s *setup) bool {
	c := s.c()
	return C.fp_nvdec_can_reconfigure(n.c, &c) != 0
}

func (n native) reconfigure(s *setup) int {
	c := s.c()
	return int(C.fp_nvdec_reconfigure(n.c, &c))
}

func (n native) destroy() int { return int(C.fp_nvdec_destroy(n.c)) }

// parse hands an access unit to the parser; nil is the end of the stream. second is
// where a second field begins, or 0.
func (n native) parse(data []byte, second int, token int64) int {
	return int(C.fp_nvdec_parse(n.c, (*C.uint8_t)(unsafe.SliceData(data)), C.size_t(len(data)), C.size_t(second), C.int64_t(token)))
}

// outcome says how the last parse went.
type outcome struct {
	shown    int // pictures whose turn has come
	decoded  int
	mismatch bool // the stream is not what the decoder was made for
	code     int  // of a call within the parser's callbacks
	op       string
}

func (n native) outcome() outcome {
	o := outcome{
		shown: int(n.c.shown_count), decoded: int(n.c.decoded),
		mismatch: n.c.mismatch != 0, code: int(n.c.failed),
	}
	if o.code != 0 {
		o.op = C.GoString(n.c.failed_op)
	}
	return o
}

// shown is a picture whose turn has come.
type shown struct {
	token int64
	lost  bool // overwritten before it could be taken
	saved bool // mapped already
}

func (n native) shown(i int) shown {
	s := &n.c.shown[i]
	return shown{token: int64(s.token), lost: s.lost != 0, saved: s.address != 0}
}

// damaged are the tokens of pictures that the last parse or map found damaged.
func (n native) damaged(yield func(token int64) bool) {
	for i := range int(n.c.damaged_count) {
		if !yield(int64(n.c.damaged[i])) {
			return
		}
	}
}

// picture is a mapped picture: luma, and chroma below it.
type picture struct {
	address gpu.Address
	pitch   int
}

func (n native) mapPicture(i int) (picture, int) {
	var address C.ulonglong
	var pitch C.uint
	code := C.fp_nvdec_map(n.c, C.int(i), &address, &pitch)
	return picture{gpu.Address(address), int(pitch)}, int(code)
}

// copy queues the copy of an 8-bit picture into a slot, and its event.
func (n native) copy(p picture, s *surface.Slot) int {
	luma, chroma := s.Luma(), s.Chroma()
	return int(C.fp_nvdec_copy(n.c, C.ulonglong(p.address), C.uint(p.pitch),
		C.uint64_t(luma.Address), C.uint64_t(chroma.Address), C.size_t(luma.Pitch), s.Written().Handle()))
}

func (n native) unmap() int { return int(C.fp_nvdec_unmap(n.c)) }
