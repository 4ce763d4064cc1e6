package nvjpeg_test

import (
	"bytes"
	"errors"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/jpegtest"
	"github.com/frameport/frameport/jpeg/nvjpeg"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(t testing.TB, dev *gpu.Device) nvjpeg.Config {
	return nvjpeg.Config{
		Device: dev, Library: gpu.LibraryConfig{Path: gputest.LibraryPath(t)},
		States: 2, Width: 320, Height: 180,
	}
}

func open(t testing.TB, cfg nvjpeg.Config) *nvjpeg.Encoder {
	t.Helper()
	e, err := nvjpeg.New(t.Context(), cfg)
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

func picture(w, h int) *frame.Frame {
	f := frame.NewPool(0, nil).Get(media.PixelI420, w, h)
	f.Color = media.JFIF()
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, p := range f.Planes {
		for i := range p.Data {
			p.Data[i] = byte(rnd.Uint32())
		}
	}
	return f
}

func TestEncoder(t *testing.T) {
	dev := gputest.Open(t).Device(gpu.DeviceConfig{})
	jpegtest.Run(t, jpegtest.Subject{
		New: func() (jpeg.Encoder, error) { return nvjpeg.New(t.Context(), config(t, dev)) },
		Upload: func(tb testing.TB, f *frame.Frame) *frame.Frame {
			return upload(tb, dev, f)
		},
		Refuses: func(f *frame.Frame) bool {
			return f.Format != media.PixelI420 || f.Width < nvjpeg.MinSide || f.Height < nvjpeg.MinSide
		},
	})
}

// TestHostFrame: what is not in device memory is for another encoder.
func TestHostFrame(t *testing.T) {
	e := open(t, config(t, gputest.Open(t).Device(gpu.DeviceConfig{})))
	f := picture(64, 64)
	defer f.Release()
	if _, err := e.Encode(t.Context(), f, jpeg.Options{Quality: 80}, nil); !errors.Is(err, jpeg.ErrInput) || !strings.Contains(err.Error(), "not in device memory") {
		t.Errorf("got %v", err)
	}
}

// TestForeignDevice: an address of another GPU is not touched.
func TestForeignDevice(t *testing.T) {
	dev := gputest.Open(t).Device(gpu.DeviceConfig{})
	e := open(t, config(t, dev))
	f := picture(64, 64)
	defer f.Release()
	in := upload(t, dev, f)
	defer in.Release()
	in.Memory().(*image).dev = &gpu.Device{}
	if _, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 80}, nil); !errors.Is(err, jpeg.ErrInput) || !strings.Contains(err.Error(), "another GPU") {
		t.Errorf("got %v", err)
	}
}

// TestLargePictures: bytes beyond the pinned memory that is kept at first, and beyond
// what is kept at all, come through; and the latter is given back.
func TestLargePictures(t *testing.T) {
	sim := gputest.Open(t)
	dev := sim.Device(gpu.DeviceConfig{})
	cfg := config(t, dev)
	cfg.States = 1
	e := open(t, cfg)
	before := dev.Ledger().Total().HostBytes
	for _, test := range []struct {
		side int
		kept int64 // more pinned memory than before, after it
	}{{1024, 1 << 20}, {5000, 1 << 20}, {64, 1 << 20}} {
		f := picture(test.side, test.side)
		in := upload(t, dev, f)
		data, err := e.Encode(t.Context(), in, jpeg.Options{Quality: 98}, []byte("head"))
		in.Release()
		f.Release()
		if err != nil {
			t.Fatal(err)
		}
		c, err := stdjpeg.DecodeConfig(bytes.NewReader(data[4:]))
		if err != nil || c.Width != test.side || string(data[:4]) != "head" {
			t.Fatalf("%d bytes, %+v, %v", len(data), c, err)
		}
		if kept := dev.Ledger().Total().HostBytes - before; sim.Simulated() && kept != test.kept {
			t.Errorf("side %d, %d bytes: %d more pinned bytes are kept, want %d", test.side, len(data), kept, test.kept)
		}
	}
}

// TestLedger: handle and states are on the books while they live.
func TestLedger(t *testing.T) {
	sim := gputest.Open(t)
	dev := sim.Device(gpu.DeviceConfig{})
	e, err := nvjpeg.New(t.Context(), config(t, dev))
	if err != nil {
		t.Fatal(err)
	}
	used := dev.Ledger().Snapshot().ByPurpose[gpu.PurposeJPEG]
	if sim.Simulated() && used.Bytes != (16+2*40)<<20 { // the simulator's numbers
		t.Errorf("%d bytes are booked", used.Bytes)
	}
	if want := 1 + 3*2; used.Objects != want { // the handle; a state, a stream, a buffer each
		t.Errorf("%d objects are booked, want %d", used.Objects, want)
	}
	if e.Library().Path == "" || e.Library().Version == "" {
		t.Errorf("library %+v", e.Library())
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if used := dev.Ledger().Snapshot().ByPurpose[gpu.PurposeJPEG]; used != (gpu.Usage{}) {
		t.Errorf("%+v is booked after Close", used)
	}
}

func TestConfig(t *testing.T) {
	_, err := nvjpeg.New(t.Context(), nvjpeg.Config{States: 5, Width: 8})
	for _, part := range []string{"no device", "5 encoder states", "8x1080"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}
