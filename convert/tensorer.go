package convert

import (
	"context"
	"fmt"

	"github.com/frameport/frameport/frame"
)

// Tensorer is what a [Converter] can be besides. It may be called from many goroutines.
type Tensorer interface {
	// Tensor writes the tensor of src into dst, which is host memory of exactly
	// t.Bytes() bytes, aligned to nothing, and the caller's again when Tensor returns.
	// Errors wrap [ErrRequest] when no frame of this size and format, or no such dst,
	// could satisfy it; dst holds nothing of use then.
	Tensor(ctx context.Context, src *frame.Frame, t Tensor, dst []byte) error
}

// CheckTensor resolves t for src and checks the size of dst: what every Tensorer does
// first. Errors wrap [ErrRequest].
func CheckTensor(src *frame.Frame, t Tensor, dst []byte) (Geometry, error) {
	if err := checkSource(src.Format); err != nil {
		return Geometry{}, err
	}
	g, err := t.Resolve(src.Width, src.Height)
	if err != nil {
		return Geometry{}, err
	}
	if len(dst) != t.Bytes() {
		return Geometry{}, fmt.Errorf("%w: %d bytes for a tensor of %d", ErrRequest, len(dst), t.Bytes())
	}
	return g, nil
}
