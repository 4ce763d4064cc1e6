package hostconv

import (
	"context"
	"errors"
	"image"
	"runtime"
	"sync/atomic"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/internal/shelf"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

var (
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("converter closed")
	// ErrSource: the frame is in device memory, so that device's converter has to
	// read it.
	ErrSource = errors.New("frame is not in host memory")
)

// Config is what a Converter is made from. The zero value is fine.
type Config struct {
	// Parallel is how many conversions are expected at a time; it bounds what is
	// kept idle. 0 = GOMAXPROCS.
	Parallel int
	// Account is where results are booked; may be nil.
	Account *frame.Account
}

// Converter implements [convert.Converter] for frames in host memory.
type Converter struct {
	shelf     *shelf.Shelf
	scalers   scalers
	scratches scratches
	closed    atomic.Bool
}

var _ convert.Converter = (*Converter)(nil)

// New returns a converter.
func New(cfg Config) *Converter {
	if cfg.Parallel <= 0 {
		cfg.Parallel = runtime.GOMAXPROCS(0)
	}
	return &Converter{
		shelf:     shelf.New(cfg.Parallel, cfg.Account),
		scalers:   scalers{keep: 4 * cfg.Parallel},
		scratches: scratches{keep: cfg.Parallel},
	}
}

// Convert implements [convert.Converter].
func (c *Converter) Convert(ctx context.Context, src *frame.Frame, req convert.Request) (*frame.Frame, error) {
	if err := c.usable(ctx); err != nil {
		return nil, err
	}
	if err := convert.CheckFormats(src.Format, req.Format); err != nil {
		return nil, err
	}
	g, err := convert.Resolve(req, src.Width, src.Height)
	if err != nil {
		return nil, err
	}
	target := convert.TargetColor(req, src.Color)
	whole := g.Crop == image.Rect(0, 0, src.Width, src.Height)
	if req.Format == src.Format && whole && !g.Scales() && !g.Padded() && target == src.Color {
		return src.Retain(), nil
	}
	planar := src
	if src.Format == media.PixelNV12 {
		planar = c.planar(src)
		defer planar.Release()
	}
	dst := c.shelf.Get(req.Format, g.Width, g.Height)
	info := src.Info
	info.Format, info.Width, info.Height, info.Color = req.Format, g.Width, g.Height, target
	dst.Info = info
	if err := c.fill(dst, crop(planar.Planes, g.Crop), g, src.Color); err != nil {
		dst.Release()
		return nil, err
	}
	return dst, nil
}

// planar makes I420 of NV12.
func (c *Converter) planar(src *frame.Frame) *frame.Frame {
	f := c.shelf.Get(media.PixelI420, src.Width, src.Height)
	copyPlane(f.Planes[0], src.Planes[0], src.Width, src.Height)
	split(f.Planes[1], f.Planes[2], src.Planes[1], src.Width, src.Height)
	return f
}

// fill makes the picture in dst.
func (c *Converter) fill(dst *frame.Frame, v view, g convert.Geometry, color media.Color) error {
	ycc := convert.YCCTable{}
	isRGB := dst.Format == media.PixelRGB24 || dst.Format == media.PixelBGR24
	if !isRGB {
		ycc = convert.NewYCCTable(color, dst.Color)
	}
	if g.Padded() {
		blacken(dst)
	}
	inner := part(dst, g.Inner)
	if g.Scales() {
		s, err := c.scalers.take(ratio{v.w, v.h, g.Inner.Dx(), g.Inner.Dy()})
		if err != nil {
			return err
		}
		defer c.scalers.put(s)
		// swscale fills rows up to the next multiple of 16: into the padding of a
		// row that is whole, but into the border of a letterbox.
		if dst.Format == media.PixelI420 && ycc.Identity() && !g.Padded() {
			return s.scale(inner, v)
		}
		tmp := c.shelf.Get(media.PixelI420, g.Inner.Dx(), g.Inner.Dy())
		defer tmp.Release()
		if err := s.scale(tmp.Planes, v); err != nil {
			return err
		}
		v = crop(tmp.Planes, image.Rect(0, 0, tmp.Width, tmp.Height))
	}
	if isRGB {
		rgb(inner[0], v, convert.NewRGBTable(color), dst.Format == media.PixelBGR24)
		return nil
	}
	luma(inner[0], v, ycc)
	if dst.Format != media.PixelGray8 {
		chroma(inner[1], inner[2], v, ycc)
	}
	return nil
}

// part returns the planes of the rectangle r of f, which begins on even pixels.
func part(f *frame.Frame, r image.Rectangle) (p [3]frame.Plane) {
	x, y := r.Min.X, r.Min.Y
	switch f.Format {
	case media.PixelI420:
		p[0], p[1], p[2] = from(f.Planes[0], x, y), from(f.Planes[1], x/2, y/2), from(f.Planes[2], x/2, y/2)
	case media.PixelNV12:
		p[0], p[1] = from(f.Planes[0], x, y), from(f.Planes[1], x, y/2)
	case media.PixelGray8:
		p[0] = from(f.Planes[0], x, y)
	default:
		p[0] = from(f.Planes[0], 3*x, y)
	}
	return p
}

// blacken paints a frame black.
func blacken(f *frame.Frame) {
	levels := [3]byte{0, 128, 128}
	if f.Color.Range == media.RangeLimited {
		levels[0] = 16
	}
	for i, p := range f.Planes {
		for j := range p.Data {
			p.Data[j] = levels[i]
		}
	}
}

func copyPlane(dst, src frame.Plane, w, h int) {
	for y := range h {
		copy(dst.Data[y*dst.Pitch:][:w], src.Data[y*src.Pitch:])
	}
}

// Close frees what is kept idle. Results that are still out stay valid.
func (c *Converter) Close() error {
	if !c.closed.Swap(true) {
		c.shelf.Close()
		c.scalers.close()
		c.scratches.close()
	}
	return nil
}
