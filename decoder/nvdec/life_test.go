package nvdec_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

func load(t *testing.T, name string) (*testvideo.Clip, decoder.Config) {
	t.Helper()
	c, cfg, err := loadClip(name)
	if err != nil {
		t.Fatal(err)
	}
	return c, cfg
}

func loadClip(name string) (*testvideo.Clip, decoder.Config, error) {
	c, err := testvideo.Load(name)
	if err != nil {
		return nil, decoder.Config{}, err
	}
	f := media.Format{Codec: c.Codec, Width: c.Width, Height: c.Height, NoReorder: len(c.Display) == 0}
	for _, nal := range [][]byte{c.VPS, c.SPS, c.PPS} {
		if len(nal) > 0 {
			f.Parameters = append(append(f.Parameters, 0, 0, 0, 1), nal...)
		}
	}
	return c, decoder.Config{Format: f, Camera: "door"}, nil
}

func unit(c *testvideo.Clip, i int) *media.AccessUnit {
	u := &c.Units[i]
	return &media.AccessUnit{Data: u.Data, RandomAccess: u.Key || u.Recovery, Times: media.Times{PTS: u.PTS}}
}

func newDecoder(t *testing.T, cfg decoder.Config, o nvdec.Options) *nvdec.Decoder {
	t.Helper()
	d, err := nvdec.New(cfg, o)
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

func ignore(*frame.Frame) error { return nil }

// TestCycles: cameras that come and go leave nothing behind, on the books or in
// the driver.
func TestCycles(t *testing.T) {
	sim, options := open(t)
	clips := map[string]*testvideo.Clip{}
	configs := map[string]decoder.Config{}
	names := []string{"h264_crop", "h264_change_a", "h264_change_b"}
	for _, name := range names {
		clips[name], configs[name] = load(t, name)
	}
	ledger, live := options.Device.Ledger().Total(), sim.Live("")
	for i := range 200 {
		name := names[i%len(names)]
		d, err := nvdec.New(configs[name], options)
		if err != nil {
			t.Fatal(err)
		}
		for k := range 2 {
			if err := d.Decode(t.Context(), unit(clips[name], k), ignore); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 {
			owned := options.Device.Ledger().Snapshot().ByOwner["door"]
			if owned[gpu.PurposeDecoder].Bytes == 0 || owned[gpu.PurposeRing].Bytes == 0 {
				t.Errorf("booked for the camera: %+v", owned)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if got := options.Device.Ledger().Total(); got != ledger {
			t.Fatalf("cycle %d: the ledger has %+v, began with %+v", i, got, ledger)
		}
		if got := sim.Live(""); sim.Simulated() && got != live {
			t.Fatalf("cycle %d: %d objects live, %d at the start", i, got, live)
		}
	}
	if s := options.Device.Admission().Stats(); s.Promised != 0 {
		t.Errorf("%d bytes are still promised", s.Promised)
	}
	if s := options.Device.Gate().Stats(); s.InUse != 0 || s.Passed == 0 {
		t.Errorf("gate %+v", s)
	}
}

// TestSequenceChange: one decoder follows a stream that changes its size, with the
// same session where it fits and another one where it does not.
func TestSequenceChange(t *testing.T) {
	sim, options := open(t)
	a, cfg := load(t, "h264_change_a")
	b, _ := load(t, "h264_change_b")
	d := newDecoder(t, cfg, options)
	created := sim.Calls("cuvidCreateDecoder")
	count := 0
	for _, c := range []*testvideo.Clip{a, b, a, a, b} {
		for i := range c.Units {
			err := d.Decode(t.Context(), unit(c, i), func(f *frame.Frame) error {
				count++
				_, number, err := testvideo.ReadBarcodeLuma(download(t, f), f.Width, f.Height, f.Width)
				if f.Width != c.Width || f.Height != c.Height || number != i || err != nil || f.Corrupt {
					t.Errorf("%dx%d shows %d (%v), want %dx%d and %d", f.Width, f.Height, number, err, c.Width, c.Height, i)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := 3*len(a.Units) + 2*len(b.Units); count != want {
		t.Errorf("%d frames, want %d", count, want)
	}
	if n := sim.Calls("cuvidCreateDecoder") - created; sim.Simulated() && n > 2 {
		t.Errorf("%d sessions were made, 2 are enough: the first, and one that is larger", n)
	}
}

// TestReconnect: a stream that ends and begins again keeps its session.
func TestReconnect(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_bframes")
	d := newDecoder(t, cfg, options)
	for range 5 {
		count := 0
		emit := func(*frame.Frame) error { count++; return nil }
		for i := range c.Units {
			if err := d.Decode(t.Context(), unit(c, i), emit); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Drain(t.Context(), emit); err != nil {
			t.Fatal(err)
		}
		if count != len(c.Units) {
			t.Errorf("%d frames, want %d", count, len(c.Units))
		}
	}
	if n := sim.Calls("cuvidCreateDecoder"); n != 1 {
		t.Errorf("%d sessions were made", n)
	}
}

// TestNew: without a device, an owner for its memory or a size for its ring there
// is no decoder; the ring has room for the caller's frames and two more.
func TestNew(t *testing.T) {
	_, options := open(t)
	c, good := load(t, "h264_crop")
	for _, spoil := range []func(*decoder.Config, *nvdec.Options){
		func(cfg *decoder.Config, _ *nvdec.Options) { cfg.Camera = "" },
		func(cfg *decoder.Config, _ *nvdec.Options) { cfg.Frames = -1 },
		func(_ *decoder.Config, o *nvdec.Options) { o.Device = nil },
	} {
		cfg, o := good, options
		spoil(&cfg, &o)
		if _, err := nvdec.New(cfg, o); err == nil {
			t.Errorf("%+v with %+v was accepted", cfg, o)
		}
	}
	for frames, slots := range map[int]int{0: 6, 1: 3, 9: 11} {
		cfg := good
		cfg.Frames = frames
		d := newDecoder(t, cfg, options)
		err := d.Decode(t.Context(), unit(c, 0), func(f *frame.Frame) error {
			if slot, ok := surface.Of(f); !ok || slot.Ring().Config().Slots != slots {
				t.Errorf("%d frames: a ring %+v, want %d slots", frames, slot.Ring().Config(), slots)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestHeldSlots: readers that hold everything cost pictures, not time, and the
// stream goes on when they let go.
func TestHeldSlots(t *testing.T) {
	_, options := open(t)
	c, cfg := load(t, "h264_720p")
	cfg.Frames = 1 // and two slots more
	d := newDecoder(t, cfg, options)
	var kept []*frame.Frame
	for i := range 8 {
		err := d.Decode(t.Context(), unit(c, i), func(f *frame.Frame) error {
			kept = append(kept, f.Retain())
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(kept) != 3 || d.Dropped() != 5 {
		t.Errorf("%d frames and %d dropped, want 3 and 5", len(kept), d.Dropped())
	}
	for _, f := range kept {
		f.Release()
	}
	count := 0
	err := d.Decode(t.Context(), unit(c, 8), func(f *frame.Frame) error {
		count++
		if _, number, err := testvideo.ReadBarcodeLuma(download(t, f), f.Width, f.Height, f.Width); number != 8 || err != nil {
			t.Errorf("shows %d (%v), want 8", number, err)
		}
		return nil
	})
	if err != nil || count != 1 {
		t.Errorf("%d frames, %v", count, err)
	}
}

// TestAdmission: a camera that does not fit is refused with the numbers, and takes
// nothing.
func TestAdmission(t *testing.T) {
	_, options := open(t)
	c, cfg := load(t, "h264_720p")
	total := options.Device.Admission().Stats()
	free, _, err := options.Device.MemInfo()
	if err != nil {
		t.Fatal(err)
	}
	r, err := options.Device.Admission().Reserve(free-total.Reserve-(8<<20), "other")
	if err != nil {
		t.Fatal(err)
	}
	before := options.Device.Ledger().Total()
	d := newDecoder(t, cfg, options)
	err = d.Decode(t.Context(), unit(c, 0), ignore)
	var refused *gpu.AdmissionError
	if !errors.As(err, &refused) || !errors.Is(err, gpu.ErrOutOfMemory) || refused.Owner != "door" {
		t.Errorf("%v, want an AdmissionError", err)
	}
	if got := options.Device.Ledger().Total(); got != before {
		t.Errorf("the ledger has %+v, had %+v", got, before)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(t.Context(), unit(c, 0), ignore); err != nil {
		t.Errorf("when there is room: %v", err)
	}
}

// TestFaults: what the driver refuses is the error that the caller branches on, and
// leaves nothing behind.
func TestFaults(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_720p")
	ledger, live := options.Device.Ledger().Total(), sim.Live("")
	tests := []struct {
		fault string
		want  error
	}{
		{"cuvidCreateDecoder:1:2", gpu.ErrOutOfMemory},
		{"cuvidCreateDecoder:1:801", decoder.ErrUnsupported},
		{"cuStreamCreate:1:2", gpu.ErrOutOfMemory},
		{"cuMemAlloc:1:2", gpu.ErrOutOfMemory},
		{"cuEventCreate:6:2", gpu.ErrOutOfMemory},
		{"cuvidDecodePicture:1:1", decoder.ErrCorrupt},
		{"cuvidMapVideoFrame64:1:205", nil}, // any error
		{"cuMemcpy2DAsync:1:1", nil},
	}
	for _, test := range tests {
		d, err := nvdec.New(cfg, options)
		if err != nil {
			t.Fatal(err)
		}
		sim.Fail(test.fault)
		err = d.Decode(t.Context(), unit(c, 0), ignore)
		sim.Fail("")
		if err == nil || (test.want != nil && !errors.Is(err, test.want)) {
			t.Errorf("%s: %v, want %v", test.fault, err, test.want)
		}
		if err := d.Close(); err != nil {
			t.Errorf("%s: close: %v", test.fault, err)
		}
		if got := options.Device.Ledger().Total(); got != ledger || sim.Live("") != live {
			t.Errorf("%s: %d objects, %+v on the books; began with %d, %+v", test.fault, sim.Live(""), got, live, ledger)
		}
	}
}

// TestStatus: what the engine reports as damaged is flagged, and what depends on it.
func TestStatus(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	for _, status := range []string{"8", "9"} {
		c, cfg := load(t, "h264_720p")
		d := newDecoder(t, cfg, options)
		sim.Fail("decode_status:4:" + status)
		want := false
		for i := range c.Units {
			if c.Units[i].Key {
				want = false
			}
			want = want || i == 3
			err := d.Decode(t.Context(), unit(c, i), func(f *frame.Frame) error {
				if f.Corrupt != want {
					t.Errorf("status %s, frame %d: corrupt %v, want %v", status, i, f.Corrupt, want)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		sim.Fail("")
	}
}

// TestEmittedAtOnce: a frame is emitted before its pixels are there, so that the
// decoder does not wait for the copy.
func TestEmittedAtOnce(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_720p")
	d := newDecoder(t, cfg, options)
	start := time.Now()
	if err := d.Decode(t.Context(), unit(c, 0), func(f *frame.Frame) error {
		if f.Planes[0].Data != nil || f.Format != media.PixelNV12 || f.Decoded.Before(start) {
			t.Errorf("frame %+v", f.Info)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := sim.Calls("cuStreamSynchronize"); got != 0 {
		t.Errorf("the stream was waited for %d times", got)
	}
}

// TestRingFails: a change of size for which there is no memory ends the session,
// and the next one begins when there is some.
func TestRingFails(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	large, cfg := load(t, "h264_change_a")
	small, _ := load(t, "h264_change_b")
	if large.Width < small.Width {
		large, small = small, large
		_, cfg = load(t, large.Name)
	}
	d := newDecoder(t, cfg, options)
	if err := d.Decode(t.Context(), unit(large, 0), ignore); err != nil {
		t.Fatal(err)
	}
	sim.Fail("cuMemAlloc:1:2")
	if err := d.Decode(t.Context(), unit(small, 0), ignore); !errors.Is(err, gpu.ErrOutOfMemory) {
		t.Errorf("%v, want ErrOutOfMemory", err)
	}
	sim.Fail("")
	if n := sim.Live("decoder"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	if err := d.Decode(t.Context(), unit(small, 0), ignore); err != nil {
		t.Error(err)
	}
}

// TestTenBits: the kernels and the engine's own 8-bit output give the same picture
// here, and a decoder without kernels works.
func TestTenBits(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator() // how an engine rounds is its own affair
	c, cfg := load(t, "h265_main10")
	pictures := func(o nvdec.Options) (list [][]byte) {
		d := newDecoder(t, cfg, o)
		emit := func(f *frame.Frame) error {
			list = append(list, download(t, f))
			return nil
		}
		for i := range c.Units {
			if err := d.Decode(t.Context(), unit(c, i), emit); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Drain(t.Context(), emit); err != nil {
			t.Fatal(err)
		}
		return list
	}
	sim.Fail("")
	rounded := pictures(options)
	if sim.Calls("cuLaunchKernel") != int64(len(c.Units)) {
		t.Errorf("%d kernels for %d pictures", sim.Calls("cuLaunchKernel"), len(c.Units))
	}
	options.Kernels = nil
	plain := pictures(options)
	if len(rounded) != len(c.Units) || len(plain) != len(rounded) {
		t.Fatalf("%d and %d pictures, want %d", len(rounded), len(plain), len(c.Units))
	}
	for i := range plain {
		if !bytes.Equal(plain[i], rounded[i]) {
			t.Fatalf("picture %d differs", i)
		}
	}
}

// TestWithoutCodec: a device that lacks the codec says so at once.
func TestWithoutCodec(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	t.Setenv("FRAMEPORT_GPUSIM_NO_CODEC", "hevc")
	_, cfg := load(t, "h265_720p")
	if _, err := nvdec.New(cfg, options); !errors.Is(err, decoder.ErrUnsupported) {
		t.Errorf("%v, want ErrUnsupported", err)
	}
	_, cfg = load(t, "h264_720p")
	newDecoder(t, cfg, options)
}

// TestManyCameras: cameras share the device, each with its own books.
func TestManyCameras(t *testing.T) {
	_, options := open(t)
	c, cfg := load(t, "h264_crop")
	var cameras sync.WaitGroup
	for i := range 8 {
		cfg.Camera = fmt.Sprintf("camera%d", i)
		d := newDecoder(t, cfg, options)
		cameras.Go(func() {
			next := 0
			emit := func(f *frame.Frame) error {
				_, number, err := testvideo.ReadBarcodeLuma(download(t, f), f.Width, f.Height, f.Width)
				if number != next || err != nil {
					t.Errorf("camera%d shows %d (%v), want %d", i, number, err, next)
				}
				next++
				return nil
			}
			for i := range c.Units {
				if err := d.Decode(t.Context(), unit(c, i), emit); err != nil {
					t.Error(err)
					return
				}
			}
			if next != len(c.Units) {
				t.Errorf("camera%d: %d frames, want %d", i, next, len(c.Units))
			}
		})
	}
	cameras.Wait()
	byOwner := options.Device.Ledger().Snapshot().ByOwner
	for i := range 8 {
		if u := byOwner[fmt.Sprintf("camera%d", i)][gpu.PurposeDecoder]; u.Bytes == 0 || u.Objects != 2 {
			t.Errorf("camera%d has %+v", i, u)
		}
	}
}
