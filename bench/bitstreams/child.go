package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/render"
)

// outcome is what came of one case.
type outcome struct {
	Frames   int // decoded
	Pictures int // made of them
	Refused  int // access units and pictures that were answered with an error
}

// player plays cases.
type player struct {
	seed     uint64
	clips    []*testvideo.Clip
	backend  *backend.Backend
	renderer *render.Renderer
	account  *frame.Account
}

// maxWidth is that of the clips that are damaged: larger ones take longer and say no more.
const maxWidth = 640

func newPlayer(ctx context.Context, seed uint64) (*player, error) {
	manifest, err := testvideo.ReadManifest()
	if err != nil {
		return nil, err
	}
	p := &player{seed: seed, account: &frame.Account{}}
	for _, e := range manifest.Clips {
		if e.Width > maxWidth {
			continue
		}
		c, err := testvideo.Load(e.Name)
		if err != nil {
			return nil, err
		}
		p.clips = append(p.clips, c)
	}
	if p.backend, err = backend.New(ctx, backend.Config{Kind: config.BackendCPU, Account: p.account}); err != nil {
		return nil, err
	}
	p.renderer = render.New(p.backend.Converter, p.backend.Encoder, render.Config{})
	return p, nil
}

func (p *player) close() error { return errors.Join(p.renderer.Close(), p.backend.Close()) }

// play decodes a case and makes a JPEG of every frame. An error means that a rule was
// broken; that the stream is refused is no error.
func (p *player) play(ctx context.Context, number int) (o outcome, err error) {
	dice := rand.New(rand.NewPCG(p.seed, uint64(number)))
	clip := p.clips[dice.IntN(len(p.clips))]
	units := mutate(dice, stream(dice, clip), p.clips[dice.IntN(len(p.clips))])
	format := media.Format{Codec: clip.Codec}
	d, err := p.backend.NewDecoder(camera.DecoderRequest{
		Config: decoder.Config{Format: format, Limits: decoder.DefaultLimits(), Account: p.account},
		Chosen: func(camera.BackendInfo) {},
	})
	if err != nil {
		return o, err
	}
	emit := func(f *frame.Frame) error {
		o.Frames++
		picture, err := p.renderer.Render(ctx, f, render.Output{})
		if err != nil {
			o.Refused++ // of a size that JPEG has not, for example
			return nil
		}
		o.Pictures++
		if len(picture.Data) == 0 {
			return errEmpty
		}
		return nil
	}
	usable := true
	for i, u := range units {
		au := media.AccessUnit{Format: &format, Data: u.bytes(), RandomAccess: u.key}
		au.PTS = time.Duration(i) * 40 * time.Millisecond
		switch err := d.Decode(ctx, &au, emit); {
		case errors.Is(err, errEmpty):
			return o, errors.Join(err, d.Close())
		case err != nil:
			o.Refused++
			usable = errors.Is(err, decoder.ErrCorrupt)
		}
		if !usable {
			break
		}
	}
	if usable {
		if err := d.Drain(ctx, emit); errors.Is(err, errEmpty) {
			return o, errors.Join(err, d.Close())
		}
	}
	if err := d.Close(); err != nil {
		return o, err
	}
	if n := p.account.Frames(); n != 0 {
		return o, fmt.Errorf("%w: %d", errLeft, n)
	}
	return o, nil
}

var (
	errEmpty = errors.New("a JPEG without bytes")
	errLeft  = errors.New("frames are left after the decoder was closed")
)

// limitMemory bounds the address space of this process, in bytes.
func limitMemory(bytes uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: bytes, Max: bytes})
}

// runChild plays cases first, first+step and so on below end, and says so on w: "begin N"
// before each, "end N FRAMES PICTURES REFUSED" or "broken N TEXT" after it.
func runChild(ctx context.Context, w io.Writer, seed uint64, first, step, end int) error {
	p, err := newPlayer(ctx, seed)
	if err != nil {
		return err
	}
	if err := limitMemory(memoryLimit); err != nil {
		return errors.Join(err, p.close())
	}
	for n := first; n < end; n += step {
		if _, err := fmt.Fprintf(w, "begin %d\n", n); err != nil {
			return errors.Join(err, p.close())
		}
		line := ""
		o, err := p.play(ctx, n)
		if err != nil {
			line = fmt.Sprintf("broken %d %v\n", n, err)
		} else {
			line = fmt.Sprintf("end %d %d %d %d\n", n, o.Frames, o.Pictures, o.Refused)
		}
		if _, err := io.WriteString(w, line); err != nil {
			return errors.Join(err, p.close())
		}
	}
	return p.close()
}

// codecs are those of the clips, for the report.
func (p *player) codecs() (names []string) {
	for _, c := range p.clips {
		if name := c.Codec.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
