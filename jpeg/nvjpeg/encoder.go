package nvjpeg

import (
	"context"
	"fmt"
	"sync"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/media"
)

// MinSide is the smallest width and height in pixels: below it nvjpegEncodeYUV is
// known to fail (https://github.com/NVIDIA/nvImageCodec/issues/30).
const MinSide = 32

// maxSide is the limit of jpeg.Encoder's contract.
const maxSide = 65500

// Image is the [frame.Memory] of a planar 4:2:0 picture in device memory.
type Image interface {
	frame.Memory
	// Device is where the picture is. Another device's addresses would break ours.
	Device() *gpu.Device
	// DevicePlanes returns the planes Y, Cb and Cr, and the event that they are
	// written at, or nil when they are.
	DevicePlanes() (planes [3]gpu.DevicePlane, ready *gpu.Event)
}

// Encoder implements [jpeg.Encoder] for I420 frames whose memory is an [Image] on
// its device. Pictures with a side below MinSide, GRAY8 and frames in host memory are
// jpeg.ErrInput: they are for the CPU.
type Encoder struct {
	engine *engine
	idle   chan *state // all of them, when nothing is encoded
	closed chan struct{}

	closing sync.Once
	failure error // of Close
}

var _ jpeg.Encoder = (*Encoder)(nil)

// New finds a library that works and makes an encoder with it. It may take seconds.
// The error is ErrUnavailable when there is none, and says for each that was found
// what is wrong with it.
func New(ctx context.Context, cfg Config) (*Encoder, error) {
	return newEncoder(ctx, cfg, candidates(cfg.Library))
}

func newEncoder(ctx context.Context, cfg Config, paths []string) (*Encoder, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("nvjpeg: %w", err)
	}
	engine, err := find(ctx, cfg, paths)
	if err != nil {
		return nil, err
	}
	e := &Encoder{engine: engine, idle: make(chan *state, cfg.States), closed: make(chan struct{})}
	for _, s := range engine.states {
		e.idle <- s
	}
	return e, nil
}

// Library says which nvJPEG is used.
func (e *Encoder) Library() Library { return e.engine.library }

// Encode implements [jpeg.Encoder].
func (e *Encoder) Encode(ctx context.Context, img *frame.Frame, opts jpeg.Options, dst []byte) ([]byte, error) {
	p, err := e.input(img, opts)
	if err != nil {
		return dst, err
	}
	select {
	case <-e.closed:
		return dst, ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	if err := e.engine.device.Health(); err != nil {
		return dst, err
	}
	select {
	case s := <-e.idle:
		defer func() { e.idle <- s }()
		return s.measured(ctx, p, dst)
	case <-ctx.Done():
		return dst, ctx.Err()
	case <-e.closed:
		return dst, ErrClosed
	}
}

func fits(w, h int) bool { return w >= MinSide && h >= MinSide && w <= maxSide && h <= maxSide }

// input checks a picture and finds its planes.
func (e *Encoder) input(img *frame.Frame, opts jpeg.Options) (picture, error) {
	switch {
	case img.Format != media.PixelI420:
		return picture{}, fmt.Errorf("%w: format %v, on the GPU it must be I420", jpeg.ErrInput, img.Format)
	case img.Color != media.JFIF():
		return picture{}, fmt.Errorf("%w: its colour is %v %v, JPEG is %v %v", jpeg.ErrInput,
			img.Color.Matrix, img.Color.Range, media.JFIF().Matrix, media.JFIF().Range)
	case !fits(img.Width, img.Height):
		return picture{}, fmt.Errorf("%w: %dx%d, on the GPU a side must be %d to %d pixels", jpeg.ErrInput,
			img.Width, img.Height, MinSide, maxSide)
	case opts.Quality < 1 || opts.Quality > 100:
		return picture{}, fmt.Errorf("%w: quality %d, it must be 1 to 100", jpeg.ErrInput, opts.Quality)
	}
	image, ok := img.Memory().(Image)
	if !ok {
		return picture{}, fmt.Errorf("%w: it is not in device memory", jpeg.ErrInput)
	}
	if image.Device() != e.engine.device {
		return picture{}, fmt.Errorf("%w: it is on another GPU", jpeg.ErrInput)
	}
	p := picture{width: img.Width, height: img.Height, quality: opts.Quality}
	p.planes, p.ready = image.DevicePlanes()
	sizes, _ := img.Format.Planes(img.Width, img.Height)
	for i, plane := range p.planes {
		if plane.Address == 0 || plane.Pitch < sizes[i].RowBytes {
			return picture{}, fmt.Errorf("%w: plane %d is not in device memory, or its pitch %d is too small", jpeg.ErrInput, i, plane.Pitch)
		}
	}
	return p, nil
}

// Close waits for the pictures in the works and gives everything back.
func (e *Encoder) Close() error {
	e.closing.Do(func() {
		close(e.closed)
		for range cap(e.idle) {
			<-e.idle
		}
		e.failure = e.engine.close()
	})
	return e.failure
}
