package decodertest

import (
	"crypto/md5"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// epoch is when the first access unit of a test arrives.
func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// load returns a clip and its format.
func load(t testing.TB, name string) (*testvideo.Clip, *media.Format) {
	t.Helper()
	c, err := testvideo.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	f := &media.Format{Codec: c.Codec, Width: c.Width, Height: c.Height, NoReorder: len(c.Display) == 0}
	for _, nal := range [][]byte{c.VPS, c.SPS, c.PPS} {
		if len(nal) > 0 {
			f.Parameters = append(append(f.Parameters, 0, 0, 0, 1), nal...)
		}
	}
	return c, f
}

// access makes the access unit a source would make of the n-th unit of a clip.
func access(c *testvideo.Clip, f *media.Format, n int) *media.AccessUnit {
	u := &c.Units[n]
	received := epoch().Add(time.Duration(n) * time.Second)
	return &media.AccessUnit{
		Format:       f,
		Data:         slices.Clone(u.Data), // a decoder must not keep it
		RandomAccess: u.Key || u.Recovery,
		NonReference: nonReference(c.Codec, u),
		Times: media.Times{
			PTS:      u.PTS,
			Capture:  epoch().Add(u.PTS),
			Source:   media.ClockRTCP,
			Received: received,
		},
	}
}

// nonReference reports whether no other picture refers to the unit's (H.264,
// 7.4.1: nal_ref_idc; H.265, table 7-1: sub-layer non-reference pictures).
func nonReference(codec media.Codec, u *testvideo.Unit) bool {
	for _, n := range u.NALUs {
		switch codec {
		case media.CodecH264:
			if t := n[0] & 0x1F; t >= 1 && t <= 5 {
				return n[0]>>5&3 == 0
			}
		case media.CodecH265:
			if t := n[0] >> 1 & 0x3F; t < 32 {
				return t < 16 && t%2 == 0
			}
		}
	}
	return false
}

// open makes a decoder that is closed, and whose frames must be gone, at the end
// of the test.
func open(t testing.TB, s Subject, cfg decoder.Config) decoder.Decoder {
	t.Helper()
	if cfg.Account == nil {
		cfg.Account = account(t)
	}
	d, err := s.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// account returns a ledger that must read zero when everything else of the test
// has been cleaned up.
func account(t testing.TB) *frame.Account {
	t.Helper()
	a := new(frame.Account)
	t.Cleanup(func() {
		if a.Frames() != 0 || a.Bytes()+a.DeviceBytes() != 0 {
			t.Errorf("%d frames and %d bytes are still live at the end", a.Frames(), a.Bytes()+a.DeviceBytes())
		}
	})
	return a
}

// shot is what a test keeps of a frame.
type shot struct {
	frame.Info
	pixels []byte // tight I420
	call   int    // during which Decode call it came; -1: Drain
}

func (s *shot) md5() string {
	sum := md5.Sum(s.pixels)
	return hex.EncodeToString(sum[:])
}

// barcode reads the number that is drawn into the picture.
func (s *shot) barcode(t testing.TB) (camera, number int) {
	t.Helper()
	camera, number, err := testvideo.ReadBarcodeLuma(s.pixels, s.Width, s.Height, s.Width)
	if err != nil {
		t.Fatalf("frame at %v: %v", s.PTS, err)
	}
	return camera, number
}

// reel collects frames.
type reel struct {
	t     testing.TB
	s     Subject
	call  int
	shots []shot
}

func (r *reel) emit(f *frame.Frame) error {
	if f.Format != media.PixelI420 && f.Format != media.PixelNV12 {
		r.t.Errorf("frame has format %v", f.Format)
	}
	r.shots = append(r.shots, shot{Info: f.Info, pixels: r.s.I420(r.t, f), call: r.call})
	return nil
}

// decode runs units through d; an error fails the test.
func (r *reel) decode(d decoder.Decoder, units ...*media.AccessUnit) {
	r.t.Helper()
	for _, au := range units {
		if err := d.Decode(r.t.Context(), au, r.emit); err != nil {
			r.t.Fatalf("unit %d: %v", r.call, err)
		}
		clear(au.Data) // it is the decoder's only during the call
		r.call++
	}
}

func (r *reel) drain(d decoder.Decoder) {
	r.t.Helper()
	r.call = -1
	if err := d.Drain(r.t.Context(), r.emit); err != nil {
		r.t.Fatal(err)
	}
}

// decodeClip decodes a whole clip with one decoder.
func decodeClip(t testing.TB, s Subject, name string, cfg decoder.Config) (*testvideo.Clip, []shot) {
	t.Helper()
	c, f := load(t, name)
	cfg.Format = *f
	d := open(t, s, cfg)
	r := &reel{t: t, s: s}
	r.decode(d, units(c, f)...)
	r.drain(d)
	return c, r.shots
}

func units(c *testvideo.Clip, f *media.Format) []*media.AccessUnit {
	list := make([]*media.AccessUnit, len(c.Units))
	for i := range list {
		list[i] = access(c, f, i)
	}
	return list
}

func hostI420(t testing.TB, f *frame.Frame) []byte {
	t.Helper()
	if f.Format != media.PixelI420 {
		t.Fatalf("frame has format %v, Subject.I420 is needed to read it", f.Format)
	}
	sizes, n := f.Format.Planes(f.Width, f.Height)
	out := make([]byte, 0, f.Format.Size(f.Width, f.Height))
	for i, p := range sizes[:n] {
		for y := range p.Rows {
			row := f.Planes[i].Data[y*f.Planes[i].Pitch:]
			out = append(out, row[:p.RowBytes]...)
		}
	}
	return out
}

func golden(t testing.TB, name string) *testvideo.Hashes {
	t.Helper()
	g, err := testvideo.Golden(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// shortBelow is the height from which clips are left out of short tests, those under the
// race detector and the sanitizers: they are most of the pixels and no other code. What
// they show, a small clip of the same codec and kind shows as well.
const shortBelow = 720

// clips returns the names of the clips that pass the filter.
func clips(t testing.TB, s Subject, want func(testvideo.Entry) bool) (names []string) {
	t.Helper()
	m, err := testvideo.ReadManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Clips {
		if want(e) && !slices.Contains(s.Without, e.Name) && !(testing.Short() && e.Height >= shortBelow) {
			names = append(names, e.Name)
		}
	}
	if len(names) == 0 {
		t.Skip("this decoder refuses every clip of this test")
	}
	return names
}
