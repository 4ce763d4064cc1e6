package nvdec_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/internal/testvideo"
)

// standing is what must not grow while a decoder lives.
type standing struct {
	usage
	files, goroutines int
}

func stand(t *testing.T, sim *gputest.Sim, device *gpu.Device) standing {
	t.Helper()
	return standing{used(t, sim, device), openFiles(t), runtime.NumGoroutine()}
}

// TestResizing: a thousand changes of size, by the caller and by the stream, while a
// frame of the size before is held, and nothing more in use at the end.
func TestResizing(t *testing.T) {
	sim, options := open(t)
	small, cfg := load(t, "color_bars_bt709")
	large, _ := load(t, "h264_change_b")
	account := new(frame.Account)
	cfg.Account = account
	d := newDecoder(t, cfg, options)
	var held *frame.Frame
	var pixels []byte
	var before standing
	const (
		changes = 1000
		stay    = 10           // changes until the stream has the other size
		round   = 3 * 2 * stay // until everything is as it was
	)
	for i := range changes + 1 {
		c := []*testvideo.Clip{small, large}[i/stay%2]
		want := []int{c.Width, 64, c.Width / 2}[i%3]
		d.SetOutput(decoder.Output{MaxWidth: want})
		shown := 0
		err := d.Decode(t.Context(), unit(c, 0), func(f *frame.Frame) error {
			shown++
			if slot, ok := surface.Of(f); !ok || f.Width != want || slot.Ring().Config().Width != want {
				t.Fatalf("change %d: a frame of %dx%d, want a width of %d, and its ring's", i, f.Width, f.Height, want)
			}
			if pixels != nil && !bytes.Equal(download(t, held), pixels) {
				t.Fatalf("change %d: a frame that is held has changed", i)
			}
			if held != nil {
				held.Release() // its ring has been retired, and goes with it
			}
			held, pixels = f.Retain(), nil
			if i%round < 3 {
				pixels = download(t, f)
			}
			return nil
		})
		if err != nil || shown != 1 {
			t.Fatalf("change %d: %d frames, %v", i, shown, err)
		}
		switch now := stand(t, sim, options.Device); {
		case i == round:
			before = now
		case i > round && i%round == 0 && now != before:
			t.Fatalf("change %d: %+v, before: %+v", i, now, before)
		}
	}
	held.Release()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if account.Frames() != 0 || account.DeviceBytes() != 0 {
		t.Errorf("%d frames and %d bytes are left", account.Frames(), account.DeviceBytes())
	}
	if s := options.Device.Admission().Stats(); s.Promised != 0 {
		t.Errorf("%d bytes are still promised", s.Promised)
	}
}

// TestReconnecting: a hundred streams that end and begin again, with pictures held
// back for reordering, keep the session and add nothing to what is in use.
func TestReconnecting(t *testing.T) {
	sim, options := open(t)
	c, cfg := load(t, "h264_bframes")
	d := newDecoder(t, cfg, options)
	var before standing
	for i := range 100 {
		const units = 7
		count := 0
		emit := func(f *frame.Frame) error {
			count++
			if f.Corrupt {
				t.Errorf("cycle %d: frame %d is corrupt", i, count)
			}
			return nil
		}
		for k := range units {
			if err := d.Decode(t.Context(), unit(c, k), emit); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Drain(t.Context(), emit); err != nil {
			t.Fatal(err)
		}
		if count != units {
			t.Fatalf("cycle %d: %d frames, want %d", i, count, units)
		}
		switch now := stand(t, sim, options.Device); {
		case i == 0:
			before = now
		case now != before:
			t.Fatalf("cycle %d: %+v, after the first: %+v", i, now, before)
		}
	}
	if n := sim.Calls("cuvidCreateDecoder"); sim.Simulated() && n != 1 {
		t.Errorf("%d sessions were made", n)
	}
}

// TestNarrowGate: with a single place at the gate nobody who has it waits for somebody
// who wants it, while cameras come, change and go at once. See Note: [Gate].
func TestNarrowGate(t *testing.T) {
	t.Setenv("FRAMEPORT_GPUSIM_ENGINES", "1")
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	device := sim.Device(gpu.DeviceConfig{CallsPerEngine: 1})
	if n := device.Gate().Stats().Capacity; n != 1 {
		t.Fatalf("the gate has %d places", n)
	}
	small, format := load(t, "color_red")
	large, _ := load(t, "h264_change_b")
	var cameras sync.WaitGroup
	for i := range 8 {
		cfg := format
		cfg.Camera = fmt.Sprintf("camera%d", i)
		cameras.Go(func() {
			for range 3 {
				d, err := nvdec.New(cfg, nvdec.Options{Device: device})
				if err != nil {
					t.Error(err)
					return
				}
				var held *frame.Frame
				keep := func(f *frame.Frame) error {
					if held != nil {
						held.Release()
					}
					held = f.Retain()
					return nil
				}
				for n, c := range []*testvideo.Clip{small, large, small, large} {
					d.SetOutput(decoder.Output{MaxWidth: 64 << (n % 2)})
					err = errors.Join(err, d.Decode(t.Context(), unit(c, 0), keep), d.Drain(t.Context(), keep))
				}
				if err = errors.Join(err, d.Close()); err != nil {
					t.Error(err)
				}
				held.Release()
			}
		})
	}
	cameras.Wait()
}

// TestResizeRoom: a larger ring is admitted before the smaller one is given up, and
// a smaller one needs no admission.
func TestResizeRoom(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_720p")
	cfg.Output = decoder.Output{MaxWidth: 640}
	d := newDecoder(t, cfg, options)
	if err := d.Decode(t.Context(), unit(c, 0), ignore); err != nil {
		t.Fatal(err)
	}
	free := used(t, sim, options.Device).free
	other, err := options.Device.Admission().Reserve(free-gpu.DefaultReserve, "other")
	if err != nil {
		t.Fatal(err)
	}
	width := func(f *frame.Frame) error {
		if f.Width != cfg.Output.MaxWidth {
			t.Errorf("%d pixels wide, want %d", f.Width, cfg.Output.MaxWidth)
		}
		return nil
	}
	cfg.Output.MaxWidth = 320
	d.SetOutput(cfg.Output)
	if err := d.Decode(t.Context(), unit(c, 0), width); err != nil {
		t.Errorf("a smaller size: %v", err)
	}
	d.SetOutput(decoder.Output{})
	if err := d.Decode(t.Context(), unit(c, 0), ignore); !errors.Is(err, decoder.ErrExhausted) {
		t.Errorf("a larger size without room: %v, want ErrExhausted", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Output.MaxWidth = 1280
	if err := d.Decode(t.Context(), unit(c, 0), width); err != nil {
		t.Errorf("when there is room: %v", err)
	}
}
