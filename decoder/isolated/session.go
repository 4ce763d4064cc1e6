package isolated

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

// spare is for how many frames of the worker there are slots beside those that it says
// it keeps: readers hold some while they encode or send.
const spare = 4

// session is one decoder in the child, with one goroutine.
type session struct {
	conn   *socket
	create NewDecoder

	in   *bufio.Reader
	buf  []byte // the worker's last message
	out  []byte // what was not sent yet
	dec  decoder.Decoder
	open opening
	now  Settings
	asks bool                    // the worker wants to be asked about pictures
	held map[uint32]*frame.Frame // by handle
	last uint32                  // handle

	spent time.Duration // that the worker knows of
}

// run serves the worker until it closes the socket.
func (s *session) run() (err error) {
	defer s.conn.Close()
	s.in = bufio.NewReaderSize(s.conn, 64<<10)
	s.held = make(map[uint32]*frame.Frame)
	defer func() {
		for _, f := range s.held {
			f.Release()
		}
		if s.dec != nil {
			err = errors.Join(err, s.dec.Close())
		}
	}()
	for {
		var kind byte
		var body []byte
		kind, body, s.buf, err = read(s.in, s.buf, maxUnit)
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.serve(kind, body); err != nil {
			return err
		}
		if cap(s.buf) > keepBuffer {
			s.buf = nil
		}
	}
}

// serve answers one message. Errors are those of the socket.
func (s *session) serve(kind byte, body []byte) error {
	if s.dec == nil && kind != msgOpen {
		return fmt.Errorf("%w: message %q before a decoder was opened", errProtocol, kind)
	}
	var failed error
	switch kind {
	case msgOpen:
		failed = s.begin(body)
	case msgSettings:
		var next Settings
		if err := json.Unmarshal(body, &next); err != nil {
			return err
		}
		s.set(next)
	case msgDecode:
		u, rest, err := parseUnit(body)
		if err != nil {
			return err
		}
		s.asks = u.ask
		if rest, err = parseReleases(rest, s.release); err != nil {
			return err
		}
		failed = s.dec.Decode(context.Background(), &media.AccessUnit{
			Format: &s.open.Format, Data: rest, RandomAccess: u.randomAccess, NonReference: u.nonReference,
			// The number travels as a time: the decoder gives it back with the picture.
			Times: media.Times{PTS: u.pts, Received: time.Unix(0, int64(u.number))},
		}, s.emit)
	case msgDrain:
		if _, err := parseReleases(body, s.release); err != nil {
			return err
		}
		failed = s.dec.Drain(context.Background(), s.emit)
	default:
		return fmt.Errorf("%w: message %q", errProtocol, kind)
	}
	s.account()
	start := len(s.out)
	s.out = append(begin(s.out, msgDone), byte(judge(failed)))
	if failed != nil {
		text := failed.Error()
		s.out = append(s.out, text[:min(len(text), maxText)]...)
	}
	s.out = finish(s.out, start)
	return s.flush()
}

// account says what decoding has cost since it was said last.
func (s *session) account() {
	m, ok := s.dec.(decoder.Meter)
	if !ok {
		return
	}
	spent := m.Spent()
	start := len(s.out)
	s.out = finish(binary.LittleEndian.AppendUint64(begin(s.out, msgSpent), uint64(max(0, spent-s.spent))), start)
	s.spent = spent
}

func (s *session) flush() error {
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	return err
}

func (s *session) begin(body []byte) error {
	if s.dec != nil {
		return errProtocol
	}
	if err := json.Unmarshal(body, &s.open); err != nil {
		return err
	}
	cfg := decoder.Config{
		Format: s.open.Format, Output: s.open.Output, Limits: s.open.Limits, Camera: s.open.Camera,
		Frames: s.open.Frames, Regions: shm.Borrow(s.borrow, s.gaveBack),
	}
	if s.open.Selects {
		cfg.Select = s.selected
	}
	dec, err := s.create(cfg)
	if err != nil {
		return err
	}
	s.dec, s.now = dec, Settings{Output: s.open.Output}
	s.share(s.open.Share)
	s.set(s.open.Settings)
	return nil
}

func (s *session) set(next Settings) {
	if r, ok := s.dec.(decoder.Resizer); ok && next.Output != s.now.Output {
		r.SetOutput(next.Output)
	}
	if k, ok := s.dec.(decoder.Skipper); ok && next.Skip != s.now.Skip {
		k.SkipNonReference(next.Skip)
	}
	if next.Anew || next.Share != s.now.Share {
		if next.Anew || (next.Share == 0) != (s.now.Share == 0) {
			s.share(-spare) // other memory is wanted than there is
		}
		s.share(next.Share)
	}
	s.now = next
}

// share makes room for frames of other processes; the worker is one of them.
func (s *session) share(frames int) {
	if sharer, ok := s.dec.(decoder.Sharer); ok {
		sharer.Share(frames + spare)
	}
	s.now.Share = frames
}

func (s *session) release(handle uint32) {
	if f := s.held[handle]; f != nil {
		delete(s.held, handle)
		f.Release()
	}
}

// selected asks the worker whether it wants a picture, unless it has wanted all of late:
// then it is asked by being sent the picture.
func (s *session) selected(pts time.Duration) bool {
	if !s.asks {
		return true
	}
	start := len(s.out)
	s.out = finish(binary.LittleEndian.AppendUint64(begin(s.out, msgSelect), uint64(pts)), start)
	if s.flush() != nil {
		return false // the next read tells
	}
	var answer [headerBytes + 1]byte
	if _, err := io.ReadFull(s.in, answer[:]); err != nil || answer[4] != msgAnswer {
		return false
	}
	return answer[headerBytes] != 0
}

// errRefused: the worker knows why.
var errRefused = fmt.Errorf("%w: the worker gives its decoder process no memory", decoder.ErrExhausted)

// ask asks the worker for memory. The file is named by the region's number.
func (s *session) ask(size int64, purpose byte) (*os.File, error) {
	start := len(s.out)
	s.out = binary.LittleEndian.AppendUint64(begin(s.out, msgRegion), uint64(size))
	s.out = finish(append(s.out, purpose), start)
	if err := s.flush(); err != nil {
		return nil, err
	}
	// The worker says nothing but this, so none of it is in the reader's buffer.
	var answer [headerBytes + 4]byte
	fd, err := s.conn.receive(answer[:])
	if err != nil {
		return nil, err
	}
	if fd < 0 || answer[4] != msgMemory {
		return nil, errRefused
	}
	number := binary.LittleEndian.Uint32(answer[headerBytes:])
	return os.NewFile(uintptr(fd), strconv.FormatUint(uint64(number), 10)), nil
}

// borrow is for [shm.Borrow].
func (s *session) borrow(size int64) (*os.File, error) { return s.ask(size, forSlots) }

func (s *session) gaveBack(name string) {
	start := len(s.out)
	s.out = finish(binary.LittleEndian.AppendUint32(begin(s.out, msgClosed), regionNumber(name)), start)
}

func regionNumber(name string) uint32 {
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// emit tells the worker of a picture.
func (s *session) emit(f *frame.Frame) error {
	p := picture{
		number: uint64(f.Received.UnixNano()), pts: f.PTS, width: int32(f.Width), height: int32(f.Height),
		color: f.Color, key: f.KeyFrame, corrupt: f.Corrupt,
		asked: s.asks,
	}
	if place, ok := frame.PlaceOf(f); ok {
		r := place.Region
		p.region, p.slot, p.slots = regionNumber(r.Name), uint32(place.Slot), uint32(r.Slots)
		p.stride, p.generationAt, p.generation = r.Stride, r.Generation, place.Generation
		for i, l := range r.Planes {
			p.offset[i], p.pitch[i] = l.Offset, int32(l.Pitch)
		}
		if s.last == math.MaxUint32 {
			s.last = 0
		}
		s.last++
		p.handle = s.last
		s.held[p.handle] = f.Retain()
	} else if err := s.spill(f, &p); err != nil {
		return err
	}
	start := len(s.out)
	s.out = finish(appendPicture(begin(s.out, msgFrame), &p), start)
	return nil
}

// spill copies a picture that lies where the worker can't map it.
func (s *session) spill(f *frame.Frame, p *picture) error {
	if f.Format != media.PixelI420 {
		return fmt.Errorf("%w: frames of %v", decoder.ErrUnsupported, f.Format)
	}
	sizes, n := f.Format.Planes(f.Width, f.Height)
	var end int64
	for i, size := range sizes[:n] {
		pitch := (size.RowBytes + 63) / 64 * 64
		p.offset[i], p.pitch[i] = end, int32(pitch)
		end += int64(pitch*size.Rows) + 64 // and room to read over the end
	}
	file, err := s.ask(end, forOne)
	if err != nil {
		return err
	}
	defer file.Close()
	memory, err := unix.Mmap(int(file.Fd()), 0, int(end), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("%w: map %d bytes: %w", decoder.ErrExhausted, end, err)
	}
	for i, size := range sizes[:n] {
		for y := range size.Rows {
			copy(memory[p.offset[i]+int64(y)*int64(p.pitch[i]):], f.Planes[i].Data[y*f.Planes[i].Pitch:][:size.RowBytes])
		}
	}
	p.region, p.slots, p.stride = regionNumber(file.Name()), 1, end
	return unix.Munmap(memory)
}
