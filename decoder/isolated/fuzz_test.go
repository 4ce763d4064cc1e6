package isolated

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"testing"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// message is one in the protocol's form.
func message(kind byte, parts ...[]byte) []byte {
	b := begin(nil, kind)
	for _, p := range parts {
		b = append(b, p...)
	}
	return finish(b, 0)
}

func number32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
func number64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

func together(messages ...[]byte) (b []byte) {
	for _, m := range messages {
		b = append(b, m...)
	}
	return b
}

// talk gives one end of a socket to who reads what was said, and returns what the other end
// hears until that one is closed.
func talk(t *testing.T, said []byte) (ours *socket, heard func() []byte) {
	t.Helper()
	fd, other, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	peer := int(other.Fd()) // blocking from now on
	all := make(chan []byte, 1)
	go func() {
		defer other.Close()
		var b []byte
		buf := make([]byte, 4096)
		for {
			n, err := unix.Read(peer, buf)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n <= 0 {
				all <- b
				return
			}
			b = append(b, buf[:n]...)
		}
	}()
	go func() {
		_, _ = (&socket{fd: peer}).Write(said)
		_ = unix.Shutdown(peer, unix.SHUT_WR)
	}()
	return &socket{fd: fd}, func() []byte { return <-all }
}

// FuzzConversation: all that a child may say in answer to one unit. The worker ends it, keeps
// within its memory, and believes nothing that it can't see.
func FuzzConversation(f *testing.F) {
	p := honest(1)
	memory := message(msgRegion, number64(16384), []byte{forSlots})
	spill := message(msgRegion, number64(8192), []byte{forOne})
	pic := message(msgFrame, appendPicture(nil, &p))
	second := p
	second.slot, second.handle, second.asked = 0, 2, true
	done := message(msgDone, []byte{byte(fine)})
	f.Add(together(memory, pic, message(msgFrame, appendPicture(nil, &second)), message(msgSpent, number64(5e6)), done))
	f.Add(together(memory, message(msgSelect, number64(40e6)), pic, message(msgClosed, number32(1)), pic, done))
	one := p
	one.stride, one.slots, one.slot, one.generationAt = 8192, 1, 0, 0
	f.Add(together(spill, message(msgFrame, appendPicture(nil, &one)), done))
	f.Add(message(msgDone, []byte{byte(corrupt)}, []byte("no start code \x1b[31m found")))
	f.Add(together(memory, memory, memory, message(msgSpent, number64(math.MaxUint64)), message(msgDone, []byte{byte(exhausted)})))
	f.Add(together(message(msgRegion, number64(math.MaxUint64), []byte{forOne}), done, pic))
	f.Fuzz(func(t *testing.T, said []byte) {
		conn, heard := talk(t, said)
		account := new(frame.Account)
		asked := 0
		d := &Decoder{
			host: &Host{cfg: Config{Patience: time.Hour}},
			cfg: decoder.Config{Limits: decoder.DefaultLimits(), Account: account, Select: func(time.Duration) bool {
				asked++
				return asked%2 == 0
			}},
			memory: newMemory(account, 1<<20), link: &link{conn: conn}, in: bufio.NewReader(conn),
		}
		var frames []*frame.Frame
		began := time.Now()
		failed, broken := d.serve(func(fr *frame.Frame) error {
			frames = append(frames, fr.Retain())
			return nil
		})
		if d.Spent() < 0 || d.Spent() > time.Duration(len(said)/13+1)*time.Since(began) {
			t.Errorf("it has spent %v", d.Spent())
		}
		if size := d.memory.size(); size > 1<<20 || len(frames) > maxPictures {
			t.Errorf("%d bytes, %d pictures", size, len(frames))
		}
		for _, err := range []error{failed, broken} {
			if err == nil {
				continue
			}
			for _, r := range err.Error() {
				if !unicode.IsPrint(r) {
					t.Errorf("%q in an error", r)
				}
			}
			if len(err.Error()) > 2*maxText {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
		for _, fr := range frames {
			sizes, n := media.PixelI420.Planes(fr.Width, fr.Height)
			for i, size := range sizes[:n] {
				plane := fr.Planes[i]
				if len(plane.Data) < plane.Pitch*(size.Rows-1)+size.RowBytes || cap(plane.Data) < len(plane.Data)+frame.Overread {
					t.Errorf("plane %d: %d bytes of %d rows with a pitch of %d", i, len(plane.Data), size.Rows, plane.Pitch)
				}
				_ = plane.Data[:cap(plane.Data)][cap(plane.Data)-1] // it is mapped
			}
		}
		d.memory.abandon()
		for _, fr := range frames {
			fr.Release()
		}
		if account.Frames() != 0 || account.Bytes() != 0 || d.memory.size() != 0 {
			t.Errorf("%d frames, %d bytes, %d of regions are left", account.Frames(), account.Bytes(), d.memory.size())
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		_ = checkMessages(t, heard(), func(kind byte) bool { return kind == msgAnswer || kind == msgMemory })
	})
}

// checkMessages takes what one side has said apart and counts its messages by kind.
func checkMessages(t *testing.T, said []byte, may func(kind byte) bool) map[byte]int {
	t.Helper()
	kinds := map[byte]int{}
	for len(said) > 0 {
		if len(said) < headerBytes {
			t.Fatalf("% x is no message", said)
		}
		n := int(binary.LittleEndian.Uint32(said))
		if n < 1 || n > maxAnswer || len(said) < 4+n || !may(said[4]) {
			t.Fatalf("message %q of %d bytes in % x", said[4], n, said)
		}
		kinds[said[4]]++
		said = said[4+n:]
	}
	return kinds
}

// parrot is a decoder that makes a picture of each unit, in memory that can't be shared.
type parrot struct {
	cfg    decoder.Config
	units  int
	closed bool
}

func (p *parrot) Decode(_ context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if p.units++; len(au.Data) == 0 {
		return decoder.ErrCorrupt
	}
	if p.cfg.Select != nil && !p.cfg.Select(au.PTS) {
		return nil
	}
	return p.emit(au, emit)
}

func (p *parrot) emit(au *media.AccessUnit, emit func(*frame.Frame) error) error {
	fr := frame.NewPool(1, nil).Get(media.PixelI420, 64, 48)
	defer fr.Release()
	fr.Received, fr.PTS = au.Received, au.PTS
	return emit(fr)
}

func (p *parrot) Drain(context.Context, func(*frame.Frame) error) error {
	p.units++
	return nil
}

func (p *parrot) Close() error {
	p.closed = true
	return nil
}

// FuzzRequests: all that a worker may say to its child. Each request that the child takes
// has one answer, and what it does not understand ends it in order.
func FuzzRequests(f *testing.F) {
	open, err := json.Marshal(opening{
		Format: media.Format{Codec: media.CodecH264, CodedWidth: 64, CodedHeight: 48}, Limits: decoder.DefaultLimits(), Camera: "door", Frames: 4, Selects: true,
	})
	if err != nil {
		f.Fatal(err)
	}
	settings, err := json.Marshal(Settings{Output: decoder.Output{}, Skip: true, Share: 2, Anew: true})
	if err != nil {
		f.Fatal(err)
	}
	unit := func(n uint64, ask bool) []byte {
		return message(msgDecode, appendUnit(nil, unitHeader{number: n, pts: 40e6, randomAccess: n == 1, ask: ask}), appendReleases(nil, []uint32{1, 2}), []byte("\x00\x00\x01\x65data"))
	}
	drain := message(msgDrain, appendReleases(nil, nil))
	f.Add(together(message(msgOpen, open), unit(1, false), message(msgSettings, settings), unit(2, true), message(msgAnswer, []byte{1}), drain))
	f.Add(together(message(msgOpen, open), unit(1, false), message(msgMemory, number32(1)), unit(2, false), message(msgMemory, number32(0)), drain))
	f.Add(together(message(msgOpen, open), message(msgOpen, open), unit(1, true)))
	f.Add(together(message(msgOpen, []byte(`{"Format":{}}`)), drain, drain))
	f.Fuzz(func(t *testing.T, said []byte) {
		conn, heard := talk(t, said)
		var made []*parrot
		s := &session{conn: conn, create: func(cfg decoder.Config) (decoder.Decoder, error) {
			p := &parrot{cfg: cfg}
			made = append(made, p)
			return p, nil
		}}
		err := s.run()
		kinds := checkMessages(t, heard(), func(kind byte) bool {
			return kind == msgSelect || kind == msgRegion || kind == msgFrame || kind == msgClosed || kind == msgSpent || kind == msgDone
		})
		if len(made) > 1 || len(s.held) > 0 {
			t.Fatalf("%d decoders, %d frames", len(made), len(s.held))
		}
		units := 0
		for _, p := range made {
			if !p.closed {
				t.Fatal("the decoder is left")
			}
			units = p.units
		}
		if done := kinds[msgDone]; done < units || kinds[msgFrame] > units {
			t.Fatalf("%d answers, %d pictures of %d units: %v", done, kinds[msgFrame], units, err)
		}
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}
