package avcodec

import (
	"context"
	"fmt"
	"time"

	"github.com/asticode/go-astiav"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/internal/stream"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
)

// keepConverted is how many idle buffers for converted pictures a decoder keeps:
// one in the works beside those that the ring still holds.
const keepConverted = 2

// Decoder implements [decoder.Decoder], [decoder.Skipper], [decoder.Resizer],
// [decoder.Sharer] and [decoder.Meter].
type Decoder struct {
	native   *native // nil once closed
	cfg      decoder.Config
	guard    stream.Guard
	timeline stream.Timeline
	pictures *pictures
	pool     *frame.Pool // for converted pictures
	sharing  *sharing
	skip     bool
	decoded  bool // a picture has come out
}

var (
	_ decoder.Decoder = (*Decoder)(nil)
	_ decoder.Skipper = (*Decoder)(nil)
	_ decoder.Resizer = (*Decoder)(nil)
	_ decoder.Sharer  = (*Decoder)(nil)
	_ decoder.Meter   = (*Decoder)(nil)
)

// New opens a decoder. Zero limits mean [decoder.DefaultLimits]. The error wraps
// [decoder.ErrUnsupported] when this program has no decoder for the codec.
func New(cfg decoder.Config) (*Decoder, error) {
	if cfg.Limits == (decoder.Limits{}) {
		cfg.Limits = decoder.DefaultLimits()
	}
	codec := find(cfg.Format.Codec)
	if codec == nil {
		return nil, fmt.Errorf("%w: no decoder for codec %s in %s", decoder.ErrUnsupported, cfg.Format.Codec, Version())
	}
	d := &Decoder{
		cfg:      cfg,
		guard:    stream.Guard{Codec: cfg.Format.Codec, Limits: cfg.Limits},
		pictures: &pictures{account: cfg.Account},
		pool:     frame.NewPool(keepConverted, cfg.Account),
	}
	if cfg.Format.Codec != media.CodecMJPEG {
		if err := d.guard.Check(cfg.Format.Parameters); err != nil {
			return nil, err
		}
	}
	var err error
	if d.native, err = newNative(codec, cfg.Limits); err != nil {
		return nil, err
	}
	d.sharing = newSharing(d.native, cfg)
	return d, nil
}

// find looks the decoder up by an explicit id: nothing is guessed from data.
func find(c media.Codec) *astiav.Codec {
	switch c {
	case media.CodecH264:
		return astiav.FindDecoder(astiav.CodecIDH264)
	case media.CodecH265:
		return astiav.FindDecoder(astiav.CodecIDHevc)
	case media.CodecMJPEG:
		return astiav.FindDecoder(astiav.CodecIDMjpeg)
	case media.CodecVP8:
		return astiav.FindDecoder(astiav.CodecIDVp8)
	case media.CodecVP9:
		return astiav.FindDecoder(astiav.CodecIDVp9)
	default:
		return nil
	}
}

// Codecs lists the codecs that this program can decode.
func Codecs() (list []media.Codec) {
	for _, c := range []media.Codec{media.CodecH264, media.CodecH265, media.CodecMJPEG, media.CodecVP8, media.CodecVP9} {
		if find(c) != nil {
			list = append(list, c)
		}
	}
	return list
}

// Decode implements [decoder.Decoder].
func (d *Decoder) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if d.native == nil {
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
	if err := failpoint.Decoding(d.cfg.Camera, au.Data); err != nil {
		return err
	}
	if err := d.guard.Check(au.Data); err != nil {
		return err
	}
	if _, references := d.sharing.harmed(); references {
		d.timeline.Lost()
	}
	d.sharing.check()
	defer d.sharing.settle()
	pic, err := d.pictures.get()
	if err != nil {
		return err
	}
	token := d.timeline.Add(au)
	got := d.native.send(au.Data, token, d.guard.GapsAllowed, pic.av)
	out := d.native.outcome()
	if out.damage || out.code != 0 {
		d.timeline.Damaged(token)
	}
	var failed error // before the next call overwrites the message
	if out.code != 0 {
		failed = d.failure(out)
	}
	if err := d.emitAll(pic, got, emit); err != nil {
		return err
	}
	return failed
}

// failure says what an error of libavcodec means to the caller.
func (d *Decoder) failure(out outcome) error {
	if out.tooLarge {
		return d.guard.Size(out.width, out.height)
	}
	e := nativeError("decode "+d.cfg.Format.Codec.String(), out.code)
	if m := d.native.message(); m != "" {
		e.Text = m
	}
	switch {
	case out.code == codeNoMemory:
	case (out.code == codePatchWelcome || out.code == codeNoSys) && !d.decoded:
		// Damaged data can look like a feature nobody has seen, but hardly
		// in a stream of which nothing has been decoded yet.
		e.Kind = decoder.ErrUnsupported
	default:
		e.Kind = decoder.ErrCorrupt
	}
	return e
}

// Drain implements [decoder.Decoder].
func (d *Decoder) Drain(ctx context.Context, emit func(*frame.Frame) error) error {
	if d.native == nil {
		return decoder.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer d.sharing.settle()
	pic, err := d.pictures.get()
	if err != nil {
		return err
	}
	d.native.end()
	err = d.emitAll(pic, d.native.receive(pic.av), emit)
	d.native.flush()
	d.timeline.Reset()
	return err
}

// emitAll delivers the picture in pic, when got says that there is one, and all
// that are ready behind it. It takes pic over.
func (d *Decoder) emitAll(pic *picture, got bool, emit func(*frame.Frame) error) error {
	var failed error
	for got {
		if failed != nil {
			unrefPicture(pic.av) // nobody wants the rest
		} else {
			var err error
			if pic, err = d.deliver(pic, emit); err != nil {
				failed = err
			}
			if pic == nil {
				if pic, err = d.pictures.get(); err != nil {
					return err
				}
			}
		}
		got = d.native.receive(pic.av)
	}
	d.pictures.put(pic)
	return failed
}

// deliver makes a frame of the picture in pic and emits it. It returns pic when
// its picture has been given up, and nil when the frame has taken it over.
func (d *Decoder) deliver(pic *picture, emit func(*frame.Frame) error) (*picture, error) {
	d.decoded = true
	p := d.native.info()
	if _, references := d.sharing.harmed(); references {
		d.timeline.Lost()
	}
	u := d.timeline.Take(p.token)
	if d.cfg.Select != nil && !d.cfg.Select(u.Times.PTS) {
		unrefPicture(pic.av)
		return pic, nil
	}
	w, h := stream.Fit(p.width, p.height, d.cfg.Output)
	info := frame.Info{
		Times:   u.Times,
		Decoded: failpoint.Now(),
		Format:  media.PixelI420,
		Width:   w,
		Height:  h,
		// The stream's own height decides what an untagged stream means.
		Color:    colorOf(p).Override(d.cfg.Output.Color).Resolve(p.height),
		KeyFrame: u.RandomAccess,
		Corrupt:  u.Corrupt || p.corrupt,
	}
	if p.layout == layoutUnknown {
		err := fmt.Errorf("%w: pixel format %s", decoder.ErrUnsupported, d.native.formatName())
		unrefPicture(pic.av)
		return pic, err
	}
	if p.layout == layoutDirect && w == p.width && h == p.height {
		d.sharing.direct(pic, p, info, d.guard.Pictures)
		bytes := p.bytes
		if pic.region != nil {
			bytes = 0 // they are the region's
		}
		f := d.pictures.publish(pic, info, d.native.planes(), bytes)
		err := emit(f)
		f.Release()
		return nil, err
	}
	f, err := d.blank(info)
	if err != nil {
		unrefPicture(pic.av)
		return pic, err
	}
	defer f.Release()
	err = d.native.convert(pic.av, f)
	unrefPicture(pic.av)
	if err != nil {
		return pic, err
	}
	info.Decoded = failpoint.Now()
	if gone, _ := d.sharing.harmed(); gone {
		info.Corrupt = true
	}
	f.Info = info
	return pic, emit(f)
}

// blank returns a frame that a picture is to be converted into.
func (d *Decoder) blank(info frame.Info) (*frame.Frame, error) {
	if !d.sharing.converted(info) {
		return d.pool.Get(media.PixelI420, info.Width, info.Height), nil
	}
	pic, err := d.pictures.get()
	if err != nil {
		return nil, err
	}
	planes, ok := d.sharing.take(pic)
	if !ok {
		d.pictures.put(pic)
		return d.pool.Get(media.PixelI420, info.Width, info.Height), nil
	}
	return d.pictures.publish(pic, info, planes, 0), nil
}

// SkipNonReference implements [decoder.Skipper]. The unit's own mark is trusted,
// and libavcodec skips what it finds in the bit stream itself.
func (d *Decoder) SkipNonReference(on bool) {
	if d.native != nil {
		d.skip = on
		d.native.skipNonReference(on)
	}
}

// SetOutput implements [decoder.Resizer].
func (d *Decoder) SetOutput(o decoder.Output) {
	d.cfg.Output = o
	d.sharing.known = false
}

// Spent implements [decoder.Meter].
func (d *Decoder) Spent() time.Duration {
	if d.native == nil {
		return 0
	}
	return d.native.spent()
}

// Share implements [decoder.Sharer]. Of the frames that are asked for, the slots of a
// region are also what the caller keeps and what libavcodec keeps as references.
func (d *Decoder) Share(frames int) {
	if d.native != nil {
		d.sharing.want(frames)
	}
}

// ShareErr implements [decoder.Sharer]. It wraps [decoder.ErrUnsupported] when the
// decoder was made without a folder for regions.
func (d *Decoder) ShareErr() error { return d.sharing.trouble() }

// Shared counts the frames that were made while they were to be shared.
func (d *Decoder) Shared() Shared { return d.sharing.count }

// Close implements [decoder.Decoder].
func (d *Decoder) Close() error {
	if d.native == nil {
		return nil
	}
	d.sharing.want(0)
	d.native.close()
	d.native = nil
	d.sharing.settle()
	d.pictures.close()
	return d.pool.Close()
}
