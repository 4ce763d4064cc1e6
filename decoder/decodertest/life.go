package decodertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
)

// testDrain: everything comes out, and the decoder begins anew.
func testDrain(t *testing.T, s Subject) {
	for _, name := range s.with("h264_bframes", "h265_bframes", "mjpeg_odd", "vp8_odd", "vp9_hidden") {
		c, f := load(t, name)
		d := open(t, s, decoder.Config{Format: *f})
		for range 2 { // the second time from PTS 0 again
			r := &reel{t: t, s: s}
			r.decode(d, units(c, f)...)
			r.drain(d)
			if len(r.shots) != len(c.Units) {
				t.Fatalf("%s: %d frames, want %d", name, len(r.shots), len(c.Units))
			}
			if r.shots[0].PTS != 0 {
				t.Errorf("%s: the first PTS is %v", name, r.shots[0].PTS)
			}
			r.drain(d)
			if len(r.shots) != len(c.Units) {
				t.Errorf("%s: draining twice gave more frames", name)
			}
		}
	}
}

func testClose(t *testing.T, s Subject) {
	c, f := load(t, "h264_bframes")
	d, err := s.New(decoder.Config{Format: *f, Account: account(t)})
	if err != nil {
		t.Fatal(err)
	}
	// Pictures are still held back for reordering when it ends.
	for i := range 5 {
		if err := d.Decode(t.Context(), access(c, f, i), func(*frame.Frame) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	emit := func(*frame.Frame) error { return errors.New("a closed decoder emits") }
	if err := d.Decode(t.Context(), access(c, f, 0), emit); !errors.Is(err, decoder.ErrClosed) {
		t.Errorf("Decode after Close: %v, want ErrClosed", err)
	}
	if err := d.Drain(t.Context(), emit); !errors.Is(err, decoder.ErrClosed) {
		t.Errorf("Drain after Close: %v, want ErrClosed", err)
	}
}

// testFramesOutliveDecoder: frames are the holder's, before and after Close, and
// stay as they are while the decoder works on.
func testFramesOutliveDecoder(t *testing.T, s Subject) {
	for _, name := range []string{"h264_bframes", "h265_720p", "vp8_360p", "vp9_hidden"} {
		a := account(t)
		c, f := load(t, name)
		d, err := s.New(decoder.Config{Format: *f, Account: a})
		if err != nil {
			t.Fatal(err)
		}
		var kept []*frame.Frame
		for i := range c.Units {
			err := d.Decode(t.Context(), access(c, f, i), func(f *frame.Frame) error {
				if len(kept) < 12 {
					kept = append(kept, f.Retain())
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := a.Frames(); got != int64(len(kept)) {
			t.Errorf("%s: the account shows %d frames, %d are held", name, got, len(kept))
		}
		if a.Bytes()+a.DeviceBytes() == 0 {
			t.Errorf("%s: the account shows no bytes", name)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		want := golden(t, name)
		for i, f := range kept {
			got := shot{pixels: s.I420(t, f)}
			if got.md5() != want.MD5[i] {
				t.Errorf("%s: frame %d has changed", name, i)
			}
			f.Release()
		}
	}
}

func testEmitError(t *testing.T, s Subject) {
	c, f := load(t, "h264_bframes")
	d := open(t, s, decoder.Config{Format: *f})
	stop := errors.New("enough")
	calls := 0
	var got error
	for i := 0; i < len(c.Units) && got == nil; i++ {
		got = d.Decode(t.Context(), access(c, f, i), func(*frame.Frame) error {
			calls++
			return stop
		})
	}
	if got != stop || calls != 1 { //nolint:errorlint // the very error is wanted
		t.Errorf("%d calls of emit, error %v; want one call and its error", calls, got)
	}
	if err := d.Drain(t.Context(), func(*frame.Frame) error { return stop }); err != stop { //nolint:errorlint // as above
		t.Errorf("Drain: %v, want the error of emit", err)
	}
	decodesCleanly(t, s, d, c, f)
}

func testCancelled(t *testing.T, s Subject) {
	c, f := load(t, "h264_crop")
	d := open(t, s, decoder.Config{Format: *f})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := d.Decode(ctx, access(c, f, 0), func(*frame.Frame) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Decode with a cancelled context: %v", err)
	}
	decodesCleanly(t, s, d, c, f)
}

// testSelect: pictures that nobody wants are never made into frames.
func testSelect(t *testing.T, s Subject) {
	var asked []time.Duration
	c, shots := decodeClip(t, s, "h264_bframes", decoder.Config{Select: func(pts time.Duration) bool {
		asked = append(asked, pts)
		return len(asked)%5 == 1
	}})
	if len(asked) != len(c.Units) {
		t.Fatalf("asked for %d pictures, want %d", len(asked), len(c.Units))
	}
	if want := (len(c.Units) + 4) / 5; len(shots) != want {
		t.Fatalf("%d frames, want %d", len(shots), want)
	}
	for i := range shots {
		if _, number := shots[i].barcode(t); number != 5*i || shots[i].PTS != asked[5*i] {
			t.Errorf("frame %d shows %d at %v, want %d at %v", i, number, shots[i].PTS, 5*i, asked[5*i])
		}
	}
}

// testSkipNonReference: what is left out harms nothing else.
func testSkipNonReference(t *testing.T, s Subject) {
	for _, name := range []string{"h264_bframes", "h265_bframes"} {
		c, f := load(t, name)
		d := open(t, s, decoder.Config{Format: *f})
		skipper, ok := d.(decoder.Skipper)
		if !ok {
			t.Skip("this decoder has no Skipper")
		}
		skipper.SkipNonReference(true)
		r := &reel{t: t, s: s}
		want := 0
		for i := range c.Units {
			au := access(c, f, i)
			if !au.NonReference {
				want++
			}
			r.decode(d, au)
		}
		r.drain(d)
		if want == len(c.Units) {
			t.Fatalf("%s has no non-reference pictures", name)
		}
		if len(r.shots) != want {
			t.Errorf("%s: %d frames, want %d of %d", name, len(r.shots), want, len(c.Units))
		}
		exact(t, name, r.shots)
		skipper.SkipNonReference(false)
		decodesCleanly(t, s, d, c, f)
	}
}

// exact checks frames of any part of a clip against its hashes.
func exact(t *testing.T, name string, shots []shot) {
	t.Helper()
	want := golden(t, name)
	for i := range shots {
		if _, number := shots[i].barcode(t); shots[i].md5() != want.MD5[number] {
			t.Errorf("%s: frame %d is not exact", name, number)
		}
	}
}

// testConcurrentRelease: frames go back from many goroutines while more are made.
func testConcurrentRelease(t *testing.T, s Subject) {
	c, f := load(t, "h264_bframes")
	d := open(t, s, decoder.Config{Format: *f})
	ring := frame.NewRing(4)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var last frame.ID
			for {
				got, err := ring.Wait(context.Background(), last)
				if err != nil {
					return
				}
				last = got.ID
				if sizes, _ := got.Format.Planes(got.Width, got.Height); len(s.I420(t, got)) < sizes[0].RowBytes*sizes[0].Rows {
					t.Error("a frame has too few pixels")
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
	for i := range c.Units {
		if err := d.Decode(t.Context(), access(c, f, i), publish); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Drain(t.Context(), publish); err != nil {
		t.Fatal(err)
	}
	ring.Close(nil)
	readers.Wait()
	if sequence != uint64(len(c.Units)) {
		t.Errorf("%d frames were published, want %d", sequence, len(c.Units))
	}
}
