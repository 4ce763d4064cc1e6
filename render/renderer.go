package render

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/media"
)

// ErrClosed is returned after Close, and by pictures that Close has interrupted.
var ErrClosed = errors.New("renderer closed")

// Config is what a Renderer is made from. The zero value is fine.
type Config struct {
	// Parallel is how many pictures are made at a time. 0 = GOMAXPROCS.
	Parallel int
	// CacheBytes bounds the pictures that are kept. 0 = 64 MiB, negative = none.
	CacheBytes int64
	// CacheAge is how long a picture is kept at most. 0 = 10 s.
	CacheAge time.Duration
	// Rendered is told how long each picture took to make; nil = nobody wants to know.
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
	if c.CacheAge <= 0 {
		c.CacheAge = 10 * time.Second
	}
	if c.Rendered == nil {
		c.Rendered = func(time.Duration) {}
	}
}

// Renderer makes pictures of frames. It may be called from many goroutines.
type Renderer struct {
	conv     convert.Converter
	enc      jpeg.Encoder
	rendered func(time.Duration)
	slot     chan struct{} // one token for each picture that is being made

	mu      sync.Mutex
	flights map[key]*flight
	cache   cache
	stats   Stats
	closed  bool
	work    sync.WaitGroup // one for each flight
}

// New returns a renderer. The converter and the encoder stay the caller's and
// must be closed after it.
func New(conv convert.Converter, enc jpeg.Encoder, cfg Config) *Renderer {
	cfg.EnsureDefaults()
	return &Renderer{
		conv:     conv,
		enc:      enc,
		rendered: cfg.Rendered,
		slot:     make(chan struct{}, cfg.Parallel),
		flights:  map[key]*flight{},
		cache:    newCache(cfg.CacheBytes, cfg.CacheAge),
	}
}

// flight is a picture in the making.
type flight struct {
	done    chan struct{} // closed when picture or err is set
	picture *Picture
	err     error
	waiting int // callers; under Renderer.mu
	cancel  context.CancelFunc
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
	k := keyOf(f, out)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, ErrClosed
	}
	if p := r.cache.get(k, time.Now()); p != nil {
		r.stats.Hits++
		r.mu.Unlock()
		return p, nil
	}
	l, ok := r.flights[k]
	if ok {
		r.stats.Shared++
	} else {
		l = r.startLocked(ctx, k, f, out)
	}
	l.waiting++
	r.mu.Unlock()

	select {
	case <-l.done:
		return l.picture, l.err
	case <-ctx.Done():
		r.leave(k, l)
		return nil, ctx.Err()
	}
}

// startLocked begins a flight, which holds its own reference on the frame.
func (r *Renderer) startLocked(ctx context.Context, k key, f *frame.Frame, out Output) *flight {
	// The flight serves everybody, so it outlives the caller that began it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &flight{done: make(chan struct{}), cancel: cancel}
	r.flights[k] = l
	f.Retain()
	r.work.Go(func() {
		defer cancel()
		p, took, err := r.make(ctx, f, out)
		stream, id := f.Memory(), f.ID
		f.Release()
		r.finish(k, l, stream, id, result{p, took, err})
	})
	return l
}

// leave is for a caller that gives up. The last one ends the flight; one that
// comes for the same picture afterwards begins a new one.
func (r *Renderer) leave(k key, l *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.waiting--; l.waiting == 0 {
		l.cancel()
		if r.flights[k] == l {
			delete(r.flights, k)
		}
	}
}

type result struct {
	picture *Picture
	took    time.Duration
	err     error
}

func (r *Renderer) finish(k key, l *flight, stream frame.Memory, id frame.ID, res result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flights[k] == l {
		delete(r.flights, k)
	}
	l.picture, l.err = res.picture, res.err
	if res.err == nil {
		r.stats.Renders++
		r.stats.RenderTime += res.took
		r.rendered(res.took)
		if !r.closed {
			r.cache.put(k, stream, id, res.picture, time.Now())
		}
	} else if r.closed && errors.Is(res.err, context.Canceled) {
		l.err = ErrClosed
	}
	if l.err != nil {
		r.stats.Failures++
	}
	close(l.done)
}

// make waits for its turn and makes the picture.
func (r *Renderer) make(ctx context.Context, f *frame.Frame, out Output) (p *Picture, took time.Duration, err error) {
	select {
	case r.slot <- struct{}{}:
		defer func() { <-r.slot }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
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

// Close ends what is being made, waits for it and drops what is kept.
func (r *Renderer) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, l := range r.flights {
		l.cancel()
	}
	r.cache.clear()
	r.mu.Unlock()
	r.work.Wait()
	return nil
}
