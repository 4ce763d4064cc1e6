package avcodec

// #cgo pkg-config: libavcodec libavutil libswscale
// #cgo CFLAGS: -O2 -Wall
// #cgo noescape fp_send
// #cgo nocallback fp_send
// #cgo noescape fp_receive
// #cgo nocallback fp_receive
// #cgo noescape fp_convert
// #cgo nocallback fp_convert
// #cgo noescape fp_slots_take
// #cgo nocallback fp_slots_take
// #cgo noescape fp_slots_out
// #cgo nocallback fp_slots_out
// #cgo noescape fp_slots_generation
// #cgo nocallback fp_slots_generation
// #include "bridge.h"
import "C"

import (
	"strings"
	"time"
	"unsafe"

	"github.com/asticode/go-astiav"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
)

// native is one libavcodec decoder. All calls come from the decoder's goroutine.
type native struct {
	ctx *astiav.CodecContext
	d   *C.fp_decoder
}

// newNative opens a decoder for codec. It takes over nothing on failure.
func newNative(codec *astiav.Codec, limits decoder.Limits) (*native, error) {
	C.fp_quiet()
	ctx := astiav.AllocCodecContext(codec)
	if ctx == nil {
		return nil, &Error{Op: "alloc context", Text: "out of memory"}
	}
	d := C.fp_attach((*C.AVCodecContext)(ctx.UnsafePointer()),
		C.int(limits.MaxWidth), C.int(limits.MaxHeight), C.int(limits.MaxPixels))
	if d == nil {
		ctx.Free()
		return nil, &Error{Op: "alloc decoder", Text: "out of memory"}
	}
	n := &native{ctx: ctx, d: d}
	if err := ctx.Open(codec, nil); err != nil {
		n.close()
		return nil, &Error{Op: "open " + codec.Name(), Text: err.Error()}
	}
	return n, nil
}

func (n *native) close() {
	n.ctx.Free()
	C.fp_free(n.d)
}

// send hands an access unit over; true means that out holds a picture. How it
// went is in outcome.
func (n *native) send(data []byte, token int64, gapsAllowed bool, out *astiav.Frame) bool {
	gaps := C.int(0)
	if gapsAllowed {
		gaps = 1
	}
	return C.fp_send(n.d, (*C.uint8_t)(unsafe.SliceData(data)), C.int(len(data)), C.int64_t(token), gaps,
		(*C.AVFrame)(out.UnsafePointer())) != 0
}

func (n *native) receive(out *astiav.Frame) bool {
	return C.fp_receive(n.d, (*C.AVFrame)(out.UnsafePointer())) != 0
}

func (n *native) end()   { C.fp_end(n.d) }
func (n *native) flush() { C.fp_flush(n.d) }

func (n *native) skipNonReference(on bool) {
	v := C.int(0)
	if on {
		v = 1
	}
	C.fp_skip_non_reference((*C.AVCodecContext)(n.ctx.UnsafePointer()), v)
}

// outcome says how the last send went.
type outcome struct {
	code          int // AVERROR, or 0
	damage        bool
	tooLarge      bool
	width, height int // of the picture that is too large
}

func (n *native) outcome() outcome {
	return outcome{
		code:     int(n.d.error),
		damage:   n.d.damage != 0,
		tooLarge: n.d.too_large != 0,
		width:    int(n.d.large_width),
		height:   int(n.d.large_height),
	}
}

// spent is the processor time of all calls that decode or convert.
func (n *native) spent() time.Duration { return time.Duration(n.d.spent) }

// message is libavcodec's explanation of the last error, or "".
func (n *native) message() string { return strings.TrimSpace(C.GoString(&n.d.message[0])) }

// pictureInfo describes the picture that the last send or receive gave.
type pictureInfo struct {
	token         int64
	bytes         int64
	width, height int
	layout        int
	matrix        astiav.ColorSpace
	fullRange     int
	corrupt       bool

	pitch          [3]int
	offset         [3]int64       // of the planes from the beginning of their buffers
	start          unsafe.Pointer // of the first buffer
	codedW, codedH int            // of the buffer that libavcodec asked for last
}

const (
	layoutDirect  = C.FP_DIRECT
	layoutRGB     = C.FP_RGB
	layoutUnknown = C.FP_UNKNOWN

	// Codes that mean more than "this access unit is broken".
	codeNoMemory     = -C.ENOMEM
	codePatchWelcome = C.AVERROR_PATCHWELCOME
	codeNoSys        = -C.ENOSYS
)

func (n *native) info() pictureInfo {
	p := &n.d.picture
	return pictureInfo{
		pitch:     [3]int{int(p.pitch[0]), int(p.pitch[1]), int(p.pitch[2])},
		offset:    [3]int64{int64(p.offset[0]), int64(p.offset[1]), int64(p.offset[2])},
		start:     unsafe.Pointer(p.start),
		codedW:    int(p.coded_width),
		codedH:    int(p.coded_height),
		token:     int64(p.token),
		bytes:     int64(p.bytes),
		width:     int(p.width),
		height:    int(p.height),
		layout:    int(p.layout),
		matrix:    astiav.ColorSpace(p.matrix),
		fullRange: int(p.full_range),
		corrupt:   p.corrupt != 0,
	}
}

func (n *native) formatName() string { return C.GoString(n.d.picture.format_name) }

// planes returns the picture's planes in place. They live as long as the
// reference in the AVFrame does.
func (n *native) planes() (planes [3]frame.Plane) {
	p := &n.d.picture
	w, h := int(p.width), int(p.height)
	for i := range planes {
		if i == 1 {
			w, h = (w+1)/2, (h+1)/2
		}
		pitch := int(p.pitch[i])
		planes[i] = frame.Plane{Data: unsafe.Slice((*byte)(p.plane[i]), pitch*(h-1)+w), Pitch: pitch}
	}
	return planes
}

// convert makes dst, an I420 frame, from the picture in src.
func (n *native) convert(src *astiav.Frame, dst *frame.Frame) error {
	p := &dst.Planes
	code := C.fp_convert(n.d, (*C.AVFrame)(src.UnsafePointer()), C.int(dst.Width), C.int(dst.Height),
		(*C.uint8_t)(unsafe.SliceData(p[0].Data)), C.int(p[0].Pitch),
		(*C.uint8_t)(unsafe.SliceData(p[1].Data)), C.int(p[1].Pitch),
		(*C.uint8_t)(unsafe.SliceData(p[2].Data)), C.int(p[2].Pitch))
	if code < 0 {
		return nativeError("convert "+n.formatName(), int(code))
	}
	return nil
}

// use says in which slots to decode; the zero value is none.
func (n *native) use(s slots) { C.fp_use(n.d, s.c) }

// align gives the size that a buffer must have for libavcodec's pictures of w x h.
func (n *native) align(w, h int) (alignedW, alignedH int) {
	cw, ch := C.int(w), C.int(h)
	C.fp_align(n.d, &cw, &ch)
	return int(cw), int(ch)
}

// delay is by how many pictures libavcodec reorders.
func (n *native) delay() int { return int(C.fp_delay(n.d)) }

// slots are those of a region, in C memory: slots.h. One goroutine takes them, they come
// back on any.
type slots struct{ c *C.fp_slots }

// newSlots divides memory into slots. They are taken in turn, or the lowest first.
func newSlots(memory []byte, l layout, count int, lowest bool) (slots, error) {
	cl := C.fp_layout{
		width: C.int(l.width), height: C.int(l.height),
		generation: C.int64_t(l.generation), stride: C.int64_t(l.stride), count: C.int(count),
	}
	if lowest {
		cl.lowest = 1
	}
	for i := range l.pitch {
		cl.pitch[i], cl.offset[i] = C.int(l.pitch[i]), C.int64_t(l.offset[i])
	}
	s := slots{C.fp_slots_new((*C.uint8_t)(unsafe.SliceData(memory)), &cl)}
	if s.c == nil {
		return s, &Error{Op: "alloc slots", Text: "out of memory"}
	}
	return s, nil
}

// take makes a free slot the memory of an empty picture; negative when there is none.
func (s slots) take(av *astiav.Frame) int {
	return int(C.fp_slots_take(s.c, (*C.AVFrame)(av.UnsafePointer())))
}

func (s slots) out() int                   { return int(C.fp_slots_out(s.c)) }
func (s slots) generation(slot int) uint64 { return uint64(C.fp_slots_generation(s.c, C.int(slot))) }
func (s slots) free()                      { C.fp_slots_free(s.c) }

// unrefPicture gives the buffers of a picture back, from any goroutine.
func unrefPicture(f *astiav.Frame) { C.av_frame_unref((*C.AVFrame)(f.UnsafePointer())) }

// Version names the FFmpeg this program was built with.
func Version() string {
	v := uint(C.avcodec_version())
	return "FFmpeg " + C.GoString(C.av_version_info()) + ", libavcodec " + dotted(v)
}

// License is the licence of the FFmpeg this program was built with.
func License() string { return C.GoString(C.avcodec_license()) }

// TuneAllocator makes the C library's allocator fit picture buffers: few arenas,
// and blocks of 64 KiB and more mapped on their own, so that the pictures of a
// camera that went away return to the system at once. The bound must be below the
// chroma planes of common sizes: with 256 KiB, those of 720p stay on the heap and
// hold on to more memory than without any tuning. It concerns the whole process
// and belongs at its start. It reports whether the C library listens (glibc does).
func TuneAllocator() bool { return C.fp_tune_allocator(2, 64<<10) != 0 }
