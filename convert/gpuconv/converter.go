package gpuconv

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/internal/shelf"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

var (
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("converter closed")
	// ErrSource: the frame is not on the converter's device, so another one has to
	// convert it.
	ErrSource = errors.New("frame is not NV12 on this GPU")
)

// Converter implements [convert.Converter] for NV12 frames in surfaces of one device.
type Converter struct {
	config Config
	blocks *blocks
	shelf  *shelf.Shelf
	lanes  chan *lane // all of them, when nothing is converted
	closed chan struct{}

	closing sync.Once
	failure error // of Close
}

var _ convert.Converter = (*Converter)(nil)

// New makes a converter and its streams.
func New(cfg Config) (*Converter, error) {
	cfg.EnsureDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("gpuconv: %w", err)
	}
	c := &Converter{
		config: cfg,
		// A result and a scratch picture for each.
		blocks: &blocks{device: cfg.Device, keep: 2 * cfg.Lanes},
		shelf:  shelf.New(cfg.Lanes, cfg.Account),
		lanes:  make(chan *lane, cfg.Lanes),
		closed: make(chan struct{}),
	}
	for range cfg.Lanes {
		l, err := newLane(cfg.Device)
		if err != nil {
			for len(c.lanes) > 0 {
				err = errors.Join(err, (<-c.lanes).close())
			}
			return nil, err
		}
		c.lanes <- l
	}
	return c, nil
}

// Convert implements [convert.Converter]. I420 in the colour media.JFIF, asked for by
// name, stays in device memory: its memory is the Image that package
// jpeg/nvjpeg wants. All other results are new frames in host memory.
func (c *Converter) Convert(ctx context.Context, src *frame.Frame, req convert.Request) (*frame.Frame, error) {
	if err := convert.CheckFormats(src.Format, req.Format); err != nil {
		return nil, err
	}
	slot, err := c.slot(src)
	if err != nil {
		return nil, err
	}
	g, err := convert.Resolve(req, src.Width, src.Height)
	if err != nil {
		return nil, err
	}
	l, err := c.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { c.lanes <- l }()
	info := src.Info
	info.Format, info.Width, info.Height, info.Color = req.Format, g.Width, g.Height, convert.TargetColor(req, src.Color)
	j := job{source: pictureOf(slot.Luma(), slot.Chroma(), src.Width, src.Height), from: src.Color, to: info.Color, g: g}
	if req.Format == media.PixelI420 && req.Color == media.JFIF() && !c.config.HostJPEG {
		return c.onDevice(l, slot, j, info)
	}
	return c.onHost(l, slot, j, info)
}

// acquire waits for a lane. Whoever gets one puts it back into lanes.
func (c *Converter) acquire(ctx context.Context) (*lane, error) {
	select {
	case <-c.closed:
		return nil, ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.config.Device.Health(); err != nil {
		return nil, err
	}
	select {
	case l := <-c.lanes:
		return l, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.closed:
		return nil, ErrClosed
	}
}

// onDevice makes a picture that stays in device memory.
func (c *Converter) onDevice(l *lane, slot *surface.Slot, j job, info frame.Info) (*frame.Frame, error) {
	out, err := newCanvas(c.blocks, info.Format, info.Width, info.Height, pitches(info.Format, info.Width, info.Height))
	if err != nil {
		return nil, err
	}
	j.out = out
	if err := c.run(l, slot, j, l.stream.Synchronize); err != nil {
		c.blocks.put(out.memory)
		return nil, err
	}
	m := &image{blocks: c.blocks, memory: out.memory, planes: out.planes, account: c.config.Account}
	return m.publish(info), nil
}

// onHost makes a picture and brings it to host memory.
func (c *Converter) onHost(l *lane, slot *surface.Slot, j job, info frame.Info) (*frame.Frame, error) {
	dst := c.shelf.Get(info.Format, info.Width, info.Height)
	out, err := newCanvas(c.blocks, info.Format, info.Width, info.Height, pitchesOf(dst))
	if err != nil {
		dst.Release()
		return nil, err
	}
	defer c.blocks.put(out.memory)
	j.out = out
	if err := c.run(l, slot, j, func() error { return l.download(dst, out) }); err != nil {
		dst.Release()
		return nil, err
	}
	dst.Info = info
	return dst, nil
}

// run queues the work behind the source's pixels and calls finish, which waits for the
// stream. Nothing of it is in use any more when run returns, also with an error.
func (c *Converter) run(l *lane, slot *surface.Slot, j job, finish func() error) error {
	if j.g.Scales() {
		w, h := j.g.Inner.Dx(), j.g.Inner.Dy()
		scratch, err := newCanvas(c.blocks, media.PixelNV12, w, h, pitches(media.PixelNV12, w, h))
		if err != nil {
			return err
		}
		defer c.blocks.put(scratch.memory)
		if err := slot.Wait(l.stream); err != nil {
			return err
		}
		if err := j.scale(c.config.Kernels, l.stream, scratch); err != nil {
			return errors.Join(err, l.stream.Synchronize())
		}
	} else if err := slot.Wait(l.stream); err != nil {
		return err
	}
	if err := j.paint(c.config.Kernels, l.stream); err != nil {
		return errors.Join(err, l.stream.Synchronize())
	}
	return finish()
}

func pitchesOf(f *frame.Frame) (p [3]int) {
	for i := range f.Planes {
		p[i] = f.Planes[i].Pitch
	}
	return p
}

// Download returns a host frame with the pixels of a result that is in device memory:
// for pictures that the GPU's encoder leaves to the CPU. Results in host memory are
// returned as they are, retained.
func (c *Converter) Download(ctx context.Context, f *frame.Frame) (*frame.Frame, error) {
	m, ok := f.Memory().(*image)
	if !ok {
		return f.Retain(), nil
	}
	if m.Device() != c.config.Device {
		return nil, ErrSource
	}
	l, err := c.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { c.lanes <- l }()
	_, total := layout(f.Format, f.Width, f.Height, pitches(f.Format, f.Width, f.Height))
	dst := c.shelf.Get(f.Format, f.Width, f.Height)
	if err := l.download(dst, canvas{planes: m.planes, bytes: total}); err != nil {
		dst.Release()
		return nil, err
	}
	dst.Info = f.Info
	return dst, nil
}

// Close waits for the pictures in the works and gives back what is kept idle. Results
// that are still out stay valid.
func (c *Converter) Close() error {
	c.closing.Do(func() {
		close(c.closed)
		for range cap(c.lanes) {
			c.failure = errors.Join(c.failure, (<-c.lanes).close())
		}
		c.blocks.close()
		c.shelf.Close()
	})
	return c.failure
}
