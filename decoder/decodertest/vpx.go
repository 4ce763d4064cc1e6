package decodertest

import (
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/media/vpx"
)

// testSizeChangeInBand: key frames of VP8 and VP9 say their size, and another one is
// decoded by the same decoder without a loss.
func testSizeChangeInBand(t *testing.T, s Subject) {
	for _, names := range [][]string{{"vp8_360p", "vp8_odd", "vp8_360p"}, {"vp9_odd", "vp9_360p", "vp9_odd"}, {"vp9_hidden", "vp9_10bit", "vp9_hidden"}} {
		if len(s.with(names...)) != len(names) {
			continue
		}
		_, f := load(t, names[0])
		d := open(t, s, decoder.Config{Format: *f})
		for _, name := range names {
			c, _ := load(t, name)
			r := &reel{t: t, s: s}
			for i := range 8 {
				r.decode(d, access(c, f, i))
			}
			if len(r.shots) != 8 {
				t.Fatalf("%s: %d frames of 8", name, len(r.shots))
			}
			for i := range r.shots {
				got := &r.shots[i]
				if camera, number := got.barcode(t); camera != c.Camera || number != i || got.Width != c.Width || got.Height != c.Height || got.Corrupt {
					t.Fatalf("%s: frame %d is %d of camera %d, %dx%d, corrupt %v", name, i, number, camera, got.Width, got.Height, got.Corrupt)
				}
			}
			if c.PixFmt == "yuv420p" {
				exact(t, name, r.shots)
			}
		}
	}
}

// testHiddenFrames: a unit whose picture is not to be shown gives none, and that is no
// error; those that refer to it are right.
func testHiddenFrames(t *testing.T, s Subject) {
	t.Run("VP8", func(t *testing.T) {
		c, f := load(t, "vp8_360p")
		d := open(t, s, decoder.Config{Format: *f})
		r := &reel{t: t, s: s}
		const hidden = 4
		for i := range c.Units {
			au := access(c, f, i)
			if i == hidden {
				au.Data[0] &^= 0x10 // show_frame
			}
			r.decode(d, au)
			if want := i + 1; i >= hidden && len(r.shots) != want-1 {
				t.Fatalf("unit %d: %d frames", i, len(r.shots))
			}
		}
		exact(t, c.Name, r.shots)
	})
	t.Run("VP9", func(t *testing.T) {
		c, f := load(t, "vp9_hidden")
		d := open(t, s, decoder.Config{Format: *f})
		r := &reel{t: t, s: s}
		hidden := 0
		for i := range c.Units {
			for data := range vpx.Frames(c.Units[i].Data) {
				h, ok := vpx.Parse(media.CodecVP9, data)
				if !ok {
					t.Fatal("a frame without a header")
				}
				au := access(c, f, i)
				au.Data = append([]byte(nil), data...)
				au.RandomAccess = h.KeyFrame
				before := len(r.shots)
				r.decode(d, au)
				if shown := len(r.shots) > before; shown != h.Shown {
					t.Fatalf("unit %d: a frame came out %v, want %v", i, shown, h.Shown)
				}
				if !h.Shown {
					hidden++
				}
			}
		}
		if hidden == 0 || len(r.shots) != len(c.Units) {
			t.Errorf("%d hidden frames, %d shown of %d", hidden, len(r.shots), len(c.Units))
		}
		exact(t, c.Name, r.shots)
	})
}

// testRepeatedFrame: a unit of VP9 that shows a frame which was decoded before gives
// that picture with its own times.
func testRepeatedFrame(t *testing.T, s Subject) {
	c, f := load(t, "vp9_360p")
	d := open(t, s, decoder.Config{Format: *f})
	r := &reel{t: t, s: s}
	r.decode(d, access(c, f, 0))
	for slot := range byte(3) { // a key frame is in all of them
		au := access(c, f, 1+int(slot))
		au.Data = []byte{0x88 | slot} // frame_marker, show_existing_frame, frame_to_show_map_idx
		r.decode(d, au)
	}
	// What is decoded next is not put over it.
	for i := 1; i < 6; i++ {
		au := access(c, f, i)
		au.PTS += c.Units[4].PTS
		r.decode(d, au)
	}
	if len(r.shots) != 9 {
		t.Fatalf("%d frames, want 9", len(r.shots))
	}
	for i := range 4 {
		if r.shots[i].md5() != r.shots[0].md5() || r.shots[i].PTS != c.Units[i].PTS || r.shots[i].KeyFrame != (i == 0) || r.shots[i].Corrupt {
			t.Errorf("frame %d: PTS %v, key %v, corrupt %v, or another picture", i, r.shots[i].PTS, r.shots[i].KeyFrame, r.shots[i].Corrupt)
		}
	}
	exact(t, c.Name, r.shots)
}
