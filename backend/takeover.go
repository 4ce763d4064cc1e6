package backend

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// perProcessor is how many cameras a processor takes over at most when nothing else is
// said: 720p at 25 frames per second is a twentieth of one, 4K a third.
const perProcessor = 4

// takeover is the CPU's room for cameras whose streams the GPU can't decode. Without a
// bound a fleet of such cameras would take the processor from all others.
type takeover struct {
	limit  int
	create func(decoder.Config) (able, error)

	mu    sync.Mutex
	inUse int
}

func newTakeover(limit int, create func(decoder.Config) (able, error)) *takeover {
	switch {
	case limit == 0:
		limit = perProcessor * runtime.GOMAXPROCS(0)
	case limit < 0:
		limit = 0
	}
	return &takeover{limit: limit, create: create}
}

// decoder makes a decoder on the CPU in place of one on the GPU; why says what was wrong
// with that.
func (t *takeover) decoder(r camera.DecoderRequest, why error) (*deputy, error) {
	t.mu.Lock()
	if t.inUse >= t.limit {
		t.mu.Unlock()
		// Not an error that wraps why: the stream is not refused, it may be taken later.
		return nil, fmt.Errorf("%w: the GPU can't decode this stream (%s), and the CPU has taken over %d cameras, as many as --cpu-fallback allows",
			decoder.ErrExhausted, oneLine(why), t.limit)
	}
	t.inUse++
	t.mu.Unlock()
	d, err := t.create(r.Config)
	if err != nil {
		t.release()
		// What the GPU lacks does not say whether the CPU's error will last.
		return nil, fmt.Errorf("%w; on the GPU: %s", err, oneLine(why))
	}
	r.Chosen(onCPU(oneLine(why)))
	return &deputy{able: d, release: sync.OnceFunc(t.release)}, nil
}

func (t *takeover) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inUse--
}

// deputy is a decoder on the CPU that counts against the takeover's limit.
type deputy struct {
	able
	release func()
}

// Spent implements [decoder.Meter].
func (d *deputy) Spent() time.Duration { return spentBy(d.able) }

// Spent implements [decoder.Meter]. Of a GPU nobody knows: it is zero.
func (d *deputised) Spent() time.Duration { return spentBy(d.able) }

func spentBy(d able) time.Duration {
	if m, ok := d.(decoder.Meter); ok {
		return m.Spent()
	}
	return 0
}

// Close implements [decoder.Decoder].
func (d *deputy) Close() error {
	defer d.release()
	return d.able.Close()
}

// deputised is a decoder on the GPU that a deputy follows when a unit shows that the
// GPU can't decode the stream.
type deputised struct {
	able
	request  camera.DecoderRequest
	takeover *takeover
	skipping bool
	sharing  int
	replaced bool
}

// Decode implements [decoder.Decoder].
func (d *deputised) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	err := d.able.Decode(ctx, au, emit)
	if d.replaced || !errors.Is(err, decoder.ErrUnsupported) {
		return err
	}
	next, nerr := d.takeover.decoder(d.request, err)
	if nerr != nil {
		return nerr
	}
	cerr := d.able.Close()
	d.able, d.replaced = next, true
	next.SkipNonReference(d.skipping)
	next.Share(d.sharing)
	if cerr != nil {
		return cerr
	}
	return next.Decode(ctx, au, emit)
}

// SkipNonReference implements [decoder.Skipper].
func (d *deputised) SkipNonReference(on bool) {
	d.skipping = on
	d.able.SkipNonReference(on)
}

// SetOutput implements [decoder.Resizer].
func (d *deputised) SetOutput(o decoder.Output) {
	d.request.Output = o
	d.able.SetOutput(o)
}

// Share implements [decoder.Sharer].
func (d *deputised) Share(frames int) {
	d.sharing = frames
	d.able.Share(frames)
}
