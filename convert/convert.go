package convert

import (
	"context"
	"errors"
	"image"
	"io"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// Fit says how a picture is put into a box of another aspect ratio.
type Fit uint8

// FitContain shrinks the box, FitCover cuts the picture, FitStretch distorts it,
// FitLetterbox pads the box with black.
const (
	FitContain Fit = iota
	FitCover
	FitStretch
	FitLetterbox
)

// Request describes the wanted picture.
type Request struct {
	// Crop is the part of the source to use, in source pixels; empty = all.
	Crop image.Rectangle
	// Width and Height are the wanted size in pixels; 0 keeps the source's, or
	// keeps its aspect ratio when the other one is given.
	Width, Height int
	Fit           Fit
	// Format is the wanted layout: I420, NV12, RGB24, BGR24 or GRAY8.
	Format media.PixelFormat
	// Color is the wanted colour of YCbCr layouts; unspecified parts keep the
	// source's. Use [media.JFIF] for JPEG.
	Color media.Color
}

// Converter makes pictures from frames. It may be called from many goroutines.
type Converter interface {
	// Convert returns a frame in host memory or on the device of src, whichever
	// the backend works in, with one reference that belongs to the caller. Its
	// ID, times and flags are those of src. When nothing has to be done it may be
	// src itself, retained. Errors wrap [ErrRequest] when no frame could satisfy it.
	Convert(ctx context.Context, src *frame.Frame, req Request) (*frame.Frame, error)
	io.Closer
}

// ErrRequest marks a request that can't be satisfied for this source: a crop
// outside the picture, a size that is too large.
var ErrRequest = errors.New("invalid conversion request")
