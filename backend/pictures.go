package backend

import (
	"context"
	"errors"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/nvjpeg"
)

// Converter makes pictures and tensors.
type Converter interface {
	convert.Converter
	convert.Tensorer
}

// converter converts each frame where it is.
type converter struct {
	cuda *cuda
	host Converter
}

// Convert implements [convert.Converter].
func (c *converter) Convert(ctx context.Context, src *frame.Frame, req convert.Request) (*frame.Frame, error) {
	slot, ok := surface.Of(src)
	if !ok {
		return c.host.Convert(ctx, src, req)
	}
	s := c.cuda.siteOf(slot.Device())
	if s == nil {
		return nil, errForeign
	}
	defer s.device.Gate().Observe()()
	return s.converter.Convert(ctx, src, req)
}

// Tensor implements [convert.Tensorer].
func (c *converter) Tensor(ctx context.Context, src *frame.Frame, t convert.Tensor, dst []byte) error {
	slot, ok := surface.Of(src)
	if !ok {
		return c.host.Tensor(ctx, src, t, dst)
	}
	s := c.cuda.siteOf(slot.Device())
	if s == nil {
		return errForeign
	}
	defer s.device.Gate().Observe()()
	return s.converter.Tensor(ctx, src, t, dst)
}

// Close does nothing: the engines are the backend's.
func (c *converter) Close() error { return nil }

// encoder encodes each picture where it is, and on the CPU what a GPU's encoder leaves.
type encoder struct {
	cuda *cuda
	host jpeg.Encoder
}

// errForeign is about a frame that no backend of this process can have made.
var errForeign = errors.New("backend: the frame is on a GPU that is not in use")

// Encode implements [jpeg.Encoder].
func (e *encoder) Encode(ctx context.Context, img *frame.Frame, opts jpeg.Options, dst []byte) ([]byte, error) {
	onDevice, ok := img.Memory().(nvjpeg.Image)
	if !ok {
		return e.host.Encode(ctx, img, opts, dst)
	}
	s := e.cuda.siteOf(onDevice.Device())
	if s == nil {
		return dst, errForeign
	}
	defer s.device.Gate().Observe()()
	if s.encoder != nil && img.Width >= nvjpeg.MinSide && img.Height >= nvjpeg.MinSide {
		out, err := s.encoder.Encode(ctx, img, opts, dst)
		if !errors.Is(err, gpu.ErrOutOfMemory) && !errors.Is(err, gpu.ErrUnsupported) {
			return out, err
		}
		s.leftOver.Add(1)
	}
	host, err := s.converter.Download(ctx, img)
	if err != nil {
		return dst, err
	}
	defer host.Release()
	return e.host.Encode(ctx, host, opts, dst)
}

// Close does nothing: the engines are the backend's.
func (e *encoder) Close() error { return nil }
