package turbo

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/media"
)

// maxSide is libjpeg's limit in pixels.
const maxSide = 65500

// ErrClosed is returned after Close.
var ErrClosed = errors.New("encoder closed")

// Config is what an Encoder is made from. The zero value is fine.
type Config struct {
	// Handles is how many pictures are encoded at a time. 0 = GOMAXPROCS.
	Handles int
}

// Encoder implements [jpeg.Encoder] for I420 and GRAY8 frames in host memory.
type Encoder struct {
	idle   chan handle // all of them, when nothing is encoded
	closed chan struct{}
	close  sync.Once
}

var _ jpeg.Encoder = (*Encoder)(nil)

// New makes an encoder and its handles.
func New(cfg Config) (*Encoder, error) {
	if cfg.Handles <= 0 {
		cfg.Handles = runtime.GOMAXPROCS(0)
	}
	e := &Encoder{idle: make(chan handle, cfg.Handles), closed: make(chan struct{})}
	for range cfg.Handles {
		h, err := newHandle()
		if err != nil {
			for len(e.idle) > 0 {
				(<-e.idle).free()
			}
			return nil, err
		}
		e.idle <- h
	}
	return e, nil
}

// Bound is the room in bytes that dst needs so that Encode writes a picture of
// w x h pixels in place. Other slices are appended to, with one copy.
func Bound(w, h int, gray bool) int { return bound(w, h, gray) }

// Encode implements [jpeg.Encoder].
func (e *Encoder) Encode(ctx context.Context, img *frame.Frame, opts jpeg.Options, dst []byte) ([]byte, error) {
	if err := check(img, opts); err != nil {
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
	select {
	case h := <-e.idle:
		defer func() { e.idle <- h }()
		return h.encode(img, opts.Quality, dst)
	case <-ctx.Done():
		return dst, ctx.Err()
	case <-e.closed:
		return dst, ErrClosed
	}
}

func check(img *frame.Frame, opts jpeg.Options) error {
	planes := 3
	switch img.Format {
	case media.PixelI420:
		if img.Color != media.JFIF() {
			return fmt.Errorf("%w: its colour is %v %v, JPEG is %v %v", jpeg.ErrInput,
				img.Color.Matrix, img.Color.Range, media.JFIF().Matrix, media.JFIF().Range)
		}
	case media.PixelGray8:
		planes = 1
	default:
		return fmt.Errorf("%w: format %v, it must be I420 or GRAY8", jpeg.ErrInput, img.Format)
	}
	if img.Width < 1 || img.Height < 1 || img.Width > maxSide || img.Height > maxSide {
		return fmt.Errorf("%w: %dx%d, a side must be 1 to %d pixels", jpeg.ErrInput, img.Width, img.Height, maxSide)
	}
	if opts.Quality < 1 || opts.Quality > 100 {
		return fmt.Errorf("%w: quality %d, it must be 1 to 100", jpeg.ErrInput, opts.Quality)
	}
	sizes, _ := img.Format.Planes(img.Width, img.Height)
	for i, p := range img.Planes[:planes] {
		if p.Pitch < sizes[i].RowBytes || len(p.Data) < p.Pitch*(sizes[i].Rows-1)+sizes[i].RowBytes {
			return fmt.Errorf("%w: plane %d is not in host memory, or too small", jpeg.ErrInput, i)
		}
	}
	return nil
}

// Close waits for the pictures in the works and frees the handles.
func (e *Encoder) Close() error {
	e.close.Do(func() {
		close(e.closed)
		for range cap(e.idle) {
			(<-e.idle).free()
		}
	})
	return nil
}
