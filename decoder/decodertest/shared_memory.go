package decodertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

// Sharing is how the suite looks at regions, as another process does. A decoder that
// implements [decoder.Sharer] plugs it into [Subject]; [HostSharing] is that of regions
// that are files. Every test gives its decoders a folder for such files, which must be
// empty at the end of the test.
type Sharing struct {
	// Read returns n bytes of a region, the first of which is offset bytes behind the
	// beginning of slot 0.
	Read func(t testing.TB, r *frame.Region, offset, n int64) []byte
	// Gone says whether the memory has been given back.
	Gone func(t testing.TB, r *frame.Region) bool
	// Lose are the ways in which somebody can take a region away from its readers; none
	// for memory that nobody else can harm.
	Lose map[string]func(t testing.TB, r *frame.Region)
	// Harmless are those of them that leave the pixels to the decoder.
	Harmless []string
	// Fixed: frames are made in a fixed number of surfaces, so no more are held than was
	// agreed.
	Fixed bool
}

// HostSharing reads regions in host memory through their files.
func HostSharing() *Sharing {
	fail := func(t testing.TB, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	return &Sharing{
		Read: func(t testing.TB, r *frame.Region, offset, n int64) []byte {
			t.Helper()
			if offset < 0 || offset+n > r.Bytes {
				t.Fatalf("%d bytes at %d, the region has %d", n, offset, r.Bytes)
			}
			f, err := os.Open(r.Path)
			fail(t, err)
			defer f.Close()
			out := make([]byte, n)
			_, err = f.ReadAt(out, r.Offset+offset)
			fail(t, err)
			return out
		},
		Gone: func(t testing.TB, r *frame.Region) bool {
			t.Helper()
			_, err := os.Stat(r.Path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return err != nil
		},
		Lose: map[string]func(testing.TB, *frame.Region){
			"truncated": func(t testing.TB, r *frame.Region) { t.Helper(); fail(t, os.Truncate(r.Path, r.Stride/2)) },
			"removed":   func(t testing.TB, r *frame.Region) { t.Helper(); fail(t, os.Remove(r.Path)) },
		},
		Harmless: []string{"removed"},
	}
}

// folder returns one whose regions must be gone at the end of the test.
func folder(t testing.TB) *shm.Folder {
	t.Helper()
	f, err := shm.Open(filepath.Join(t.TempDir(), "shared"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// sharer is a decoder that shares, with the frames that came out of it.
type sharer struct {
	t testing.TB
	s Subject
	decoder.Decoder
	last   map[place]uint64 // generations
	held   map[place]*frame.Frame
	count  int  // frames
	shared int  // of them
	keep   bool // hold every frame that comes
	every  []*frame.Frame
	region *frame.Region // of the last frame that was shared
	shots  []shot
	lost   string            // the region that is lost
	want   map[string][]shot // by clip, of a decoder that does not share
}

// place is a slot without its generation.
type place struct {
	region string
	slot   int
}

const shareFrames = 4

// share makes a decoder of frames that others can map.
func share(t testing.TB, s Subject, cfg decoder.Config) *sharer {
	t.Helper()
	cfg.Regions = folder(t)
	h := &sharer{t: t, s: s, Decoder: open(t, s, cfg), last: map[place]uint64{}, held: map[place]*frame.Frame{}, want: map[string][]shot{}}
	t.Cleanup(h.release)
	h.share(shareFrames)
	return h
}

func (h *sharer) share(frames int) {
	h.t.Helper()
	d, ok := h.Decoder.(decoder.Sharer)
	if !ok {
		h.t.Fatal("the decoder is no decoder.Sharer")
	}
	d.Share(frames)
}

// release gives all frames back.
func (h *sharer) release() {
	for _, f := range h.every {
		f.Release()
	}
	h.every = nil
	clear(h.held)
}

// emit checks what holds for every frame.
func (h *sharer) emit(f *frame.Frame) error {
	h.t.Helper()
	h.count++
	pixels := h.s.I420(h.t, f)
	h.shots = append(h.shots, shot{Info: f.Info, pixels: pixels})
	if h.keep {
		h.every = append(h.every, f.Retain())
	}
	p, ok := frame.PlaceOf(f)
	if !ok {
		return nil
	}
	h.shared++
	h.region = p.Region
	at := place{p.Region.Name, p.Slot}
	if h.held[at] != nil {
		h.t.Errorf("slot %d has a frame although another one is held in it", p.Slot)
	}
	if old, used := h.last[at]; used && old == p.Generation {
		h.t.Errorf("slot %d has another frame under the same generation %d", p.Slot, old)
	}
	h.last[at] = p.Generation
	if h.keep {
		h.held[at] = f
	}
	switch err := f.Memory().(frame.Shared).Ready(f); {
	case p.Region.Name == h.lost: // pictures that were held back lie there
		if !errors.Is(err, frame.ErrLost) {
			h.t.Errorf("%v, want frame.ErrLost", err)
		}
	case err != nil:
		h.t.Errorf("not ready: %v", err)
	default:
		h.check(f, pixels)
	}
	return nil
}

// check reads f through its region.
func (h *sharer) check(f *frame.Frame, want []byte) {
	h.t.Helper()
	p, _ := frame.PlaceOf(f)
	r := p.Region
	if r.Format != f.Format || r.Width != f.Width || r.Height != f.Height || r.Color != f.Color || r.Name == "" {
		h.t.Fatalf("a region of %v %dx%d %+v for a frame of %v %dx%d %+v", r.Format, r.Width, r.Height, r.Color, f.Format, f.Width, f.Height, f.Color)
	}
	if p.Slot < 0 || p.Slot >= r.Slots || r.Bytes < int64(r.Slots-1)*r.Stride+r.Generation+8 {
		h.t.Fatalf("slot %d of %d, %d bytes, %d a slot", p.Slot, r.Slots, r.Bytes, r.Stride)
	}
	if got := h.generation(p); got != p.Generation {
		h.t.Errorf("slot %d has generation %d, the frame %d", p.Slot, got, p.Generation)
	}
	if !bytes.Equal(h.read(p), want) {
		h.t.Errorf("slot %d shows other pixels than its frame", p.Slot)
	}
}

// generation is that of a frame's slot.
func (h *sharer) generation(p frame.Place) uint64 {
	h.t.Helper()
	return binary.LittleEndian.Uint64(h.s.Sharing.Read(h.t, p.Region, int64(p.Slot)*p.Region.Stride+p.Region.Generation, 8))
}

// read returns the picture in a slot as tightly packed I420.
func (h *sharer) read(p frame.Place) []byte {
	h.t.Helper()
	r := p.Region
	sizes, n := r.Format.Planes(r.Width, r.Height)
	if len(r.Planes) != n {
		h.t.Fatalf("%d planes", len(r.Planes))
	}
	var out []byte
	for i, size := range sizes[:n] {
		l := r.Planes[i]
		if l.Rows != size.Rows || l.Pitch < size.RowBytes {
			h.t.Fatalf("plane %d: %+v for %+v", i, l, size)
		}
		raw := h.s.Sharing.Read(h.t, r, int64(p.Slot)*r.Stride+l.Offset, int64(l.Pitch*(l.Rows-1)+size.RowBytes))
		var rows []byte
		for y := range l.Rows {
			rows = append(rows, raw[y*l.Pitch:][:size.RowBytes]...)
		}
		if r.Format == media.PixelNV12 && i == 1 {
			rows = planar(rows)
		}
		out = append(out, rows...)
	}
	return out
}

// planar takes interleaved chroma apart.
func planar(uv []byte) []byte {
	n := len(uv) / 2
	out := make([]byte, 2*n)
	for i := range n {
		out[i], out[n+i] = uv[2*i], uv[2*i+1]
	}
	return out
}
