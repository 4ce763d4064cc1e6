package render

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/media"
)

// ErrClosed is returned after Close, and by pictures that Close has interrupted.
var ErrClosed = errors.New("renderer closed")

// ErrPanic marks a picture whose making panicked. The error's text has the stack:
// it belongs into the log, not to the caller's client.
var ErrPanic = errors.New("panic while a picture was made")

// Config is what a Renderer is made from. The zero value is fine.
type Config struct {
	// Parallel is how many pictures are made at a time. 0 = GOMAXPROCS.
	Parallel int
	// CacheBytes bounds the pictures that are kept. 0 = 64 MiB, negative = none.
	CacheBytes int64
	// Rendered is told how long each picture took to make, on the goroutine that made
	// it; nil = nobody wants to know.
	Rendered func(time.Duration)
}

// EnsureDefaults fills the zero fields.
func (c *Config) EnsureDefaults() {
	if c.Parallel <= 0 {
		c.Parallel = runtime.GOMAXPROCS(0)
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 64 << 20
	}
	if c.Rendered == nil {
		c.Rendered = func(time.Duration) {}
	}
}

// Renderer makes pictures of frames. It may be called from many goroutines. One
// frame must not be given to two renderers: its pictures hang on it.
type Renderer struct {
	conv     convert.Converter
	enc      jpeg.Encoder
	rendered func(time.Duration)
	limit    int64         // bytes of pictures that are kept
	slot     chan struct{} // one token for each picture that is being made
	work     sync.WaitGroup

	// mu also guards the shelves. It is never held while a picture is made or a
	// frame is released.
	mu     sync.Mutex
	making map[*entry]struct{}
	order  *list.List // of *entry: kept pictures, the oldest first
	bytes  int64      // of the kept pictures
	stats  Stats
	closed bool
}

// New returns a renderer. The converter and the encoder stay the caller's and
// must be closed after it.
func New(conv convert.Converter, enc jpeg.Encoder, cfg Config) *Renderer {
	cfg.EnsureDefaults()
	return &Renderer{
		conv:     conv,
		enc:      enc,
		rendered: cfg.Rendered,
		limit:    cfg.CacheBytes,
		slot:     make(chan struct{}, cfg.Parallel),
		making:   map[*entry]struct{}{},
		order:    list.New(),
	}
}

// Render returns the picture that out describes of f, which the caller holds. The
// error wraps [convert.ErrRequest] when out can't be made of this frame.
func (r *Renderer) Render(ctx context.Context, f *frame.Frame, out Output) (*Picture, error) {
	out.EnsureDefaults()
	if err := out.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := r.shelfOf(f)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, ErrClosed
	}
	e, ok := s.entries[out]
	switch {
	case ok && e.kept != nil:
		r.stats.Hits++
		r.mu.Unlock()
		return e.picture, nil
	case ok:
		r.stats.Shared++
	default:
		e = r.beginLocked(ctx, s, f, out)
	}
	e.waiting++
	r.mu.Unlock()

	select {
	case <-e.done:
		return e.picture, e.err
	case <-ctx.Done():
		r.leave(e)
		return nil, ctx.Err()
	}
}

// beginLocked begins to make a picture, with a reference of its own on the frame.
func (r *Renderer) beginLocked(ctx context.Context, s *shelf, f *frame.Frame, out Output) *entry {
	// The picture is for everybody, so its making outlives the caller that began it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e := &entry{shelf: s, out: out, done: make(chan struct{}), cancel: cancel}
	s.entries[out] = e
	r.making[e] = struct{}{}
	f.Retain()
	r.work.Go(func() {
		defer cancel()
		picture, took, err := r.make(ctx, f, out)
		f.Release()
		if err == nil {
			r.rendered(took)
		}
		r.finish(e, picture, took, err)
	})
	return e
}

// leave is for a caller that gives up. The last one ends the making; one that comes
// for the same picture afterwards begins anew.
func (r *Renderer) leave(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.waiting--; e.waiting == 0 && e.kept == nil {
		e.cancel()
		r.forgetLocked(e)
	}
}

func (r *Renderer) finish(e *entry, picture *Picture, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.making, e)
	if err != nil {
		if r.closed && errors.Is(err, context.Canceled) {
			err = ErrClosed
		}
		e.err = err
		r.stats.Failures++
		r.forgetLocked(e)
	} else {
		e.picture = picture
		r.stats.Renders++
		r.stats.RenderTime += took
		if e.shelf.entries[e.out] == e { // else the frame is gone, or everybody had left
			r.keepLocked(e)
		}
	}
	close(e.done)
}

// make waits for its turn and makes the picture. A panic is a fault of one picture
// and must not end the process with all its cameras: this is a goroutine of our own,
// where the recovery of the servers does not reach.
func (r *Renderer) make(ctx context.Context, f *frame.Frame, out Output) (p *Picture, took time.Duration, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = nil, panicked(v)
		}
	}()
	leave, err := r.enter(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	start := time.Now()
	img, err := r.conv.Convert(ctx, f, out.request())
	if err != nil {
		return nil, 0, err
	}
	defer img.Release()
	if out.Format != FormatJPEG {
		p = raw(img, out.Format)
		return p, time.Since(start), nil
	}
	data, err := r.enc.Encode(ctx, img, jpeg.Options{Quality: out.Quality}, nil)
	if err != nil {
		return nil, 0, err
	}
	p = &Picture{Data: data, Width: img.Width, Height: img.Height, Format: FormatJPEG, Color: media.JFIF()}
	return p, time.Since(start), nil
}

// enter waits until one more picture may be made.
func (r *Renderer) enter(ctx context.Context) (leave func(), err error) {
	select {
	case r.slot <- struct{}{}:
		return func() { <-r.slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func panicked(v any) error { return fmt.Errorf("%w: %v\n%s", ErrPanic, v, debug.Stack()) }

// Close ends what is being made, waits for it and drops what is kept.
func (r *Renderer) Close() error {
	r.mu.Lock()
	r.closed = true
	for e := range r.making {
		e.cancel()
	}
	for r.order.Len() > 0 {
		r.forgetLocked(r.order.Front().Value.(*entry))
	}
	r.mu.Unlock()
	r.work.Wait()
	return nil
}
