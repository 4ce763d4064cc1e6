package decodertest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// play decodes a whole clip and checks its frames against those of a decoder that does
// not share.
func (h *sharer) play(c *testvideo.Clip, f *media.Format) {
	h.t.Helper()
	want := h.want[c.Name]
	if want == nil {
		_, want = decodeClip(h.t, h.s, c.Name, decoder.Config{})
		h.want[c.Name] = want
	}
	h.shots = nil
	for i := range c.Units {
		h.decode(c, f, i)
	}
	if err := h.Drain(h.t.Context(), h.emit); err != nil {
		h.t.Fatal(err)
	}
	if len(h.shots) != len(want) {
		h.t.Fatalf("%s: %d frames, want %d", c.Name, len(h.shots), len(want))
	}
	for i, got := range h.shots {
		if !bytes.Equal(got.pixels, want[i].pixels) || got.PTS != want[i].PTS || got.Corrupt {
			h.t.Fatalf("%s: frame %d at %v is not the one that comes without sharing; corrupt: %v", c.Name, i, got.PTS, got.Corrupt)
		}
	}
}

func (h *sharer) decode(c *testvideo.Clip, f *media.Format, n int) {
	h.t.Helper()
	if err := h.Decode(h.t.Context(), access(c, f, n), h.emit); err != nil {
		h.t.Fatalf("%s: unit %d: %v", c.Name, n, err)
	}
}

// untilShared decodes the clip again until a frame is shared, of another region than
// before where that is told.
func (h *sharer) untilShared(c *testvideo.Clip, f *media.Format, before string) {
	h.t.Helper()
	h.region = nil
	for range 3 {
		h.play(c, f)
		if h.region != nil && h.region.Name != before {
			return
		}
	}
	h.t.Fatalf("%s: no frame is shared in another region: %v", c.Name, h.Decoder.(decoder.Sharer).ShareErr())
}

// testShared: other processes see what the frames show, where the region says, and
// every frame is shared as long as there is room.
func testShared(t *testing.T, s Subject) {
	for _, name := range s.with("h264_crop", "h264_bframes", "h265_bframes", "mjpeg_480p", "mjpeg_422", "mjpeg_odd", "h264_high10", "h264_444_odd", "vp8_odd", "vp9_hidden") {
		t.Run(name, func(t *testing.T) {
			c, f := load(t, name)
			h := share(t, s, decoder.Config{Format: *f})
			h.play(c, f)
			before, count := h.shared, h.count
			h.play(c, f)
			if before == 0 || h.shared-before != h.count-count {
				t.Errorf("%d of the first %d frames are shared, then %d of %d", before, count, h.shared-before, h.count-count)
			}
			if err := h.Decoder.(decoder.Sharer).ShareErr(); err != nil {
				t.Error(err)
			}
		})
	}
}

// testSharedOutput: a change of size or colour makes another region, also for frames
// that are converted.
func testSharedOutput(t *testing.T, s Subject) {
	for _, name := range s.with("h264_crop", "mjpeg_480p") {
		t.Run(name, func(t *testing.T) {
			c, f := load(t, name)
			h := share(t, s, decoder.Config{Format: *f})
			resizer, ok := h.Decoder.(decoder.Resizer)
			if !ok {
				t.Skip("this decoder has no Resizer")
			}
			h.play(c, f)
			names := []string{h.region.Name}
			for _, o := range []decoder.Output{
				{MaxWidth: c.Width / 2},
				{MaxWidth: c.Width / 2, Color: media.Color{Matrix: media.MatrixBT2020}},
				{},
				{Color: media.Color{Matrix: media.MatrixBT2020}},
			} {
				resizer.SetOutput(o)
				h.region = nil
				for range 3 { // a region that was of use is soon followed by another
					for i := range c.Units {
						h.decode(c, f, i)
					}
					if err := h.Drain(t.Context(), h.emit); err != nil {
						t.Fatal(err)
					}
				}
				if h.region == nil || slices.Contains(names, h.region.Name) {
					t.Fatalf("%+v: region %v after %v", o, h.region, names)
				}
				names = append(names, h.region.Name)
			}
		})
	}
}

// testSharedCrop: a region says where a picture begins that is cut off on the left and
// at the top, also when that has changed.
func testSharedCrop(t *testing.T, s Subject) {
	if len(s.with("h264_crop")) == 0 {
		t.Skip("this decoder refuses the clip")
	}
	c, f := load(t, "h264_crop")
	h := share(t, s, decoder.Config{Format: *f})
	h.play(c, f)
	before := h.shared
	au, _ := croppedLeftTop(t)
	for range 3 {
		if err := h.Decode(t.Context(), au, h.emit); err != nil {
			t.Fatal(err)
		}
		if err := h.Drain(t.Context(), h.emit); err != nil {
			t.Fatal(err)
		}
	}
	if h.shared == before {
		t.Errorf("nothing is shared: %v", h.Decoder.(decoder.Sharer).ShareErr())
	}
}

// testSharedSizeChange: pictures of another size get another region, and the old one
// goes with its last frame.
func testSharedSizeChange(t *testing.T, s Subject) {
	if len(s.with("vp8_360p", "vp8_odd")) != 2 {
		t.Skip("this decoder refuses the clips")
	}
	c, f := load(t, "vp8_360p")
	h := share(t, s, decoder.Config{Format: *f})
	h.play(c, f)
	old := h.region
	h.keep = true
	h.decode(c, f, 0)
	if err := h.Drain(t.Context(), h.emit); err != nil {
		t.Fatal(err)
	}
	h.keep = false
	other, of := load(t, "vp8_odd")
	h.untilShared(other, of, old.Name)
	if h.region.Width != other.Width || h.region.Height != other.Height || s.Sharing.Gone(t, old) {
		t.Errorf("a region of %dx%d; the old one is gone: %v", h.region.Width, h.region.Height, s.Sharing.Gone(t, old))
	}
	h.check(h.every[0], s.I420(t, h.every[0]))
	h.release()
	if !s.Sharing.Gone(t, old) {
		t.Error("the old region is still there")
	}
}

// hold holds more frames than there is room for, or as many as was agreed.
func (h *sharer) hold(c *testvideo.Clip, f *media.Format) {
	h.t.Helper()
	h.keep = true
	if h.s.Sharing.Fixed {
		for i := 0; len(h.every) < shareFrames; i++ {
			h.decode(c, f, i)
		}
		h.keep = false
		if err := h.Drain(h.t.Context(), h.emit); err != nil {
			h.t.Fatal(err)
		}
		return
	}
	for len(h.every) <= h.region.Slots {
		h.play(c, f)
	}
}

// testSharedHeld: what is held stays as it is, and more held frames than there is room
// for cost the stream no frame and no pixel.
func testSharedHeld(t *testing.T, s Subject) {
	for _, name := range s.with("h264_bframes", "h265_bframes", "mjpeg_480p", "vp9_hidden") {
		t.Run(name, func(t *testing.T) {
			c, f := load(t, name)
			h := share(t, s, decoder.Config{Format: *f})
			h.play(c, f)
			h.hold(c, f)
			if n := len(h.held); n < shareFrames || n == len(h.every) && !s.Sharing.Fixed {
				t.Errorf("%d of %d held frames are shared, in %d slots", n, len(h.every), h.region.Slots)
			}
			kept := make([][]byte, len(h.every))
			for i, f := range h.every {
				kept[i] = s.I420(t, f)
			}
			h.keep = false
			h.play(c, f)
			for i, f := range h.every {
				if !bytes.Equal(s.I420(t, f), kept[i]) {
					t.Errorf("held frame %d has changed", i)
				}
				if _, ok := frame.PlaceOf(f); ok {
					h.check(f, kept[i])
				}
			}
			var places []frame.Place
			for _, f := range h.held {
				p, _ := frame.PlaceOf(f)
				places = append(places, p)
			}
			h.release()
			before := h.shared
			// With the slots that are free now everything is shared again, and every slot
			// is used some time.
			for range 2 + h.region.Slots/len(c.Units) {
				h.play(c, f)
			}
			if h.shared == before {
				t.Error("nothing is shared any more")
			}
			reused := 0
			for _, p := range places {
				if last := h.last[place{p.Region.Name, p.Slot}]; last != p.Generation {
					reused++
					if h.generation(p) == p.Generation {
						t.Errorf("slot %d has got another frame and keeps its generation", p.Slot)
					}
				}
			}
			if reused == 0 {
				t.Error("no slot was used again")
			}
		})
	}
}

// testSharedEnd: without sharing frames lie elsewhere, and the region goes with its
// last frame; then it can begin again.
func testSharedEnd(t *testing.T, s Subject) {
	c, f := load(t, "h264_crop")
	h := share(t, s, decoder.Config{Format: *f})
	h.play(c, f)
	r := h.region
	h.keep = true
	h.play(c, f)
	h.keep = false
	h.share(0)
	h.play(c, f)
	before := h.shared
	h.play(c, f)
	if h.shared != before {
		t.Errorf("%d frames are still shared", h.shared-before)
	}
	if s.Sharing.Gone(t, r) {
		t.Error("the region is gone although frames lie in it")
	}
	h.release()
	if !s.Sharing.Gone(t, r) {
		t.Error("the region is still there")
	}
	h.share(shareFrames)
	h.untilShared(c, f, r.Name)
}

// testSharedLost: when somebody takes a region away, its readers hear it, no frame comes
// out wrong without saying so, and there is another region soon.
func testSharedLost(t *testing.T, s Subject) {
	if len(s.Sharing.Lose) == 0 {
		t.Skip("nobody can take this memory away")
	}
	for _, name := range s.with("h264_bframes", "mjpeg_422", "vp9_hidden") {
		for how, lose := range s.Sharing.Lose {
			t.Run(name+" "+how, func(t *testing.T) {
				c, f := load(t, name)
				h := share(t, s, decoder.Config{Format: *f})
				h.play(c, f)
				old, half := h.region, len(c.Units)/2
				h.shots = nil
				for i := range half {
					h.keep = i == half-1
					h.decode(c, f, i)
				}
				h.keep = false
				kept := h.every[len(h.every)-1]
				lose(t, old)
				h.lost = old.Name
				if err := kept.Memory().(frame.Shared).Ready(kept); !errors.Is(err, frame.ErrLost) {
					t.Errorf("%v, want frame.ErrLost", err)
				}
				for i := half; i < len(c.Units); i++ {
					h.decode(c, f, i)
				}
				if err := h.Drain(t.Context(), h.emit); err != nil {
					t.Fatal(err)
				}
				harmless := slices.Contains(s.Sharing.Harmless, how)
				want := h.want[name]
				if len(h.shots) != len(want) {
					t.Fatalf("%d frames, want %d", len(h.shots), len(want))
				}
				for i, got := range h.shots {
					if (harmless || !got.Corrupt) && !bytes.Equal(got.pixels, want[i].pixels) {
						t.Errorf("frame %d is wrong and does not say so", i)
					}
					if harmless && got.Corrupt {
						t.Errorf("frame %d says that it is corrupt", i)
					}
				}
				h.untilShared(c, f, old.Name)
			})
		}
	}
}

// testSharedOutlivesDecoder: frames that are held are there for others after Close, and
// go back from any goroutine.
func testSharedOutlivesDecoder(t *testing.T, s Subject) {
	for _, name := range s.with("h264_bframes", "mjpeg_480p") {
		c, f := load(t, name)
		h := share(t, s, decoder.Config{Format: *f})
		h.play(c, f)
		h.keep = true
		for i := range 5 { // and pictures are still held back for reordering
			h.decode(c, f, i)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		for _, f := range h.every {
			if _, ok := frame.PlaceOf(f); !ok {
				t.Errorf("%s: a frame is not shared", name)
				continue
			}
			if err := f.Memory().(frame.Shared).Ready(f); err != nil {
				t.Error(err)
			}
			h.check(f, s.I420(t, f))
		}
		var releases sync.WaitGroup
		for _, f := range h.every {
			releases.Go(f.Release)
		}
		releases.Wait()
		h.every = nil
		if !s.Sharing.Gone(t, h.region) {
			t.Errorf("%s: the region is still there", name)
		}
	}
}

// testSharedConcurrently: readers check and release frames while more are made.
func testSharedConcurrently(t *testing.T, s Subject) {
	c, f := load(t, "h264_bframes")
	h := share(t, s, decoder.Config{Format: *f})
	ring := frame.NewRing(4)
	var readers sync.WaitGroup
	for range shareFrames {
		readers.Go(func() {
			var last frame.ID
			for {
				got, err := ring.Wait(t.Context(), last)
				if err != nil {
					return
				}
				last = got.ID
				if _, ok := frame.PlaceOf(got); ok {
					h.check(got, s.I420(t, got))
				}
				got.Release()
			}
		})
	}
	sequence := uint64(0)
	publish := func(f *frame.Frame) error {
		sequence++
		f.ID = frame.ID{Epoch: 1, Sequence: sequence}
		ring.Publish(f)
		return nil
	}
	for round := range 3 {
		for i := range c.Units {
			if err := h.Decode(t.Context(), access(c, f, i), publish); err != nil {
				t.Error(err)
			}
			if i%10 == 9 {
				h.share(round % 2 * shareFrames) // regions come and go under the readers
			}
		}
	}
	ring.Close(nil)
	readers.Wait()
}
