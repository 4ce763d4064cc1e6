package isolated

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/media"
)

// A message is its length (32 bits, little-endian, of what follows), its kind, and the
// fields of its kind. The worker asks, the child answers with any number of messages and
// then msgDone. Only settings have no answer.
const (
	// of the worker
	msgOpen     = 'O' // opening as JSON
	msgSettings = 'S' // settings as JSON
	msgDecode   = 'D' // unit header, releases, data
	msgDrain    = 'N' // releases
	msgAnswer   = 'A' // to msgSelect: 1 byte
	msgMemory   = 'M' // to msgRegion: number of the region, with its file; 0 and no file = no
	// of the child
	msgSelect = 's' // PTS
	msgRegion = 'r' // size, purpose
	msgFrame  = 'f' // a picture
	msgClosed = 'c' // a region is not used any more
	msgSpent  = 't' // processor time since the last one, in ns
	msgDone   = 'd' // how it went: verdict and text
)

const (
	headerBytes = 5
	// maxAnswer bounds a message of the child.
	maxAnswer = 1 << 10
	// maxText bounds a text in it, in bytes.
	maxText = 512
	// maxUnit bounds an access unit, far above what the depayloaders make.
	maxUnit = 64 << 20
	// keepBuffer is what a buffer that had to grow is not kept beyond.
	keepBuffer = 1 << 20
)

// What a region is for.
const (
	forSlots = iota // the decoder's pictures, until it says otherwise
	forOne          // one picture that found no slot
)

// opening is what a decoder is made from.
type opening struct {
	Format  media.Format
	Limits  decoder.Limits
	Camera  string
	Frames  int
	Selects bool
	Settings
}

// Settings may change between two units.
type Settings struct {
	Output decoder.Output
	Skip   bool
	Share  int
	// Anew asks for another region although nothing has changed.
	Anew bool
}

// unitHeader is an access unit without its data.
type unitHeader struct {
	number       uint64
	pts          time.Duration
	randomAccess bool
	nonReference bool
	ask          bool // whether pictures are wanted, before pixel work
}

const (
	flagRandomAccess = 1 << iota
	flagNonReference
	flagAsk
)

const unitBytes = 8 + 8 + 1

func appendUnit(b []byte, u unitHeader) []byte {
	b = binary.LittleEndian.AppendUint64(b, u.number)
	b = binary.LittleEndian.AppendUint64(b, uint64(u.pts))
	flags := byte(0)
	if u.randomAccess {
		flags |= flagRandomAccess
	}
	if u.nonReference {
		flags |= flagNonReference
	}
	if u.ask {
		flags |= flagAsk
	}
	return append(b, flags)
}

func parseUnit(b []byte) (u unitHeader, rest []byte, err error) {
	if len(b) < unitBytes {
		return u, nil, errShort
	}
	u.number = binary.LittleEndian.Uint64(b)
	u.pts = time.Duration(binary.LittleEndian.Uint64(b[8:]))
	u.randomAccess = b[16]&flagRandomAccess != 0
	u.nonReference = b[16]&flagNonReference != 0
	u.ask = b[16]&flagAsk != 0
	return u, b[unitBytes:], nil
}

func appendReleases(b []byte, handles []uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(handles)))
	for _, h := range handles {
		b = binary.LittleEndian.AppendUint32(b, h)
	}
	return b
}

// parseReleases calls release for each.
func parseReleases(b []byte, release func(uint32)) (rest []byte, err error) {
	if len(b) < 4 {
		return nil, errShort
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	b = b[4:]
	if uint64(len(b)) < 4*n {
		return nil, errShort
	}
	for range n {
		release(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	return b, nil
}

// picture is what the child says about one.
type picture struct {
	handle        uint32 // to release it with; 0 = there is nothing to release
	number        uint64 // of the unit that it came from
	pts           time.Duration
	region        uint32
	slot, slots   uint32
	stride        int64
	generationAt  int64
	generation    uint64
	width, height int32
	color         media.Color
	key, corrupt  bool
	asked         bool     // and the worker wants it
	offset        [3]int64 // from the beginning of the slot
	pitch         [3]int32
}

const pictureBytes = 4 + 8 + 8 + 4 + 8 + 8 + 8 + 8 + 8 + 2 + 3 + 3*12

func appendPicture(b []byte, p *picture) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, p.handle)
	b = le.AppendUint64(b, p.number)
	b = le.AppendUint64(b, uint64(p.pts))
	b = le.AppendUint32(b, p.region)
	b = le.AppendUint32(b, p.slot)
	b = le.AppendUint32(b, p.slots)
	b = le.AppendUint64(b, uint64(p.stride))
	b = le.AppendUint64(b, uint64(p.generationAt))
	b = le.AppendUint64(b, p.generation)
	b = le.AppendUint32(b, uint32(p.width))
	b = le.AppendUint32(b, uint32(p.height))
	b = append(b, byte(p.color.Matrix), byte(p.color.Range), flag(p.key), flag(p.corrupt), flag(p.asked))
	for i := range p.offset {
		b = le.AppendUint64(b, uint64(p.offset[i]))
		b = le.AppendUint32(b, uint32(p.pitch[i]))
	}
	return b
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func parsePicture(b []byte, p *picture) error {
	if len(b) != pictureBytes {
		return errShort
	}
	le := binary.LittleEndian
	p.handle = le.Uint32(b)
	p.number = le.Uint64(b[4:])
	p.pts = time.Duration(le.Uint64(b[12:]))
	p.region = le.Uint32(b[20:])
	p.slot = le.Uint32(b[24:])
	p.slots = le.Uint32(b[28:])
	p.stride = int64(le.Uint64(b[32:]))
	p.generationAt = int64(le.Uint64(b[40:]))
	p.generation = le.Uint64(b[48:])
	p.width = int32(le.Uint32(b[56:]))
	p.height = int32(le.Uint32(b[60:]))
	p.color = media.Color{Matrix: media.Matrix(b[64]), Range: media.Range(b[65])}
	p.key, p.corrupt, p.asked = b[66] != 0, b[67] != 0, b[68] != 0
	b = b[69:]
	for i := range p.offset {
		p.offset[i], p.pitch[i] = int64(le.Uint64(b)), int32(le.Uint32(b[8:]))
		b = b[12:]
	}
	return nil
}

// begin starts a message in b; finish sets its length.
func begin(b []byte, kind byte) []byte { return append(b, 0, 0, 0, 0, kind) }

func finish(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// read reads a message of at most limit bytes into buf, which grows when it has to.
func read(r io.Reader, buf []byte, limit int) (kind byte, body, kept []byte, err error) {
	buf = buf[:cap(buf)]
	if len(buf) < headerBytes {
		buf = make([]byte, maxAnswer)
	}
	if _, err := io.ReadFull(r, buf[:headerBytes]); err != nil {
		return 0, nil, buf, err
	}
	n, kind := binary.LittleEndian.Uint32(buf), buf[4]
	if n < 1 || uint64(n) > uint64(limit) {
		return 0, nil, buf, fmt.Errorf("%w: a message of %d bytes", errProtocol, n)
	}
	n--
	if int(n) > len(buf) {
		buf = make([]byte, n+n/4)
	}
	_, err = io.ReadFull(r, buf[:n])
	return kind, buf[:n], buf, err
}

// verdict is what an error means to the caller.
type verdict byte

const (
	fine verdict = iota
	corrupt
	unsupported
	tooLarge
	exhausted
	decoderBroken // the decoder is unusable
)

// sentinel is the error of package decoder, or nil.
func (v verdict) sentinel() error {
	switch v {
	case corrupt:
		return decoder.ErrCorrupt
	case unsupported:
		return decoder.ErrUnsupported
	case tooLarge:
		return decoder.ErrTooLarge
	case exhausted:
		return decoder.ErrExhausted
	default:
		return nil
	}
}

func judge(err error) verdict {
	if err == nil {
		return fine
	}
	for v := corrupt; v < decoderBroken; v++ {
		if errors.Is(err, v.sentinel()) {
			return v
		}
	}
	return decoderBroken
}

// remoteError is an error of the decoder in the child.
type remoteError struct {
	text string
	kind error // of package decoder, or nil
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }

// clean makes a text of a child fit for logs and status.
func clean(b []byte) string {
	b = b[:min(len(b), maxText)]
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, string(b)))
}

var (
	errProtocol = errors.New("the decoder process does not keep to the protocol")
	errShort    = fmt.Errorf("%w: a message is too short", errProtocol)
)
