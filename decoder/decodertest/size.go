package decodertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// testTooLarge: a giant picture is refused by its header, with its size in the
// error, before anything is allocated.
func testTooLarge(t *testing.T, s Subject) {
	for _, codec := range []media.Codec{media.CodecH264, media.CodecH265, media.CodecMJPEG, media.CodecVP8, media.CodecVP9} {
		name := map[media.Codec]string{
			media.CodecH264: "h264_crop", media.CodecH265: "h265_main10", media.CodecMJPEG: "mjpeg_odd",
			media.CodecVP8: "vp8_360p", media.CodecVP9: "vp9_360p",
		}[codec]
		if len(s.with(name)) == 0 {
			continue
		}
		for _, side := range []int{16384, 9008} {
			t.Run(codec.String(), func(t *testing.T) {
				a := account(t)
				c, f := load(t, name)
				d := open(t, s, decoder.Config{Format: *f, Account: a})
				au := access(c, f, 0)
				var sps []byte
				switch codec {
				case media.CodecH264:
					sps = h264SPS(side, side)
					au.Data = bytes.Replace(au.Data, c.SPS, sps, 1)
				case media.CodecH265:
					sps = h265SPS(side, side)
					au.Data = bytes.Replace(au.Data, c.SPS, sps, 1)
				case media.CodecVP8:
					if side > 16383 {
						t.Skip("a key frame of VP8 can't say that")
					}
					binary.LittleEndian.PutUint16(au.Data[6:], uint16(side))
					binary.LittleEndian.PutUint16(au.Data[8:], uint16(side))
				case media.CodecVP9:
					vp9Size(au.Data, side, side)
				default:
					i := bytes.Index(au.Data, []byte{0xFF, 0xC0})
					au.Data[i+5], au.Data[i+6] = byte(side>>8), byte(side)
					au.Data[i+7], au.Data[i+8] = byte(side>>8), byte(side)
				}
				err := d.Decode(t.Context(), au, func(*frame.Frame) error { return nil })
				wantTooLarge(t, err, side)
				if a.Bytes()+a.DeviceBytes() != 0 {
					t.Errorf("%d bytes were allocated", a.Bytes()+a.DeviceBytes())
				}
				if sps == nil {
					return
				}
				f.Parameters = append([]byte{0, 0, 0, 1}, sps...)
				d, err = s.New(decoder.Config{Format: *f, Account: a})
				if err == nil {
					d.Close()
				}
				wantTooLarge(t, err, side)
			})
		}
	}
}

// vp9Size changes the size in a key frame of profile 0, where it begins at bit 36.
func vp9Size(frame []byte, w, h int) {
	for i := range 32 {
		bit := byte(((w-1)<<16|(h-1))>>(31-i)) & 1
		at, shift := (36+i)/8, 7-(36+i)%8
		frame[at] = frame[at]&^(1<<shift) | bit<<shift
	}
}

func wantTooLarge(t *testing.T, err error, side int) {
	t.Helper()
	if !errors.Is(err, decoder.ErrTooLarge) {
		t.Fatalf("%d pixels a side gave %v, want ErrTooLarge", side, err)
	}
	if size := map[int]string{16384: "16384x16384", 9008: "9008x9008"}[side]; !strings.Contains(err.Error(), size) {
		t.Errorf("error %q doesn't name the size", err)
	}
}

// testLimits: the limits are the caller's.
func testLimits(t *testing.T, s Subject) {
	c, f := load(t, "h264_720p")
	f.Parameters = nil // so that the access unit is what shows the size
	for _, limits := range []decoder.Limits{
		{MaxWidth: 1279, MaxHeight: 8192, MaxPixels: 36_000_000},
		{MaxWidth: 8192, MaxHeight: 719, MaxPixels: 36_000_000},
		{MaxWidth: 8192, MaxHeight: 8192, MaxPixels: 1280*720 - 1},
	} {
		d := open(t, s, decoder.Config{Format: *f, Limits: limits})
		err := d.Decode(t.Context(), access(c, f, 0), func(*frame.Frame) error { return nil })
		if !errors.Is(err, decoder.ErrTooLarge) {
			t.Errorf("%+v: %v, want ErrTooLarge", limits, err)
		}
	}
	exact := decoder.Limits{MaxWidth: 1280, MaxHeight: 720, MaxPixels: 1280 * 720}
	d := open(t, s, decoder.Config{Format: *f, Limits: exact})
	(&reel{t: t, s: s}).decode(d, access(c, f, 0))
}

// Of the 640x368 pixels that are coded, croppedLeftTop leaves out so many.
const cropX, cropY = 2, 10

// croppedLeftTop is the first unit of a clip, cut off on the left and at the top.
func croppedLeftTop(t *testing.T) (*media.AccessUnit, *media.Format) {
	c, f := load(t, "h264_crop")
	sps := replaceBits(t, c.SPS,
		"1"+"1"+"010"+"1"+"00110", // frame_cropping_flag, left 0, right 1, top 0, bottom 5 (units of two pixels)
		"1"+"010"+"1"+"00110"+"1")
	f.Parameters = bytes.Replace(f.Parameters, c.SPS, sps, 1)
	au := access(c, f, 0)
	au.Data = bytes.Replace(au.Data, c.SPS, sps, 1)
	return au, f
}

// testCropLeftTop: a picture that is cut off on the left and at the top begins at
// the very pixel that the stream says. The clip's cropping is turned round for it.
func testCropLeftTop(t *testing.T, s Subject) {
	c, whole := decodeClip(t, s, "h264_crop", decoder.Config{})
	au, f := croppedLeftTop(t)
	d := open(t, s, decoder.Config{Format: *f})
	r := &reel{t: t, s: s}
	r.decode(d, au)
	r.drain(d)
	if len(r.shots) != 1 || r.shots[0].Width != c.Width || r.shots[0].Height != c.Height {
		t.Fatalf("%d frames, %dx%d, want one of %dx%d", len(r.shots), r.shots[0].Width, r.shots[0].Height, c.Width, c.Height)
	}
	for y := range c.Height - cropY {
		want := whole[0].pixels[(y+cropY)*c.Width+cropX:][:c.Width-cropX]
		if got := r.shots[0].pixels[y*c.Width:][:c.Width-cropX]; !bytes.Equal(got, want) {
			t.Fatalf("row %d is not row %d of the whole picture from column %d on", y, y+cropY, cropX)
		}
	}
}

// testSizeChange: a new format means a new decoder; frames of the old one stay.
func testSizeChange(t *testing.T, s Subject) {
	a := account(t)
	var kept []*frame.Frame
	for _, name := range []string{"h264_change_a", "h264_change_b", "h264_change_a"} {
		c, f := load(t, name)
		d, err := s.New(decoder.Config{Format: *f, Account: a})
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Units {
			err := d.Decode(t.Context(), access(c, f, i), func(f *frame.Frame) error {
				if f.Width != c.Width || f.Height != c.Height {
					t.Fatalf("%s: frame is %dx%d", name, f.Width, f.Height)
				}
				if i == len(c.Units)-1 {
					kept = append(kept, f.Retain())
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(kept) != 3 {
		t.Fatalf("kept %d frames, want 3", len(kept))
	}
	for i, name := range []string{"h264_change_a", "h264_change_b", "h264_change_a"} {
		g := golden(t, name)
		got := shot{pixels: s.I420(t, kept[i])}
		if got.md5() != g.MD5[len(g.MD5)-1] {
			t.Errorf("%s: the kept frame has changed", name)
		}
		kept[i].Release()
	}
}

// testMaxSize: frames are made no larger than asked for, the shape is kept.
func testMaxSize(t *testing.T, s Subject) {
	tests := []struct {
		clip       string
		maxW, maxH int
		w, h       int
	}{
		{"h264_720p", 640, 0, 640, 360},
		{"h264_720p", 0, 360, 640, 360},
		{"h264_720p", 640, 640, 640, 360},
		{"h264_720p", 4000, 4000, 1280, 720},
		{"h265_720p", 320, 200, 320, 180},
		{"mjpeg_480p", 320, 0, 320, 240},
		{"h264_444_odd", 320, 0, 320, 180},
		{"vp8_360p", 320, 0, 320, 180},
		{"vp9_10bit", 0, 180, 320, 180},
		{"h264_high10", 0, 180, 320, 180},
	}
	for _, test := range tests {
		if len(s.with(test.clip)) == 0 {
			continue
		}
		c, f := load(t, test.clip)
		output := decoder.Output{MaxWidth: test.maxW, MaxHeight: test.maxH}
		d := open(t, s, decoder.Config{Format: *f, Output: output})
		r := &reel{t: t, s: s}
		r.decode(d, access(c, f, 0), access(c, f, 1))
		r.drain(d)
		for i := range r.shots {
			if got := &r.shots[i]; got.Width != test.w || got.Height != test.h {
				t.Errorf("%s in %dx%d: %dx%d, want %dx%d", test.clip, test.maxW, test.maxH, got.Width, got.Height, test.w, test.h)
			}
			if camera, number := r.shots[i].barcode(t); camera != c.Camera || number != i {
				t.Errorf("%s: frame %d shows camera %d, frame %d", test.clip, i, camera, number)
			}
		}
		if len(r.shots) != 2 {
			t.Errorf("%s: %d frames, want 2", test.clip, len(r.shots))
		}
		if r.shots[0].Color != c.Color {
			t.Errorf("%s: scaled frames have colour %+v, want %+v", test.clip, r.shots[0].Color, c.Color)
		}
	}
}

// testSetOutput: a decoder that can change its output does so at once, or with the
// next random-access unit when that is what it says, and loses no picture over it. A
// colour is overridden at once.
func testSetOutput(t *testing.T, s Subject) {
	for _, name := range s.with("h264_720p", "h264_bframes", "h265_720p", "mjpeg_480p", "vp8_360p", "vp9_hidden") {
		t.Run(name, func(t *testing.T) {
			c, f := load(t, name)
			d := open(t, s, decoder.Config{Format: *f})
			resizer, ok := d.(decoder.Resizer)
			if !ok {
				t.Skip("this decoder has no Resizer")
			}
			const every = 7 // units: in the middle of groups of pictures
			widths := []int{c.Width / 2, c.Width / 4, c.Width}
			matrices := []media.Matrix{media.MatrixBT601, media.MatrixBT709, media.MatrixBT2020}
			before, want, changes := c.Width, c.Width, 0
			matrix := c.Color.Matrix
			from := c.Units[0].PTS // what is shown from here on has the wanted size
			r := &reel{t: t, s: s}
			check := func(first int) {
				for i := first; i < len(r.shots); i++ {
					shot := &r.shots[i]
					if _, number := shot.barcode(t); number != i || shot.Corrupt {
						t.Fatalf("frame %d shows %d, corrupt %v", i, number, shot.Corrupt)
					}
					width := want
					if s.ResizesLate && shot.PTS < from {
						width = before
					}
					if shot.Width != width || shot.Height != width*c.Height/c.Width {
						t.Fatalf("frame %d is %dx%d, want a width of %d (before: %d)", i, shot.Width, shot.Height, width, before)
					}
					if shot.Color.Matrix != matrix {
						t.Fatalf("frame %d has matrix %v, want %v at once", i, shot.Color.Matrix, matrix)
					}
				}
			}
			pending := false
			for i := range c.Units {
				if i%every == 3 && !pending {
					before, want = want, widths[changes%len(widths)]
					matrix = matrices[changes%len(matrices)]
					from, pending = math.MaxInt64, true
					changes++
					resizer.SetOutput(decoder.Output{MaxWidth: want, Color: media.Color{Matrix: matrix}})
				}
				au := access(c, f, i)
				if pending && au.RandomAccess {
					from, pending = au.PTS, false
				}
				shown := len(r.shots)
				r.decode(d, au)
				check(shown)
			}
			shown := len(r.shots)
			r.drain(d)
			check(shown)
			if len(r.shots) != len(c.Units) || changes < 2 {
				t.Errorf("%d frames and %d changes, want %d and 2 at least", len(r.shots), changes, len(c.Units))
			}
		})
	}
}
