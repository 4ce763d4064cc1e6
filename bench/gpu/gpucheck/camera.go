package main

import (
	"context"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
)

// camera is one stream that is decoded.
type camera struct {
	*nvdec.Decoder
	clip   *clip
	next   int // access unit
	frames int // that came out
}

// camera makes a decoder with the worker's defaults. It takes no device memory before
// the first picture.
func (l *lab) camera(name string, c *clip, change ...func(*decoder.Config, *nvdec.Options)) (*camera, error) {
	cfg := decoder.Config{Format: c.format, Camera: name}
	options := nvdec.Options{Device: l.device, Kernels: l.kernels}
	for _, f := range change {
		f(&cfg, &options)
	}
	d, err := nvdec.New(cfg, options)
	if err != nil {
		return nil, err
	}
	return &camera{Decoder: d, clip: c}, nil
}

// step decodes the next access unit; see receives the frames, and may be nil.
func (c *camera) step(ctx context.Context, see func(*frame.Frame) error) error {
	err := c.Decode(ctx, c.clip.unit(c.next), func(f *frame.Frame) error {
		c.frames++
		if see == nil {
			return nil
		}
		return see(f)
	})
	c.next++
	return err
}

// play decodes n access units.
func (c *camera) play(ctx context.Context, n int) error {
	for range n {
		if err := c.step(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// surfaces sets the decode surfaces beyond those that the stream needs.
func surfaces(extra int) func(*decoder.Config, *nvdec.Options) {
	if extra == 0 {
		extra = -1 // none
	}
	return func(_ *decoder.Config, o *nvdec.Options) { o.ExtraSurfaces = extra }
}
