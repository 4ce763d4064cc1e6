package render

import (
	"slices"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// Picture is a rendered frame. It is shared by all who asked for it and must not
// be written to.
type Picture struct {
	Data          []byte
	Width, Height int
	Format        Format
	// Planes says where the planes of a raw format lie in Data, which is tightly
	// packed; nil for JPEG.
	Planes []PlaneLayout
	// Color of raw YCbCr formats, and of JPEG, which is always JFIF.
	Color media.Color
}

// PlaneLayout is one plane in a picture's data.
type PlaneLayout struct {
	Offset int // bytes
	Stride int // bytes from row to row
	Height int // rows
}

// raw packs a frame's planes.
func raw(f *frame.Frame, format Format) *Picture {
	p := &Picture{
		Data:   make([]byte, 0, f.Format.Size(f.Width, f.Height)),
		Width:  f.Width,
		Height: f.Height,
		Format: format,
		Color:  f.Color,
	}
	sizes, n := f.Format.Planes(f.Width, f.Height)
	p.Planes = slices.Grow(p.Planes, n)
	for i, size := range sizes[:n] {
		p.Planes = append(p.Planes, PlaneLayout{Offset: len(p.Data), Stride: size.RowBytes, Height: size.Rows})
		for y := range size.Rows {
			p.Data = append(p.Data, f.Planes[i].Data[y*f.Planes[i].Pitch:][:size.RowBytes]...)
		}
	}
	return p
}
