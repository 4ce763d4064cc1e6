package isolated

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

// What a child may say in one call at most.
const (
	maxPictures = 2 * window
	maxMessages = 16 * maxPictures
)

// call sends what is in d.out and serves the child until it is done.
func (d *Decoder) call(emit func(*frame.Frame) error) error {
	l := d.link
	d.denied = nil
	l.busy.Store(true)
	err, broken := d.serve(emit)
	if broken != nil {
		return d.lost(broken) // it is to blame as long as it is busy
	}
	l.busy.Store(false)
	if cap(d.out) > keepBuffer {
		d.out = nil
	}
	return err
}

// serve is call; broken means that nothing more can be had of this child.
func (d *Decoder) serve(emit func(*frame.Frame) error) (failed, broken error) {
	d.link.conn.until = time.Now().Add(d.host.cfg.Patience)
	if err := d.link.send(d.out, nil); err != nil {
		return nil, err
	}
	began, pictures := time.Now(), 0
	for range maxMessages {
		kind, body, buf, err := read(d.in, d.buf, maxAnswer)
		d.buf = buf
		if err != nil {
			return nil, err
		}
		switch kind {
		case msgSelect:
			err = d.selects(body)
		case msgRegion:
			err = d.region(body)
		case msgClosed:
			if len(body) != 4 {
				return nil, errShort
			}
			d.memory.closed(binary.LittleEndian.Uint32(body))
		case msgFrame:
			if pictures++; pictures > maxPictures || emit == nil {
				return nil, fmt.Errorf("%w: pictures that nobody asked for", errProtocol)
			}
			failed, err = d.deliver(body, failed, emit)
		case msgSpent:
			if len(body) != 8 {
				return nil, errShort
			}
			d.charge(binary.LittleEndian.Uint64(body), time.Since(began))
		case msgDone:
			result, err := d.done(body, emit != nil)
			if err != nil {
				return nil, err
			}
			if failed == nil {
				failed = result
			}
			return failed, nil
		default:
			err = fmt.Errorf("%w: message %q", errProtocol, kind)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: it does not come to an end", errProtocol)
}

// ours takes what the caller does between two messages off the child's time. The child has
// its patience once for all that it does about a unit: else it could stretch one for
// hours, and nobody ends a decoder while it is at work.
func (d *Decoder) ours(what func()) {
	begin := time.Now()
	what()
	d.link.conn.until = d.link.conn.until.Add(time.Since(begin))
}

// charge adds what the child says that it has spent, but no more than there was time for.
func (d *Decoder) charge(claim uint64, most time.Duration) {
	d.spent += time.Duration(min(claim, uint64(max(0, most))))
}

// Spent implements [decoder.Meter].
func (d *Decoder) Spent() time.Duration { return d.spent }

// selects answers whether a picture is wanted.
func (d *Decoder) selects(body []byte) error {
	if len(body) != 8 || d.cfg.Select == nil {
		return errShort
	}
	var wanted bool
	d.ours(func() { wanted = d.wants(time.Duration(binary.LittleEndian.Uint64(body))) })
	d.out = finish(append(begin(d.out[:0], msgAnswer), flag(wanted)), 0)
	return d.link.send(d.out, nil)
}

// choosyFor is for how many units after one that was not wanted the child asks.
const choosyFor = 128

// wants asks the caller.
func (d *Decoder) wants(pts time.Duration) bool {
	if d.cfg.Select == nil || d.cfg.Select(pts) {
		return true
	}
	d.choosy = choosyFor
	return false
}

// region gives the child memory, or says no.
func (d *Decoder) region(body []byte) error {
	if len(body) != 9 || body[8] > forOne {
		return errShort
	}
	size, one := int64(binary.LittleEndian.Uint64(body)), body[8] == forOne
	folder := d.folder()
	if one {
		folder = nil
	}
	r, unshared, err := d.memory.create(size, one, folder)
	if folder != nil {
		d.noteSharing(unshared)
	}
	d.out = begin(d.out[:0], msgMemory)
	if err != nil {
		d.denied = err
		d.out = finish(binary.LittleEndian.AppendUint32(d.out, 0), 0)
		return d.link.send(d.out, nil)
	}
	d.out = finish(binary.LittleEndian.AppendUint32(d.out, r.number), 0)
	return d.link.send(d.out, r.file())
}

// deliver emits a picture that the child tells of, if it is wanted and emit has not failed
// before. broken says that it can't be.
func (d *Decoder) deliver(body []byte, before error, emit func(*frame.Frame) error) (failed, broken error) {
	var p picture
	if err := parsePicture(body, &p); err != nil {
		return before, err
	}
	f, err := d.frame(&p)
	if errors.Is(err, shm.ErrFull) {
		return fmt.Errorf("%w: %w", decoder.ErrExhausted, err), nil
	}
	if err != nil {
		return before, err
	}
	defer f.Release()
	if before != nil { // nobody wants the rest
		return before, nil
	}
	d.ours(func() {
		if p.asked || d.wants(p.pts) {
			d.count(f)
			failed = emit(f)
		}
	})
	return failed, nil
}

// count notes whether a frame that is to be shared can be.
func (d *Decoder) count(f *frame.Frame) {
	if d.cfg.Shared == nil || d.now.Share == 0 {
		return
	}
	if _, shared := d.memory.Place(f); shared {
		d.cfg.Shared.InPlace.Add(1)
	} else {
		d.cfg.Shared.Elsewhere.Add(1)
	}
}

// frame makes a frame of what the child tells.
func (d *Decoder) frame(p *picture) (*frame.Frame, error) {
	limits := d.cfg.Limits
	w, h := int(p.width), int(p.height)
	if w < 1 || h < 1 || w > limits.MaxWidth || h > limits.MaxHeight || w*h > limits.MaxPixels {
		return nil, fmt.Errorf("%w: a picture of %dx%d", errProtocol, w, h)
	}
	if p.color.Matrix < media.MatrixBT601 || p.color.Matrix > media.MatrixBT2020 ||
		p.color.Range < media.RangeLimited || p.color.Range > media.RangeFull {
		return nil, fmt.Errorf("%w: colour %d, %d", errProtocol, p.color.Matrix, p.color.Range)
	}
	u := &d.units[p.number%window]
	if u.number != p.number { // lost: the newest one's, as decoders do
		u = &d.units[d.number%window]
	}
	info := frame.Info{
		Times: u.times, Decoded: failpoint.Now(), Format: media.PixelI420, Width: w, Height: h,
		Color: p.color, KeyFrame: p.key, Corrupt: p.corrupt,
	}
	info.PTS = p.pts
	return d.memory.frame(p, info)
}

// errBroken: a decoder has failed in a way that is neither its stream's nor ours. As a rule
// it has no memory left, and then the others in its child have none either.
var errBroken = errors.New("its decoder is broken")

// done reads how a call went; decoding says that there is a decoder which has to be whole.
func (d *Decoder) done(body []byte, decoding bool) (failed, broken error) {
	if len(body) < 1 || verdict(body[0]) > decoderBroken {
		return nil, errShort
	}
	v := verdict(body[0])
	switch {
	case v == fine:
		return nil, nil //nolint:nilnil // two errors, both absent
	case d.denied != nil && v != corrupt:
		return fmt.Errorf("%w: %w", decoder.ErrExhausted, d.denied), nil
	case decoding && (v == decoderBroken || v == exhausted):
		return nil, fmt.Errorf("%w: %s", errBroken, clean(body[1:]))
	default:
		return &remoteError{text: clean(body[1:]), kind: v.sentinel()}, nil
	}
}
