package decodertest

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// tolerant decodes one unit; only an error about the unit itself is allowed.
func tolerant(t *testing.T, d decoder.Decoder, au *media.AccessUnit, emit func(*frame.Frame) error) {
	t.Helper()
	if err := d.Decode(t.Context(), au, emit); err != nil && !errors.Is(err, decoder.ErrCorrupt) {
		t.Fatalf("a broken access unit gave %v, want ErrCorrupt or nothing", err)
	}
}

// keyAfter returns the first unit from n on that decoding can begin at.
func keyAfter(t *testing.T, c *testvideo.Clip, n int) int {
	t.Helper()
	for ; n < len(c.Units); n++ {
		if c.Units[n].Key {
			return n
		}
	}
	t.Fatal("no key picture left in the clip")
	return 0
}

// testDamage: broken slices are survived and flagged, the pictures that depend
// on them too, and the next key picture is clean again.
func testDamage(t *testing.T, s Subject) {
	for _, name := range []string{"h264_720p", "h264_1080p", "h265_720p", "vp8_360p", "vp9_360p"} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "h264_1080p" {
				t.Skip("h264_720p is damaged in the same way")
			}
			c, f := load(t, name)
			want := golden(t, name)
			d := open(t, s, decoder.Config{Format: *f})
			r := &reel{t: t, s: s}
			const broken = 5
			for i := range c.Units {
				au := access(c, f, i)
				if i == broken {
					// The middle of the picture is gone; its header stays.
					au.Data = au.Data[:40+(len(au.Data)-40)/3]
				}
				tolerant(t, d, au, r.emit)
			}
			r.drain(d)
			clean := c.Units[keyAfter(t, c, broken)].PTS
			flagged := 0
			silent := slices.Contains(s.Silent, c.Codec)
			for i := range r.shots {
				shot := &r.shots[i]
				number := int(math.Round(shot.PTS.Seconds() * c.FPS))
				exact := shot.md5() == want.MD5[number]
				if shot.Corrupt {
					flagged++
				}
				switch {
				case shot.PTS < c.Units[broken].PTS, shot.PTS >= clean:
					if shot.Corrupt || !exact {
						t.Errorf("frame at %v: corrupt %v, exact %v, want a clean frame", shot.PTS, shot.Corrupt, exact)
					}
				case !shot.Corrupt && !silent:
					t.Errorf("frame at %v is damaged (exact: %v) and not flagged", shot.PTS, exact)
				}
			}
			if flagged == 0 && !silent {
				t.Error("no frame was flagged")
			}
		})
	}
}

// testMissingReference: a lost access unit is noticed even though every one that
// arrives is whole.
func testMissingReference(t *testing.T, s Subject) {
	for _, name := range []string{"h264_720p", "h265_720p", "vp8_360p", "vp9_360p"} {
		t.Run(name, func(t *testing.T) {
			c, f := load(t, name)
			if slices.Contains(s.Blind, c.Codec) {
				t.Skip("this decoder does not tell")
			}
			d := open(t, s, decoder.Config{Format: *f})
			r := &reel{t: t, s: s}
			const lost = 7
			for i := range c.Units {
				if i != lost {
					tolerant(t, d, access(c, f, i), r.emit)
				}
			}
			r.drain(d)
			clean := c.Units[keyAfter(t, c, lost)].PTS
			for i := range r.shots {
				want := r.shots[i].PTS > c.Units[lost].PTS && r.shots[i].PTS < clean
				if r.shots[i].Corrupt != want {
					t.Errorf("frame at %v: corrupt %v, want %v", r.shots[i].PTS, r.shots[i].Corrupt, want)
				}
			}
		})
	}
}

// testTruncated: access units that end anywhere do no harm to what follows.
func testTruncated(t *testing.T, s Subject) {
	for _, name := range s.with("h264_crop", "h265_main10", "mjpeg_odd", "h264_slices", "vp8_odd", "vp9_10bit") {
		t.Run(name, func(t *testing.T) {
			c, f := load(t, name)
			d := open(t, s, decoder.Config{Format: *f})
			for n := 1; n < len(c.Units[0].Data); n += 1 + n/2 {
				au := access(c, f, 0)
				au.Data = au.Data[:n]
				tolerant(t, d, au, func(*frame.Frame) error { return nil })
			}
			decodesCleanly(t, s, d, c, f)
		})
	}
}

// testRandomInput: noise, and clips with random bytes changed.
func testRandomInput(t *testing.T, s Subject) {
	for _, name := range s.with("h264_bframes", "h265_bframes", "mjpeg_restart", "vp8_odd", "vp9_hidden") {
		t.Run(name, func(t *testing.T) {
			c, f := load(t, name)
			d := open(t, s, decoder.Config{Format: *f})
			rnd := rand.New(rand.NewPCG(1, 2))
			ignore := func(*frame.Frame) error { return nil }
			for range 50 {
				noise := make([]byte, 4+rnd.IntN(2000))
				for i := range noise {
					noise[i] = byte(rnd.Uint32())
				}
				switch c.Codec {
				case media.CodecMJPEG:
					copy(noise, []byte{0xFF, 0xD8, 0xFF, 0xC0})
				case media.CodecVP8, media.CodecVP9:
					copy(noise, c.Units[0].Data[:10])
				default:
					copy(noise, []byte{0, 0, 0, 1})
				}
				broken(t, d, &media.AccessUnit{Format: f, Data: noise, RandomAccess: true}, ignore)
			}
			for i := range c.Units {
				au := access(c, f, i)
				for range 1 + rnd.IntN(8) {
					au.Data[rnd.IntN(len(au.Data))] ^= 1 << rnd.IntN(8)
				}
				broken(t, d, au, ignore)
			}
			decodesCleanly(t, s, d, c, f)
		})
	}
}

// broken decodes a unit whose headers may be anything: a size beyond the limits
// or a feature nobody has is a fair answer too.
func broken(t *testing.T, d decoder.Decoder, au *media.AccessUnit, emit func(*frame.Frame) error) {
	t.Helper()
	err := d.Decode(t.Context(), au, emit)
	if err != nil && !errors.Is(err, decoder.ErrCorrupt) && !errors.Is(err, decoder.ErrTooLarge) &&
		!errors.Is(err, decoder.ErrUnsupported) {
		t.Fatalf("noise gave %v", err)
	}
}

// decodesCleanly checks that d, whatever it has seen, decodes the clip.
func decodesCleanly(t *testing.T, s Subject, d decoder.Decoder, c *testvideo.Clip, f *media.Format) {
	t.Helper()
	if err := d.Drain(t.Context(), func(*frame.Frame) error { return nil }); err != nil {
		t.Fatal(err)
	}
	r := &reel{t: t, s: s}
	r.decode(d, units(c, f)...)
	r.drain(d)
	if len(r.shots) != len(c.Units) {
		t.Fatalf("%d frames after broken input, want %d", len(r.shots), len(c.Units))
	}
	for i := range r.shots {
		if _, number := r.shots[i].barcode(t); number != i || r.shots[i].Corrupt {
			t.Fatalf("frame %d after broken input: shows %d, corrupt %v", i, number, r.shots[i].Corrupt)
		}
	}
}

func testEmptyUnit(t *testing.T, s Subject) {
	_, f := load(t, "h264_crop")
	d := open(t, s, decoder.Config{Format: *f})
	err := d.Decode(t.Context(), &media.AccessUnit{Format: f}, func(*frame.Frame) error { return nil })
	if !errors.Is(err, decoder.ErrCorrupt) {
		t.Errorf("an empty access unit gave %v, want ErrCorrupt", err)
	}
}
