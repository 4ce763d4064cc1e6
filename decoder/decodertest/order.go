package decodertest

import (
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// testTimes: frames come in display order and carry the times of the access unit
// they were coded in, with B pictures too.
func testTimes(t *testing.T, s Subject) {
	for _, name := range clips(t, s, func(e testvideo.Entry) bool {
		return len(e.Display) > 0 || e.Name == "h264_720p" || e.Name == "h264_interlaced" ||
			e.Name == "vp8_360p" || e.Name == "vp9_hidden"
	}) {
		t.Run(name, func(t *testing.T) {
			before := time.Now()
			c, shots := decodeClip(t, s, name, decoder.Config{})
			if len(shots) != len(c.Units) {
				t.Fatalf("%d frames of %d units", len(shots), len(c.Units))
			}
			_, f := load(t, name)
			byFrame := make([]*media.AccessUnit, len(c.Units))
			for i := range c.Units {
				byFrame[c.Units[i].Frame] = access(c, f, i)
			}
			for i := range shots {
				if camera, number := shots[i].barcode(t); camera != c.Camera || number != i {
					t.Fatalf("frame %d shows camera %d, frame %d", i, camera, number)
				}
				if got, want := shots[i].Times, byFrame[i].Times; got != want {
					t.Fatalf("frame %d: times %+v, want %+v", i, got, want)
				}
				if shots[i].KeyFrame != byFrame[i].RandomAccess {
					t.Errorf("frame %d: key %v, want %v", i, shots[i].KeyFrame, byFrame[i].RandomAccess)
				}
				if shots[i].Decoded.Before(before) || shots[i].Decoded.After(time.Now()) {
					t.Errorf("frame %d: decoded at %v", i, shots[i].Decoded)
				}
			}
		})
	}
}

// testRisingPTS: whatever the units say, the PTS of frames rises.
func testRisingPTS(t *testing.T, s Subject) {
	c, f := load(t, "h264_crop")
	d := open(t, s, decoder.Config{Format: *f})
	r := &reel{t: t, s: s}
	for i := range c.Units {
		au := access(c, f, i)
		au.PTS = []time.Duration{0, 40, 40, 20, 100, 90}[min(i, 5)] * time.Millisecond
		r.decode(d, au)
	}
	r.drain(d)
	for i := 1; i < len(r.shots); i++ {
		if r.shots[i].PTS <= r.shots[i-1].PTS {
			t.Errorf("frame %d: PTS %v after %v", i, r.shots[i].PTS, r.shots[i-1].PTS)
		}
	}
}

// testLatency: without B pictures every frame comes out of the call that put its
// access unit in.
func testLatency(t *testing.T, s Subject) {
	for _, name := range clips(t, s, func(e testvideo.Entry) bool {
		return len(e.Display) == 0 && (e.Codec == "MJPEG" || e.PixFmt == "yuv420p") && e.Width <= 1280
	}) {
		t.Run(name, func(t *testing.T) {
			_, shots := decodeClip(t, s, name, decoder.Config{})
			for i := range shots {
				if shots[i].call != i {
					t.Fatalf("frame %d came out of call %d", i, shots[i].call)
				}
			}
		})
	}
}

// testColor: what the stream says, and what the user says instead.
func testColor(t *testing.T, s Subject) {
	for _, name := range []string{"color_bars_bt601_full", "color_bars_bt709", "h264_720p", "vp8_360p", "vp9_360p"} {
		c, shots := decodeClip(t, s, name, decoder.Config{})
		if got := shots[0].Color; got != c.Color {
			t.Errorf("%s: colour %+v, want %+v", name, got, c.Color)
		}
	}
	override := media.Color{Range: media.RangeFull}
	_, shots := decodeClip(t, s, "color_bars_bt709", decoder.Config{Output: decoder.Output{Color: override}})
	if want := (media.Color{Matrix: media.MatrixBT709, Range: media.RangeFull}); shots[0].Color != want {
		t.Errorf("overridden: colour %+v, want %+v", shots[0].Color, want)
	}
}
