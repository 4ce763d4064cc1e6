package backend

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

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
	limit int

	mu    sync.Mutex
	inUse int
}

func newTakeover(limit int) *takeover {
	switch {
	case limit == 0:
		limit = perProcessor * runtime.GOMAXPROCS(0)
	case limit < 0:
		limit = 0
	}
	return &takeover{limit: limit}
}

// decoder makes a decoder on the CPU in place of one on the GPU; why says what was wrong
// with that.
func (t *takeover) decoder(r camera.DecoderRequest, why error) (decoder.Decoder, error) {
	t.mu.Lock()
	if t.inUse >= t.limit {
		t.mu.Unlock()
		return nil, fmt.Errorf("%w: the GPU can't decode this stream (%w), and the CPU has taken over %d cameras, as many as --cpu-fallback allows",
			decoder.ErrExhausted, why, t.limit)
	}
	t.inUse++
	t.mu.Unlock()
	d, err := newHostDecoder(r.Config)
	if err != nil {
		t.release()
		return nil, errors.Join(err, why)
	}
	r.Chosen(onCPU(why.Error()))
	return &deputy{Decoder: d, release: sync.OnceFunc(t.release)}, nil
}

func (t *takeover) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inUse--
}

// deputy is a decoder on the CPU that counts against the takeover's limit.
type deputy struct {
	decoder.Decoder
	release func()
}

// Close implements [decoder.Decoder].
func (d *deputy) Close() error {
	defer d.release()
	return d.Decoder.Close()
}

// SkipNonReference implements [decoder.Skipper].
func (d *deputy) SkipNonReference(on bool) { skip(d.Decoder, on) }

// SetOutput implements [decoder.Resizer].
func (d *deputy) SetOutput(o decoder.Output) { resize(d.Decoder, o) }

// deputised is a decoder on the GPU that a deputy follows when a unit shows that the
// GPU can't decode the stream.
type deputised struct {
	decoder.Decoder
	request  camera.DecoderRequest
	takeover *takeover
	skipping bool
	replaced bool
}

// Decode implements [decoder.Decoder].
func (d *deputised) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	err := d.Decoder.Decode(ctx, au, emit)
	if d.replaced || !errors.Is(err, decoder.ErrUnsupported) {
		return err
	}
	next, nerr := d.takeover.decoder(d.request, err)
	if nerr != nil {
		return nerr
	}
	cerr := d.Decoder.Close()
	d.Decoder, d.replaced = next, true
	skip(next, d.skipping)
	if cerr != nil {
		return cerr
	}
	return next.Decode(ctx, au, emit)
}

// SkipNonReference implements [decoder.Skipper].
func (d *deputised) SkipNonReference(on bool) {
	d.skipping = on
	skip(d.Decoder, on)
}

// SetOutput implements [decoder.Resizer].
func (d *deputised) SetOutput(o decoder.Output) {
	d.request.Output = o
	resize(d.Decoder, o)
}

// All decoders that are wrapped here have both abilities; the compiler can't know.
func skip(d decoder.Decoder, on bool) { d.(decoder.Skipper).SkipNonReference(on) }

func resize(d decoder.Decoder, o decoder.Output) { d.(decoder.Resizer).SetOutput(o) }
