package isolated

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

// window is how many units back a picture may come from, as in the child.
const window = 64

// Decoder implements [decoder.Decoder], [decoder.Skipper], [decoder.Resizer] and
// [decoder.Sharer] with a decoder in a child. When the child ends, the call that notices
// returns a [decoder.ErrInterrupted], and the next random-access unit goes to another one.
type Decoder struct {
	host   *Host
	cfg    decoder.Config
	memory *memory
	link   *link // nil between two children
	in     *bufio.Reader
	buf    []byte // the child's last message
	out    []byte
	closed bool

	want, now Settings // now: what the child knows

	number uint64 // of the last unit
	choosy int    // for so many units the child is to ask before it does pixel work
	units  [window]struct {
		number uint64
		times  media.Times
	}

	share struct {
		err  error // why what is shared does not lie where others can map it
		wait time.Duration
		at   time.Time // not before then it is tried again
	}
	denied error // why the child got no memory in this call

	spent time.Duration // processor time of all children so far
}

var (
	_ decoder.Decoder = (*Decoder)(nil)
	_ decoder.Skipper = (*Decoder)(nil)
	_ decoder.Resizer = (*Decoder)(nil)
	_ decoder.Sharer  = (*Decoder)(nil)
	_ decoder.Meter   = (*Decoder)(nil)
)

// NewDecoder makes a decoder in a child, which may have to start for it. Zero limits mean
// [decoder.DefaultLimits]. The error wraps [decoder.ErrUnsupported] when the child's
// decoder can't decode such a stream, or when the camera's stream is in quarantine.
func (h *Host) NewDecoder(cfg decoder.Config) (*Decoder, error) {
	if cfg.Limits == (decoder.Limits{}) {
		cfg.Limits = decoder.DefaultLimits()
	}
	d := &Decoder{host: h, cfg: cfg, memory: newMemory(cfg.Account, bound(cfg)), in: bufio.NewReader(nil)}
	d.want.Output = cfg.Output
	if err := d.connect(context.Background()); err != nil {
		return nil, err
	}
	return d, nil
}

// keptPictures is how many pictures a stream's frames can take at most: a region and the
// one before, and what readers keep beside.
const keptPictures = 64

// smallestBound is what a child may have of memory for any stream.
const smallestBound = 256 << 20

// bound is how much memory pictures of a stream may take.
func bound(cfg decoder.Config) int64 {
	pixels := int64(cfg.Format.CodedWidth) * int64(cfg.Format.CodedHeight)
	if pixels <= 0 || pixels > int64(cfg.Limits.MaxPixels) {
		pixels = int64(cfg.Limits.MaxPixels)
	}
	return max(smallestBound, keptPictures*pixels*3/2)
}

// connect opens a decoder in a child that has room.
func (d *Decoder) connect(ctx context.Context) error {
	l, err := d.host.open(ctx, d.cfg.Camera, d.memory)
	if err != nil {
		return err
	}
	d.link, d.now = l, d.want
	d.now.Anew = false
	d.in.Reset(l.conn)
	body, err := json.Marshal(opening{
		Format: d.cfg.Format, Limits: d.cfg.Limits, Camera: d.cfg.Camera, Frames: d.cfg.Frames,
		Selects: d.cfg.Select != nil, Settings: d.now,
	})
	if err == nil {
		d.out = finish(append(begin(d.out[:0], msgOpen), body...), 0)
		err = d.call(nil)
	}
	if err != nil {
		d.leave()
		return err
	}
	return nil
}

// leave gives the child up.
func (d *Decoder) leave() {
	if d.link != nil {
		d.host.leave(d.link)
		d.link = nil
	}
	d.memory.abandon()
}

// Decode implements [decoder.Decoder].
func (d *Decoder) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if err := d.usable(ctx); err != nil {
		return err
	}
	if len(au.Data) > maxUnit/2 {
		return fmt.Errorf("%w: an access unit of %d bytes", decoder.ErrCorrupt, len(au.Data))
	}
	if d.link != nil && d.link.gone() { // since the last call
		if err := d.lost(nil); !au.RandomAccess {
			return err
		}
	}
	if d.link == nil {
		if !au.RandomAccess {
			return fmt.Errorf("%w: waiting for a key frame", decoder.ErrInterrupted)
		}
		if err := d.connect(ctx); err != nil {
			return err
		}
	}
	if err := d.settle(); err != nil {
		return err
	}
	d.number++
	u := &d.units[d.number%window]
	u.number, u.times = d.number, au.Times
	d.out = appendUnit(begin(d.out[:0], msgDecode), unitHeader{d.number, au.PTS, au.RandomAccess, au.NonReference, d.choosy > 0})
	d.choosy = max(d.choosy-1, 0)
	d.out = d.memory.takeReleased(d.out)
	d.out = finish(append(d.out, failpoint.Carry(d.cfg.Camera, au.Data)...), 0)
	return d.call(emit)
}

// Drain implements [decoder.Decoder].
func (d *Decoder) Drain(ctx context.Context, emit func(*frame.Frame) error) error {
	if err := d.usable(ctx); err != nil {
		return err
	}
	if d.link == nil {
		return nil // there is nothing left
	}
	if err := d.settle(); err != nil {
		return err
	}
	d.out = finish(d.memory.takeReleased(begin(d.out[:0], msgDrain)), 0)
	return d.call(emit)
}

func (d *Decoder) usable(ctx context.Context) error {
	if d.closed {
		return decoder.ErrClosed
	}
	return ctx.Err()
}

// settle tells the child what has changed since the last call.
func (d *Decoder) settle() error {
	if d.share.err != nil && d.want.Share > 0 && !time.Now().Before(d.share.at) {
		d.want.Anew = true
	}
	if d.want == d.now {
		return nil
	}
	if d.want.Anew || (d.want.Share == 0) != (d.now.Share == 0) {
		d.memory.end()
	}
	body, err := json.Marshal(d.want)
	if err != nil {
		return err
	}
	d.out = finish(append(begin(d.out[:0], msgSettings), body...), 0)
	d.want.Anew = false
	d.now = d.want
	return d.call(nil)
}

// SkipNonReference implements [decoder.Skipper].
func (d *Decoder) SkipNonReference(on bool) { d.want.Skip = on }

// SetOutput implements [decoder.Resizer].
func (d *Decoder) SetOutput(o decoder.Output) { d.want.Output = o }

var errNoRegions = fmt.Errorf("%w: this worker has no shared memory: choose a folder for it with --shm-dir", decoder.ErrUnsupported)

// Share implements [decoder.Sharer].
func (d *Decoder) Share(frames int) {
	d.want.Share = frames
	if frames == 0 {
		d.share.err, d.share.wait = nil, 0
	}
}

// ShareErr implements [decoder.Sharer].
func (d *Decoder) ShareErr() error {
	switch {
	case d.want.Share == 0:
		return nil
	case d.cfg.Regions == nil:
		return errNoRegions
	case d.memory.shares():
		return nil
	default:
		return d.share.err
	}
}

// folder is where regions are to lie; nil = nobody else wants them.
func (d *Decoder) folder() *shm.Folder {
	if d.now.Share == 0 {
		return nil
	}
	return d.cfg.Regions
}

const (
	minShareWait = time.Second
	maxShareWait = 30 * time.Second
)

// noteSharing keeps why a region does not lie in the folder.
func (d *Decoder) noteSharing(err error) {
	if err == nil {
		d.share.err, d.share.wait = nil, 0
		return
	}
	if errors.Is(err, shm.ErrFull) {
		err = noRoomError{err}
	}
	d.share.err = err
	d.share.wait = min(max(2*d.share.wait, minShareWait), maxShareWait)
	d.share.at = time.Now().Add(d.share.wait)
}

// noRoomError is an [decoder.ErrExhausted] of which the decoder does not end.
type noRoomError struct{ err error }

func (e noRoomError) Error() string   { return e.err.Error() }
func (e noRoomError) Unwrap() []error { return []error{decoder.ErrExhausted, e.err} }

// Close implements [decoder.Decoder].
func (d *Decoder) Close() error {
	if !d.closed {
		d.closed = true
		d.leave()
	}
	return nil
}

// lost gives a child up that has ended, or ends it: nil when it has ended by itself.
func (d *Decoder) lost(err error) error {
	l := d.link
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.host.blame(l, fmt.Sprintf("it did not answer for %v on one access unit", d.host.cfg.Patience))
	case errors.Is(err, errProtocol), errors.Is(err, errBroken):
		d.host.blame(l, err.Error())
	default: // the socket is closed: it is about to end
		select {
		case <-l.process.dead:
		case <-time.After(quickDeath):
			d.host.blame(l, "it closed the decoder's socket")
		}
	}
	<-l.process.dead
	err = l.process.err
	d.leave()
	if _, quarantined := d.host.record.judge(d.cfg.Camera); quarantined != nil {
		return quarantined
	}
	return fmt.Errorf("%w: %w; decoding goes on with the next key frame", decoder.ErrInterrupted, err)
}
