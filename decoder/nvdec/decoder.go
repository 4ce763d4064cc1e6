package nvdec

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/internal/stream"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/media/vpx"
)

const (
	// defaultFrames is how many frames the caller keeps when it does not say.
	defaultFrames = 4
	// spareSlots are for the frame in the works and one with a reader that is
	// slower than the ring.
	spareSlots = 2
)

// Options are what a decoder on a GPU needs beyond [decoder.Config].
type Options struct {
	Device *gpu.Device
	// Kernels round pictures of more than 8 bits. Nil: the engine makes 8 bits of
	// them itself, where it can; how it rounds is not documented.
	Kernels *kernels.Set
	// ExtraSurfaces are decode surfaces beyond those that the stream needs. 0 is one,
	// negative is none. More let the engine run further ahead and cost memory.
	ExtraSurfaces int
}

func (o *Options) extraSurfaces() int {
	if o.ExtraSurfaces == 0 {
		return 1
	}
	return max(0, o.ExtraSurfaces)
}

// Decoder implements [decoder.Decoder], [decoder.Skipper], [decoder.Resizer] and
// [decoder.Sharer].
type Decoder struct {
	device  *gpu.Device
	options Options
	cfg     decoder.Config
	codec   int

	native   native
	closed   bool
	guard    stream.Guard
	timeline stream.Timeline
	numbers  frameNumbers
	session  *session // nil until the format is known

	sequence  uint64     // changes with what the stream says of its format
	sequences uint64     // what it was when the session was made
	picture   jpegHeader // of the last unit, where a sequence is a picture
	stale     bool       // the session does not fit the stream
	headers   bool       // the parser has forgotten the parameter sets
	refusals  int        // by the driver, since it last made a picture
	skip      bool
	dropped   uint64
	sharing   sharing
}

var (
	_ decoder.Decoder = (*Decoder)(nil)
	_ decoder.Skipper = (*Decoder)(nil)
	_ decoder.Resizer = (*Decoder)(nil)
	_ decoder.Sharer  = (*Decoder)(nil)
)

// New makes a decoder for cfg.Camera, which must be named: its memory is booked for
// that. Its ring has room for cfg.Frames frames, 4 when that is 0, and two more. It
// takes no device memory before the first access unit.
// Zero limits mean [decoder.DefaultLimits]. The error wraps
// [decoder.ErrUnsupported] when this device does not decode the codec, or not in
// the shape that the parameter sets tell of.
func New(cfg decoder.Config, o Options) (*Decoder, error) {
	if cfg.Limits == (decoder.Limits{}) {
		cfg.Limits = decoder.DefaultLimits()
	}
	if cfg.Frames == 0 {
		cfg.Frames = defaultFrames
	}
	if o.Device == nil || cfg.Camera == "" || cfg.Frames < 0 {
		return nil, fmt.Errorf("nvdec: needs a device, a camera and how many frames it keeps; has %v, %q and %d",
			o.Device != nil, cfg.Camera, cfg.Frames)
	}
	codec, ok := cudaCodec(cfg.Format.Codec)
	if !ok {
		return nil, fmt.Errorf("%w: codec %s on the GPU", decoder.ErrUnsupported, cfg.Format.Codec)
	}
	d := &Decoder{
		device: o.Device, options: o, cfg: cfg, codec: codec, headers: true,
		guard: stream.Guard{Codec: cfg.Format.Codec, Limits: cfg.Limits},
	}
	if err := d.guard.Check(cfg.Format.Parameters); err != nil {
		return nil, err
	}
	if err := d.decodable(context.Background()); err != nil {
		return nil, err
	}
	// What a picture refers to decides the order; a JPEG refers to nothing. In VP8 and
	// VP9 the parser has to say what is shown: some of what is decoded is not.
	noReorder := cfg.Format.NoReorder && !isVPX(codec) || codec == codecJPEG
	if d.native, ok = newNative(d.device, codec, noReorder); !ok {
		return nil, fmt.Errorf("%w: the process has no memory", decoder.ErrExhausted)
	}
	return d, nil
}

// Decode implements [decoder.Decoder].
func (d *Decoder) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if d.closed {
		return decoder.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.skip && au.NonReference {
		return nil
	}
	if len(au.Data) == 0 {
		return fmt.Errorf("%w: it is empty", decoder.ErrCorrupt)
	}
	if err := d.look(au.Data); err != nil {
		return err
	}
	token := d.timeline.Add(au)
	if err := d.ready(ctx, au, emit); err != nil {
		d.timeline.Damaged(token)
		return err
	}
	if d.lacksReferences(au) {
		d.timeline.Damaged(token)
	}
	data := au.Data
	if d.headers && !d.guard.Announced {
		data = slices.Concat(d.cfg.Format.Parameters, au.Data)
	}
	var failed error
	for picture := range d.pictures(data) {
		why, err := d.one(ctx, picture, token, emit)
		if err != nil {
			return err
		}
		if failed == nil {
			failed = why
		}
	}
	return failed
}

// pictures yields what the driver's parser takes at a time: the frames of a superframe
// one by one, so that each is known to be whole, and of other codecs all.
func (d *Decoder) pictures(data []byte) iter.Seq[[]byte] {
	if d.codec == codecVP9 {
		return vpx.Frames(data)
	}
	return func(yield func([]byte) bool) { yield(data) }
}

// one decodes a picture and emits what is to be shown then. failed is the unit's
// fault; err ends the call.
func (d *Decoder) one(ctx context.Context, data []byte, token int64, emit func(*frame.Frame) error) (failed, err error) {
	out, failed, err := d.parse(ctx, data, token)
	if err != nil {
		return nil, err
	}
	d.headers = d.headers && (out.decoded == 0 || out.mismatch)
	if failed == nil && out.decoded == 0 && !leading(d.cfg.Format.Codec, data) && !repeats(d.cfg.Format.Codec, data) {
		failed = fmt.Errorf("%w: it holds no picture that can be decoded", decoder.ErrCorrupt)
	}
	if failed != nil {
		d.timeline.Damaged(token)
	}
	refusals := d.refusals
	lost, err := d.deliver(ctx, out.shown, emit)
	if err != nil {
		return nil, err
	}
	if failed == nil {
		failed = lost
	}
	if failed == nil && d.refusals == refusals && out.decoded > 0 {
		d.refusals = 0
	}
	return failed, nil
}

// look reads what the unit says of its format, before the driver does.
func (d *Decoder) look(data []byte) error {
	if err := d.guard.Check(data); err != nil {
		return err
	}
	if d.codec != codecJPEG {
		d.sequence = d.guard.Sequences
		if d.guard.Resized {
			return fmt.Errorf("%w: %s whose picture size changes between key frames on the GPU", decoder.ErrUnsupported, d.cfg.Format.Codec)
		}
		return nil
	}
	picture, err := readJPEG(data)
	if err != nil {
		return err
	}
	if picture != d.picture {
		d.picture = picture
		d.sequence++
	}
	return nil
}

// parse runs the driver's parser, which decodes. failed is the unit's fault or the
// device's; err means that nothing was done.
func (d *Decoder) parse(ctx context.Context, data []byte, token int64) (out outcome, failed, err error) {
	release, err := d.gate(ctx)
	if err != nil {
		return outcome{}, nil, err
	}
	code := d.native.parse(data, d.secondField(data), token)
	release()
	out = d.native.outcome()
	d.noteDamage()
	// What the parser returns is often the consequence of what a callback did.
	switch {
	case out.code != 0:
		failed = d.checkUnit(out.op, out.code)
	case out.mismatch:
		failed = fmt.Errorf("%w: the stream is not what its parameter sets said", decoder.ErrCorrupt)
	case code != 0:
		failed = d.checkUnit("cuvidParseVideoData", code)
	}
	if out.mismatch {
		d.stale, d.headers = true, true
	}
	return out, failed, nil
}

func (d *Decoder) noteDamage() {
	for token := range d.native.damaged {
		d.timeline.Damaged(token)
	}
}

// Drain implements [decoder.Decoder].
func (d *Decoder) Drain(ctx context.Context, emit func(*frame.Frame) error) error {
	if d.closed {
		return decoder.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var refusal, err error
	if d.session != nil {
		refusal, err = d.end(ctx, emit)
	}
	d.timeline.Reset()
	if err != nil {
		return err
	}
	return refusal
}

// end has the parser show what it holds back. It forgets the parameter sets. A
// session that the driver refuses this for is ended: refusal says why.
func (d *Decoder) end(ctx context.Context, emit func(*frame.Frame) error) (refusal, err error) {
	out, refusal, err := d.parse(ctx, nil, 0)
	if err != nil {
		return nil, err
	}
	d.headers, d.numbers = true, frameNumbers{}
	lost, err := d.deliver(ctx, out.shown, emit)
	switch {
	case err != nil:
		return nil, err
	case refusal == nil:
		return lost, nil
	case errors.Is(refusal, decoder.ErrCorrupt):
		return refusal, d.finish()
	}
	return nil, refusal
}

// SkipNonReference implements [decoder.Skipper]. The unit's own mark is trusted.
func (d *Decoder) SkipNonReference(on bool) { d.skip = on }

// SetOutput implements [decoder.Resizer]. Another size takes effect with the next
// random-access unit, because engines do not keep the pictures that others refer to
// when their output changes.
func (d *Decoder) SetOutput(o decoder.Output) { d.cfg.Output = o }

// Dropped counts pictures that were decoded and not emitted because readers held
// every slot of the ring.
func (d *Decoder) Dropped() uint64 { return d.dropped }

// Close implements [decoder.Decoder].
func (d *Decoder) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	err := d.finish()
	d.native.free()
	return err
}
