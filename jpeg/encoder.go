package jpeg

import (
	"context"
	"errors"
	"io"

	"github.com/frameport/frameport/frame"
)

// Options of one picture.
type Options struct {
	// Quality is 1 (smallest) to 100 (best), on libjpeg's scale.
	Quality int
}

// Encoder makes JPEG pictures (JFIF, baseline, 4:2:0). It may be called from
// many goroutines.
type Encoder interface {
	// Encode appends a JPEG of img to dst and returns the extended slice. img
	// must be planar or semi-planar 4:2:0 (the backend's own layout) or GRAY8, in
	// the colour [media.JFIF] describes; sizes are 1 to 65500 pixels.
	Encode(ctx context.Context, img *frame.Frame, opts Options, dst []byte) ([]byte, error)
	io.Closer
}

// ErrInput marks a picture or options that can't be encoded.
var ErrInput = errors.New("picture can't be encoded as JPEG")
