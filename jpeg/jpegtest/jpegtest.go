package jpegtest

import (
	"bytes"
	"context"
	"errors"
	"image"
	stdjpeg "image/jpeg"
	"slices"
	"sync"
	"testing"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/media"
)

// Subject is the encoder under test.
type Subject struct {
	New func() (jpeg.Encoder, error)
	// Upload makes the encoder's kind of picture from a host frame in I420 or
	// GRAY8; the caller owns the result. Nil: host frames are encoded.
	Upload func(testing.TB, *frame.Frame) *frame.Frame
	// Refuses tells of a well-formed host frame that the encoder leaves to another
	// one, with jpeg.ErrInput. Nil: none.
	Refuses func(*frame.Frame) bool
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	if s.Upload == nil {
		s.Upload = func(_ testing.TB, f *frame.Frame) *frame.Frame { return f.Retain() }
	}
	if s.Refuses == nil {
		s.Refuses = func(*frame.Frame) bool { return false }
	}
	tests := []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"Sizes", testSizes},
		{"Gray", testGray},
		{"LongSides", testLongSides},
		{"Quality", testQuality},
		{"Append", testAppend},
		{"Errors", testErrors},
		{"Cancelled", testCancelled},
		{"Close", testClose},
		{"Concurrent", testConcurrent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

// smooth is a picture that JPEG can show almost exactly.
func smooth(format media.PixelFormat, w, h int) *frame.Frame {
	f := frame.NewPool(0, nil).Get(format, w, h)
	f.Color = media.JFIF()
	sizes, n := format.Planes(w, h)
	for i, p := range sizes[:n] {
		for y := range p.Rows {
			for x := range p.RowBytes {
				f.Planes[i].Data[y*f.Planes[i].Pitch+x] = byte(60 + i*30 + 60*x/max(p.RowBytes, 8) + 40*y/max(p.Rows, 8))
			}
			// What lies between the rows must not matter.
			for x := p.RowBytes; x < f.Planes[i].Pitch; x++ {
				f.Planes[i].Data[y*f.Planes[i].Pitch+x] = byte(255 * (x % 2))
			}
		}
	}
	return f
}

func open(t testing.TB, s Subject) jpeg.Encoder {
	t.Helper()
	e, err := s.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func encode(t testing.TB, s Subject, e jpeg.Encoder, f *frame.Frame, quality int) []byte {
	t.Helper()
	in := s.Upload(t, f)
	defer in.Release()
	out, err := e.Encode(t.Context(), in, jpeg.Options{Quality: quality}, nil)
	if err != nil {
		t.Fatalf("%v %dx%d: %v", f.Format, f.Width, f.Height, err)
	}
	return out
}

// refused says whether the encoder leaves f to another one, which it then must say.
func refused(t testing.TB, s Subject, e jpeg.Encoder, f *frame.Frame) bool {
	t.Helper()
	if !s.Refuses(f) {
		return false
	}
	in := s.Upload(t, f)
	defer in.Release()
	if out, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 95}, nil); !errors.Is(err, jpeg.ErrInput) || len(out) != 0 {
		t.Errorf("%v %dx%d: %d bytes, error %v, want ErrInput", f.Format, f.Width, f.Height, len(out), err)
	}
	return true
}

// worst returns the largest difference between a JPEG's luma and chroma and the
// picture it was made from.
func worst(t testing.TB, data []byte, f *frame.Frame) (diff int) {
	t.Helper()
	img, err := stdjpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v %dx%d: the standard library can't read it: %v", f.Format, f.Width, f.Height, err)
	}
	if img.Bounds() != image.Rect(0, 0, f.Width, f.Height) {
		t.Fatalf("picture is %v, want %dx%d", img.Bounds(), f.Width, f.Height)
	}
	compare := func(plane, w, h int, pixels []byte, stride int) {
		for y := range h {
			for x := range w {
				d := int(pixels[y*stride+x]) - int(f.Planes[plane].Data[y*f.Planes[plane].Pitch+x])
				diff = max(diff, d, -d)
			}
		}
	}
	switch img := img.(type) {
	case *image.YCbCr:
		if img.SubsampleRatio != image.YCbCrSubsampleRatio420 {
			t.Fatalf("subsampling %v, want 4:2:0", img.SubsampleRatio)
		}
		compare(0, f.Width, f.Height, img.Y, img.YStride)
		compare(1, (f.Width+1)/2, (f.Height+1)/2, img.Cb, img.CStride)
		compare(2, (f.Width+1)/2, (f.Height+1)/2, img.Cr, img.CStride)
	case *image.Gray:
		compare(0, f.Width, f.Height, img.Pix, img.Stride)
	default:
		t.Fatalf("decoded to %T", img)
	}
	return diff
}

// testSizes: odd and tiny pictures, and every remainder of a block.
func testSizes(t *testing.T, s Subject) {
	e := open(t, s)
	sizes := []image.Point{{1, 1}, {2, 1}, {1, 2}, {3, 3}, {1280, 720}, {639, 359}, {1919, 33}, {33, 47}}
	for w := 14; w < 34; w++ {
		sizes = append(sizes, image.Pt(w, 47-w))
	}
	for _, size := range sizes {
		f := smooth(media.PixelI420, size.X, size.Y)
		if !refused(t, s, e, f) {
			if d := worst(t, encode(t, s, e, f, 95), f); d > 6 {
				t.Errorf("%v: off by %d levels", size, d)
			}
		}
		f.Release()
	}
}

func testGray(t *testing.T, s Subject) {
	e := open(t, s)
	for _, size := range []image.Point{{1, 1}, {33, 17}, {640, 360}} {
		f := smooth(media.PixelGray8, size.X, size.Y)
		if !refused(t, s, e, f) {
			if d := worst(t, encode(t, s, e, f, 95), f); d > 4 {
				t.Errorf("%v: off by %d levels", size, d)
			}
		}
		f.Release()
	}
}

// testLongSides: 65500 pixels a side are possible, one more is not.
func testLongSides(t *testing.T, s Subject) {
	e := open(t, s)
	for _, size := range []image.Point{{65500, 2}, {3, 65500}, {65500, 32}} {
		f := smooth(media.PixelI420, size.X, size.Y)
		if !refused(t, s, e, f) {
			if d := worst(t, encode(t, s, e, f, 95), f); d > 6 {
				t.Errorf("%v: off by %d levels", size, d)
			}
		}
		f.Release()
	}
}

// testQuality: better means larger and closer.
func testQuality(t *testing.T, s Subject) {
	e := open(t, s)
	f := smooth(media.PixelI420, 320, 180)
	defer f.Release()
	for y := range f.Height { // something to lose
		for x := range f.Width {
			f.Planes[0].Data[y*f.Planes[0].Pitch+x] += byte((x * y) % 37)
		}
	}
	size := 0
	for _, quality := range []int{1, 30, 60, 85, 100} {
		data := encode(t, s, e, f, quality)
		if len(data) <= size {
			t.Errorf("quality %d has %d bytes, less than a lower one's %d", quality, len(data), size)
		}
		size = len(data)
		worst(t, data, f) // it can be read
	}
	if d := worst(t, encode(t, s, e, f, 100), f); d > 3 {
		t.Errorf("quality 100 is off by %d levels", d)
	}
}

// testAppend: dst is appended to, however much room it has.
func testAppend(t *testing.T, s Subject) {
	e := open(t, s)
	f := smooth(media.PixelI420, 160, 90)
	defer f.Release()
	in := s.Upload(t, f)
	defer in.Release()
	want := encode(t, s, e, f, 80)
	head := []byte("head")
	for _, room := range []int{0, 10, len(want), 1 << 20} {
		dst := slices.Grow(slices.Clone(head), room)
		out, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 80}, dst)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out, append(slices.Clone(head), want...)) {
			t.Errorf("with %d bytes of room the result differs", room)
		}
	}
}

func testErrors(t *testing.T, s Subject) {
	e := open(t, s)
	good := smooth(media.PixelI420, 48, 48)
	defer good.Release()
	limited := smooth(media.PixelI420, 48, 48)
	defer limited.Release()
	limited.Color = media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
	wide := smooth(media.PixelI420, 65501, 32)
	defer wide.Release()
	rgb := frame.NewPool(0, nil).Get(media.PixelRGB24, 48, 48)
	defer rgb.Release()
	tests := []struct {
		name    string
		img     *frame.Frame
		quality int
	}{
		{"quality 0", good, 0},
		{"quality 101", good, 101},
		{"negative quality", good, -1},
		{"another colour than JFIF", limited, 80},
		{"too wide", wide, 80},
		{"RGB", rgb, 80},
	}
	for _, test := range tests {
		in := test.img
		if in != rgb {
			in = s.Upload(t, test.img)
		} else {
			in.Retain()
		}
		out, err := e.Encode(t.Context(), in, jpeg.Options{Quality: test.quality}, []byte("x"))
		if !errors.Is(err, jpeg.ErrInput) {
			t.Errorf("%s: %v, want ErrInput", test.name, err)
		}
		if string(out) != "x" {
			t.Errorf("%s: dst has changed", test.name)
		}
		in.Release()
	}
}

func testCancelled(t *testing.T, s Subject) {
	e := open(t, s)
	f := smooth(media.PixelI420, 48, 48)
	defer f.Release()
	in := s.Upload(t, f)
	defer in.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Encode(ctx, in, jpeg.Options{Quality: 80}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

func testClose(t *testing.T, s Subject) {
	e := open(t, s)
	f := smooth(media.PixelI420, 48, 48)
	defer f.Release()
	in := s.Upload(t, f)
	defer in.Release()
	for range 2 {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 80}, nil); err == nil {
		t.Error("a closed encoder encodes")
	}
}

// testConcurrent: many pictures at a time, and a Close in the middle of it.
func testConcurrent(t *testing.T, s Subject) {
	e := open(t, s)
	var work sync.WaitGroup
	want := map[int][]byte{}
	frames := map[int]*frame.Frame{}
	for i := range 4 {
		frames[i] = smooth(media.PixelI420, 100+37*i, 80)
		defer frames[i].Release()
		want[i] = encode(t, s, e, frames[i], 80)
	}
	for i := range 8 {
		work.Go(func() {
			for range 20 {
				if got := encode(t, s, e, frames[i%4], 80); !bytes.Equal(got, want[i%4]) {
					t.Errorf("picture %d differs when others are encoded", i%4)
				}
			}
		})
	}
	work.Wait()
	late := open(t, s)
	in := s.Upload(t, frames[0])
	defer in.Release()
	for range 4 {
		work.Go(func() {
			for {
				if _, err := late.Encode(t.Context(), in, jpeg.Options{Quality: 80}, nil); err != nil {
					return
				}
			}
		})
	}
	if err := late.Close(); err != nil {
		t.Error(err)
	}
	work.Wait()
}
