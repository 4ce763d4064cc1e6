package nvdec_test

import (
	"errors"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/decodertest"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// download returns a frame's pixels as tight I420, the way a reader gets them: on a
// stream of its own that waits for the slot.
func download(tb testing.TB, f *frame.Frame) []byte {
	tb.Helper()
	slot, ok := surface.Of(f)
	if !ok {
		tb.Fatal("the frame is not in device memory")
	}
	use := gpu.Use{Purpose: gpu.PurposeOther, Owner: "test"}
	device := slot.Device()
	stream, err := device.NewStream(use)
	if err != nil {
		tb.Fatal(err)
	}
	defer stream.Close()
	w, h := f.Width, f.Height
	cw, ch := (w+1)/2, (h+1)/2
	host, err := device.AllocPinned(w*h+2*cw*ch, use)
	if err != nil {
		tb.Fatal(err)
	}
	defer host.Close()
	err = errors.Join(
		slot.Wait(stream),
		device.CopyToHost2D(stream, gpu.HostPlane{Memory: host, Pitch: w}, slot.Luma(), w, h),
		device.CopyToHost2D(stream, gpu.HostPlane{Memory: host, Offset: w * h, Pitch: 2 * cw}, slot.Chroma(), 2*cw, ch),
		stream.Synchronize(),
	)
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]byte, w*h+2*cw*ch)
	copy(out, host.Bytes()[:w*h])
	for i, pair := 0, host.Bytes()[w*h:]; i < cw*ch; i++ {
		out[w*h+i], out[w*h+cw*ch+i] = pair[2*i], pair[2*i+1]
	}
	return out
}

// open makes a device with kernels.
func open(t *testing.T) (*gputest.Sim, nvdec.Options) {
	t.Helper()
	sim := gputest.Open(t)
	device := sim.Device(gpu.DeviceConfig{})
	set, err := kernels.Load(device)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim, nvdec.Options{Device: device, Kernels: set}
}

// refused lists the clips that an engine of the Hopper generation does not decode, and
// JPEG of odd sizes.
func refused(t *testing.T) (names []string) {
	t.Helper()
	m, err := testvideo.ReadManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Clips {
		ten := (e.Codec == "H265" || e.Codec == "VP9") && e.PixFmt == "yuv420p10le"
		odd := e.Codec == "MJPEG" && (e.Width%2 != 0 || e.Height%2 != 0)
		if odd || (e.PixFmt != "yuv420p" && e.PixFmt != "yuvj420p" && !ten) {
			names = append(names, e.Name)
		}
	}
	return names
}

func TestDecoder(t *testing.T) {
	_, options := open(t)
	decodertest.Run(t, decodertest.Subject{
		New: func(cfg decoder.Config) (decoder.Decoder, error) {
			cfg.Camera, cfg.Frames = "door", 14 // the suite keeps 12 at a time
			d, err := nvdec.New(cfg, options)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		I420:    download,
		Without: refused(t),
		// The engine conceals much and reports some of it.
		Silent:      []media.Codec{media.CodecH264, media.CodecH265, media.CodecVP8, media.CodecVP9},
		Blind:       []media.Codec{media.CodecH265, media.CodecVP8, media.CodecVP9},
		ResizesLate: true,
		Sharing:     sharing(t),
	})
}

// sharing looks at regions from another process.
func sharing(t *testing.T) *decodertest.Sharing {
	process := lazyOther(t)
	return &decodertest.Sharing{
		Fixed: true,
		Read: func(t testing.TB, r *frame.Region, offset, n int64) []byte {
			t.Helper()
			return process().read(t, r, offset, n)
		},
		Gone: func(t testing.TB, r *frame.Region) bool {
			t.Helper()
			return process().ask(t, question{Region: *r, Again: true}).Refused != ""
		},
	}
}
