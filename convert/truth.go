package convert

import (
	"fmt"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// Truth makes the picture req describes, by the definition: one pixel at a time,
// in plain Go. Scaling is bilinear and a reference for a tolerance only, everything
// else is exact. It is for tests; the frame comes from a pool of its own.
func Truth(src *frame.Frame, req Request) (*frame.Frame, error) {
	if err := CheckFormats(src.Format, req.Format); err != nil {
		return nil, err
	}
	g, err := Resolve(req, src.Width, src.Height)
	if err != nil {
		return nil, err
	}
	var in picture = cropped{source{src}, g}
	if g.Scales() {
		in = &interpolated{in: in, srcW: g.Crop.Dx(), srcH: g.Crop.Dy(), w: g.Inner.Dx(), h: g.Inner.Dy()}
	}
	dst := frame.NewPool(0, nil).Get(req.Format, g.Width, g.Height)
	info := src.Info
	info.Format, info.Width, info.Height = req.Format, g.Width, g.Height
	info.Color = TargetColor(req, src.Color)
	dst.Info = info
	if req.Format == media.PixelRGB24 || req.Format == media.PixelBGR24 {
		truthRGB(dst, in, g, NewRGBTable(src.Color))
	} else {
		truthYCC(dst, in, g, NewYCCTable(src.Color, info.Color))
	}
	return dst, nil
}

// CheckFormats reports with an error that wraps [ErrRequest] whether there is a
// way from one layout to the other.
func CheckFormats(src, dst media.PixelFormat) error {
	if err := checkSource(src); err != nil {
		return err
	}
	switch dst {
	case media.PixelI420, media.PixelNV12, media.PixelRGB24, media.PixelBGR24, media.PixelGray8:
		return nil
	default:
		return fmt.Errorf("%w: %v is no format to convert to", ErrRequest, dst)
	}
}

func checkSource(src media.PixelFormat) error {
	if src != media.PixelI420 && src != media.PixelNV12 {
		return fmt.Errorf("%w: frames of format %v can't be converted", ErrRequest, src)
	}
	return nil
}

// picture is anything with a luma sample for every pixel, and a chroma pair for
// every pixel and for every 2x2 block.
type picture interface {
	luma(x, y int) uint8
	chroma(x, y int) (cb, cr uint8)
	block(i, j int) (cb, cr uint8)
}

type source struct{ f *frame.Frame }

func (s source) luma(x, y int) uint8 { return s.f.Planes[0].Data[y*s.f.Planes[0].Pitch+x] }

func (s source) block(i, j int) (cb, cr uint8) {
	p := &s.f.Planes
	if s.f.Format == media.PixelNV12 {
		o := j*p[1].Pitch + 2*i
		return p[1].Data[o], p[1].Data[o+1]
	}
	return p[1].Data[j*p[1].Pitch+i], p[2].Data[j*p[2].Pitch+i]
}

type cropped struct {
	source
	g Geometry
}

func (c cropped) luma(x, y int) uint8 { return c.source.luma(c.g.Crop.Min.X+x, c.g.Crop.Min.Y+y) }

func (c cropped) chroma(x, y int) (cb, cr uint8) {
	return c.source.block((c.g.Crop.Min.X+x)/2, (c.g.Crop.Min.Y+y)/2)
}

func (c cropped) block(i, j int) (cb, cr uint8) {
	return c.source.block(c.g.Crop.Min.X/2+i, c.g.Crop.Min.Y/2+j)
}

// interpolated scales luma and chroma planes each on its own grid.
type interpolated struct {
	in         picture
	srcW, srcH int
	w, h       int
}

func (s *interpolated) luma(x, y int) uint8 {
	return bilinear(x, y, s.w, s.h, s.srcW, s.srcH, s.in.luma)
}

func (s *interpolated) block(i, j int) (cb, cr uint8) {
	w, h, srcW, srcH := half(s.w), half(s.h), half(s.srcW), half(s.srcH)
	cb = bilinear(i, j, w, h, srcW, srcH, func(x, y int) uint8 { v, _ := s.in.block(x, y); return v })
	cr = bilinear(i, j, w, h, srcW, srcH, func(x, y int) uint8 { _, v := s.in.block(x, y); return v })
	return cb, cr
}

func (s *interpolated) chroma(x, y int) (cb, cr uint8) { return s.block(x/2, y/2) }

func half(v int) int { return (v + 1) / 2 }

// bilinear samples a plane at the centre of pixel x,y of a w x h grid laid over it.
func bilinear(x, y, w, h, srcW, srcH int, at func(x, y int) uint8) uint8 {
	fx := (float64(x)+.5)*float64(srcW)/float64(w) - .5
	fy := (float64(y)+.5)*float64(srcH)/float64(h) - .5
	fx, fy = max(0, min(fx, float64(srcW-1))), max(0, min(fy, float64(srcH-1)))
	x0, y0 := int(fx), int(fy)
	x1, y1 := min(x0+1, srcW-1), min(y0+1, srcH-1)
	ax, ay := fx-float64(x0), fy-float64(y0)
	top := float64(at(x0, y0))*(1-ax) + float64(at(x1, y0))*ax
	bottom := float64(at(x0, y1))*(1-ax) + float64(at(x1, y1))*ax
	return uint8(top*(1-ay) + bottom*ay + .5)
}

func truthRGB(dst *frame.Frame, in picture, g Geometry, t RGBTable) {
	p := dst.Planes[0]
	for y := range g.Height {
		for x := range g.Width {
			var r, gr, b uint8 // black where the letterbox is
			if ix, iy := x-g.Inner.Min.X, y-g.Inner.Min.Y; ix >= 0 && iy >= 0 && ix < g.Inner.Dx() && iy < g.Inner.Dy() {
				cb, cr := in.chroma(ix, iy)
				r, gr, b = t.Apply(in.luma(ix, iy), cb, cr)
			}
			if dst.Format == media.PixelBGR24 {
				r, b = b, r
			}
			copy(p.Data[y*p.Pitch+3*x:], []byte{r, gr, b})
		}
	}
}

func truthYCC(dst *frame.Frame, in picture, g Geometry, t YCCTable) {
	p := &dst.Planes
	for y := range g.Height {
		for x := range g.Width {
			v := uint8(t.OffsetOut) // black
			if ix, iy := x-g.Inner.Min.X, y-g.Inner.Min.Y; ix >= 0 && iy >= 0 && ix < g.Inner.Dx() && iy < g.Inner.Dy() {
				cb, cr := in.chroma(ix, iy)
				v = t.Luma(in.luma(ix, iy), cb, cr)
			}
			p[0].Data[y*p[0].Pitch+x] = v
		}
	}
	if dst.Format == media.PixelGray8 {
		return
	}
	iw, ih := half(g.Inner.Dx()), half(g.Inner.Dy())
	for j := range half(g.Height) {
		for i := range half(g.Width) {
			cb, cr := uint8(128), uint8(128)
			if x, y := i-g.Inner.Min.X/2, j-g.Inner.Min.Y/2; x >= 0 && y >= 0 && x < iw && y < ih {
				cb, cr = t.Chroma(in.block(x, y))
			}
			if dst.Format == media.PixelNV12 {
				copy(p[1].Data[j*p[1].Pitch+2*i:], []byte{cb, cr})
			} else {
				p[1].Data[j*p[1].Pitch+i], p[2].Data[j*p[2].Pitch+i] = cb, cr
			}
		}
	}
}
