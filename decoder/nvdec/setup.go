package nvdec

import (
	"context"
	"fmt"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/internal/stream"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

const (
	chroma420 = 1
	// unknownSurfaces is for drivers that do not say how many surfaces a stream
	// needs: what NVIDIA's samples took before drivers did.
	unknownSurfaces = 20
	// sessionBytes is admitted for what a session takes beside its pictures. It
	// is an assumption: what it takes really is measured and booked.
	sessionBytes = 16 << 20
)

// setup is what a session is made from.
type setup struct {
	format        format
	surfaces      int
	wide          bool // 16-bit output, for the kernels to round
	width, height int  // of frames
	// The same as even numbers, which is what the engine makes, and the end of what
	// is shown accordingly.
	targetWidth, targetHeight int
	right, bottom             int
}

// plan decides how a stream is decoded, or says why it is not.
func (d *Decoder) plan(ctx context.Context, f format) (*setup, error) {
	if err := d.guard.Size(f.codedWidth, f.codedHeight); err != nil {
		// The limits are for what the stream says of its size, without padding.
		if err := d.guard.Size(f.right-f.left, f.bottom-f.top); err != nil {
			return nil, err
		}
	}
	if f.right <= f.left || f.bottom <= f.top {
		return nil, fmt.Errorf("%w: it shows nothing of its picture", decoder.ErrCorrupt)
	}
	wide, err := d.output(ctx, f.coding)
	if err != nil {
		return nil, err
	}
	s := &setup{format: f, surfaces: f.minSurfaces, wide: wide}
	if s.surfaces == 0 {
		s.surfaces = unknownSurfaces
	}
	s.surfaces = min(s.surfaces+d.options.extraSurfaces(), maxSurfaces)
	s.width, s.height = stream.Fit(f.right-f.left, f.bottom-f.top, d.cfg.Output)
	s.targetWidth, s.targetHeight = s.width+s.width&1, s.height+s.height&1
	s.right, s.bottom = f.right, f.bottom
	if s.width == f.right-f.left {
		s.right = min(f.left+s.targetWidth, f.codedWidth)
	}
	if s.height == f.bottom-f.top {
		s.bottom = min(f.top+s.targetHeight, f.codedHeight)
	}
	return s, nil
}

// output says whether the engine is to make 16 bits of such a stream, or why it makes
// nothing of it.
func (d *Decoder) output(ctx context.Context, f coding) (wide bool, err error) {
	c, err := d.capabilities(ctx, f)
	if err != nil {
		return false, err
	}
	switch eight, sixteen := c.formats>>outputNV12&1 != 0, c.formats>>outputP016&1 != 0; {
	case f.lumaDepth > 8 && sixteen && d.options.Kernels != nil:
		return true, nil
	case !eight:
		return false, fmt.Errorf("%w: this GPU gives no 8-bit pictures of %d-bit %s", decoder.ErrUnsupported, f.lumaDepth, d.cfg.Format.Codec)
	}
	return false, nil
}

// capabilities checks the stream against the device's.
func (d *Decoder) capabilities(ctx context.Context, f coding) (caps, error) {
	what := fmt.Sprintf("%d-bit %s", f.lumaDepth, d.cfg.Format.Codec)
	if f.codedWidth > 0 {
		what += fmt.Sprintf(" of %dx%d", f.codedWidth, f.codedHeight)
	}
	if f.chroma != chroma420 || f.lumaDepth != f.chromaDepth {
		return caps{}, fmt.Errorf("%w: %s with chroma format %d of %d bits on the GPU, which makes 4:2:0 only",
			decoder.ErrUnsupported, what, f.chroma, f.chromaDepth)
	}
	release, err := d.gate(ctx)
	if err != nil {
		return caps{}, err
	}
	c, code := askCaps(d.device, d.codec, f.chroma, f.lumaDepth)
	release()
	if err := d.check("cuvidGetDecoderCaps", code); err != nil {
		return caps{}, err
	}
	if !c.known { // an old driver: creating it will tell
		c.formats = 1 << outputNV12
		if f.lumaDepth > 8 {
			c.formats |= 1 << outputP016
		}
		return c, nil
	}
	switch {
	case !c.supported:
		return c, fmt.Errorf("%w: %s does not decode %s", decoder.ErrUnsupported, d.device.Info().Name, what)
	case f.codedWidth == 0:
	case f.codedWidth < c.minWidth || f.codedHeight < c.minHeight,
		f.codedWidth > c.maxWidth || f.codedHeight > c.maxHeight,
		(f.codedWidth>>4)*(f.codedHeight>>4) > c.maxMacroblocks:
		return c, fmt.Errorf("%w: %s decodes %dx%d to %dx%d, and not %s", decoder.ErrUnsupported,
			d.device.Info().Name, c.minWidth, c.minHeight, c.maxWidth, c.maxHeight, what)
	}
	return c, nil
}

// ring is what the frames of such a session need.
func (d *Decoder) ringConfig(s *setup) surface.Config {
	return surface.Config{
		Width: s.targetWidth, Height: s.targetHeight, Slots: d.cfg.Frames + spareSlots,
		Owner: d.cfg.Camera, Account: d.cfg.Account,
	}
}

// estimate is what admission is asked for: pictures in whole macroblocks with an
// eighth for motion data, the output, the session and the ring.
func (s *setup) estimate(ring surface.Config) int64 {
	bytes := int64(1)
	if s.format.lumaDepth > 8 {
		bytes = 2
	}
	coded := int64(s.format.codedWidth+15) &^ 15 * (int64(s.format.codedHeight+15) &^ 15) * 3 / 2 * bytes
	output := int64(s.targetWidth+511) &^ 511 * int64(s.targetHeight) * 3 / 2 * bytes
	return coded*int64(s.surfaces)*9/8 + output + sessionBytes + ring.Bytes()
}

// frameColor is the colour of the frames that are made now.
func (d *Decoder) frameColor() media.Color {
	f := &d.session.setup.format
	// The stream's own height decides what an untagged stream means.
	return d.color(f).Override(d.cfg.Output.Color).Resolve(f.bottom - f.top)
}

// color is what the stream says about its colour. A JPEG picture says nothing and means
// JFIF; VP8 and VP9 say it in the key frame.
func (d *Decoder) color(f *format) media.Color {
	switch d.codec {
	case codecJPEG:
		return media.JFIF()
	case codecVP8, codecVP9:
		return d.guard.Key.Color
	}
	return f.color()
}

// color is what the driver has read. Matrices that cameras don't use count as
// unspecified.
func (f *format) color() (c media.Color) {
	switch f.matrix {
	case 1:
		c.Matrix = media.MatrixBT709
	case 4, 5, 6: // FCC, BT.470 B/G, SMPTE 170M
		c.Matrix = media.MatrixBT601
	case 9, 10:
		c.Matrix = media.MatrixBT2020
	}
	c.Range = media.RangeLimited
	if f.fullRange {
		c.Range = media.RangeFull
	}
	return c
}
