package nvdec_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/testvideo"
)

// usage is what the device knows to be in use.
type usage struct {
	ledger gpu.Usage
	live   int64
	free   int64
}

func used(t *testing.T, sim *gputest.Sim, device *gpu.Device) usage {
	t.Helper()
	free, _, err := device.MemInfo()
	if err != nil {
		t.Fatal(err)
	}
	if !sim.Simulated() {
		free = 0 // others use a real device too
	}
	return usage{device.Ledger().Total(), sim.Live(""), free}
}

// TestUnsupported: what the chip can't decode is said by New when the parameter sets
// tell, otherwise by the first unit, and takes nothing on the way.
func TestUnsupported(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator() // that of a Hopper card
	before := used(t, sim, options.Device)
	refuse := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, decoder.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", name, err)
		}
		if after := used(t, sim, options.Device); after != before {
			t.Errorf("%s: %+v is in use, was %+v", name, after, before)
		}
	}
	for _, name := range []string{"h264_high10", "h264_422", "h264_444_odd"} {
		c, cfg := load(t, name)
		_, err := nvdec.New(cfg, options)
		refuse(name+" by New", err)
		cfg.Format.Parameters = nil
		d := newDecoder(t, cfg, options)
		refuse(name, d.Decode(t.Context(), unit(c, 0), ignore))
	}
	if n := sim.Calls("cuvidCreateDecoder"); n != 0 {
		t.Errorf("%d sessions were tried", n)
	}
	t.Setenv("FRAMEPORT_GPUSIM_NO_CODEC", "jpeg")
	_, cfg := load(t, "mjpeg_480p")
	_, err := nvdec.New(cfg, options)
	refuse("mjpeg", err)
}

// TestJPEGRefused: the header of a picture is enough to refuse it.
func TestJPEGRefused(t *testing.T) {
	sim, options := open(t)
	sim.Fail("") // counts anew
	c, cfg := load(t, "mjpeg_480p")
	before := used(t, sim, options.Device)
	sof := bytes.Index(c.Units[0].Data, []byte{0xFF, 0xC0})
	tests := []struct {
		name   string
		offset int // from the frame header's marker
		bytes  []byte
		want   error
	}{
		{"progressive", 1, []byte{0xC2}, decoder.ErrUnsupported},
		{"12 bits", 4, []byte{12}, decoder.ErrUnsupported},
		{"4:2:2", 11, []byte{0x21}, decoder.ErrUnsupported},
		{"4:4:4", 11, []byte{0x11}, decoder.ErrUnsupported},
		{"4:4:0", 11, []byte{0x12}, decoder.ErrUnsupported},
		{"odd width", 7, []byte{2, 127}, decoder.ErrUnsupported},
		{"odd height", 5, []byte{1, 223}, decoder.ErrUnsupported},
		{"grey", 2, []byte{0, 11, 8, 1, 0xE0, 2, 0x80, 1, 1, 0x11, 0, 0xFF, 0xFE, 0, 4}, decoder.ErrUnsupported},
		{"too large", 5, []byte{0x40, 0, 0x40, 0}, decoder.ErrTooLarge},
		{"no size", 7, []byte{0, 0}, decoder.ErrCorrupt},
		{"broken header", 9, []byte{9}, decoder.ErrCorrupt},
		{"no header", 1, []byte{0xDA}, decoder.ErrCorrupt},
	}
	for _, test := range tests {
		d := newDecoder(t, cfg, options)
		au := unit(c, 0)
		au.Data = bytes.Clone(au.Data)
		copy(au.Data[sof+test.offset:], test.bytes)
		if err := d.Decode(t.Context(), au, ignore); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if after := used(t, sim, options.Device); after != before {
			t.Errorf("%s: %+v is in use, was %+v", test.name, after, before)
		}
	}
	if n := sim.Calls("cuvidCreateVideoParser"); n != 0 {
		t.Errorf("the driver was asked %d times", n)
	}
	cfg.Format.Width = 639
	if _, err := nvdec.New(cfg, options); !errors.Is(err, decoder.ErrUnsupported) {
		t.Errorf("an odd width that is known: %v, want ErrUnsupported", err)
	}
}

// TestExhausted: a camera for which there is no memory is told so, by whatever ran
// out, and another one does not notice.
func TestExhausted(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_720p")
	well := newDecoder(t, cfg, options)
	next := 0
	goOn := func() {
		t.Helper()
		err := well.Decode(t.Context(), unit(c, next), func(f *frame.Frame) error {
			if _, number, err := testvideo.ReadBarcodeLuma(download(t, f), f.Width, f.Height, f.Width); number != next || err != nil || f.Corrupt {
				t.Errorf("the other camera shows %d (%v), want %d", number, err, next)
			}
			return nil
		})
		if err != nil {
			t.Errorf("the other camera: %v", err)
		}
		next++
	}
	goOn()
	before := used(t, sim, options.Device)
	cfg.Camera = "gate"
	for _, fault := range []string{"cuvidCreateDecoder:1:2", "cuStreamCreate:1:2", "cuMemAlloc:1:2", "cuEventCreate:6:2", "cuvidCreateVideoParser:1:2", "admission"} {
		d := newDecoder(t, cfg, options)
		release := func() error { sim.Fail(""); return nil }
		if fault == "admission" {
			r, err := options.Device.Admission().Reserve(before.free-gpu.DefaultReserve-(8<<20), "other")
			if err != nil {
				t.Fatal(err)
			}
			release = r.Close
		} else {
			sim.Fail(fault)
		}
		err := d.Decode(t.Context(), unit(c, 0), ignore)
		if err := release(); err != nil {
			t.Error(err)
		}
		if !errors.Is(err, decoder.ErrExhausted) || !errors.Is(err, gpu.ErrOutOfMemory) || errors.Is(err, decoder.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrExhausted and ErrOutOfMemory", fault, err)
		}
		var refused *gpu.AdmissionError
		if fault == "admission" && (!errors.As(err, &refused) || refused.Owner != "gate" || refused.Estimate == 0) {
			t.Errorf("%v, want an AdmissionError with its numbers", err)
		}
		if after := used(t, sim, options.Device); after != before {
			t.Errorf("%s: %+v is in use, was %+v", fault, after, before)
		}
		goOn()
	}
}

// TestRefusals: a driver that refuses units costs these units; one that goes on
// refusing gets another session with the next key picture.
func TestRefusals(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	c, cfg := load(t, "h264_720p")
	key := 1
	for !c.Units[key].Key {
		key++
	}
	for _, fault := range []string{"cuvidDecodePicture", "cuvidMapVideoFrame64", "cuMemcpy2DAsync", "cuvidUnmapVideoFrame64"} {
		for _, times := range []int{1, 4} {
			d := newDecoder(t, cfg, options)
			sim.Fail("")
			count, refused := 0, 0
			decode := func(i int) {
				t.Helper()
				err := d.Decode(t.Context(), unit(c, i), func(*frame.Frame) error { count++; return nil })
				if errors.Is(err, decoder.ErrCorrupt) {
					refused++
				} else if err != nil {
					t.Fatalf("%s: unit %d: %v", fault, i, err)
				}
			}
			decode(0)
			sessions := int64(0)
			for i := 1; i <= times; i++ {
				sessions += sim.Calls("cuvidCreateDecoder")
				sim.Fail(fault + ":1:999")
				decode(i)
			}
			sessions += sim.Calls("cuvidCreateDecoder")
			sim.Fail("")
			shown := count
			decode(key)
			if count != shown+1 || refused != times {
				t.Errorf("%s, %d times: %d frames of the key picture, %d units were refused", fault, times, count-shown, refused)
			}
			if n := sim.Calls("cuvidCreateDecoder"); (n == 1) != (times > 1) || sessions != 1 {
				t.Errorf("%s, %d times: %d sessions with the key picture, %d before", fault, times, n, sessions)
			}
			if err := d.Close(); err != nil {
				t.Errorf("%s: %v", fault, err)
			}
		}
	}
}

// TestRefusedChange: where the driver refuses what a change of size takes, another
// session is made.
func TestRefusedChange(t *testing.T) {
	sim, options := open(t)
	sim.NeedsSimulator()
	large, cfg := load(t, "h264_change_a")
	small, _ := load(t, "h264_change_b")
	for _, fault := range []string{"cuvidReconfigureDecoder:1:1", "cuvidParseVideoData:1:999"} {
		d := newDecoder(t, cfg, options)
		if err := d.Decode(t.Context(), unit(large, 0), ignore); err != nil {
			t.Fatal(err)
		}
		sim.Fail(fault)
		count := 0
		if err := d.Decode(t.Context(), unit(small, 0), func(f *frame.Frame) error { count += f.Width; return nil }); err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		if n := sim.Calls("cuvidCreateDecoder"); n != 1 || count != small.Width {
			t.Errorf("%s: %d sessions, a frame %d pixels wide; want 1 and %d", fault, n, count, small.Width)
		}
		sim.Fail("")
	}
}
