package turbo_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/hostconv"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/jpegtest"
	"github.com/frameport/frameport/jpeg/turbo"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newEncoder() (jpeg.Encoder, error) { return turbo.New(turbo.Config{}) }

func TestEncoder(t *testing.T) {
	jpegtest.Run(t, jpegtest.Subject{New: newEncoder})
}

func TestColors(t *testing.T) {
	jpegtest.RunColors(t, jpegtest.Pipeline{
		NewDecoder:   func(cfg decoder.Config) (decoder.Decoder, error) { return avcodec.New(cfg) },
		NewConverter: func() (convert.Converter, error) { return hostconv.New(hostconv.Config{}), nil },
		NewEncoder:   newEncoder,
		Format:       media.PixelI420,
	})
}

// TestInPlace: a slice with room is written to, not copied into.
func TestInPlace(t *testing.T) {
	e, err := turbo.New(turbo.Config{Handles: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	img := frame.NewPool(0, nil).Get(media.PixelI420, 64, 48)
	defer img.Release()
	img.Color = media.JFIF()
	dst := make([]byte, 3, 3+turbo.Bound(64, 48, false))
	opts := jpeg.Options{Quality: 80}
	n := testing.AllocsPerRun(20, func() {
		out, err := e.Encode(t.Context(), img, opts, dst)
		if err != nil || &out[0] != &dst[0] || len(out) <= 3 {
			t.Fatalf("out %p of %d bytes, dst %p, error %v", out, len(out), dst, err)
		}
	})
	if n > 1 { // the deferred return of the handle
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEncode(b *testing.B) {
	c, err := testvideo.Load("h264_720p")
	if err != nil {
		b.Fatal(err)
	}
	d, err := avcodec.New(decoder.Config{Format: media.Format{Codec: c.Codec}})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	conv := hostconv.New(hostconv.Config{})
	defer conv.Close()
	e, err := turbo.New(turbo.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	var img *frame.Frame
	au := &media.AccessUnit{Data: c.Units[0].Data, RandomAccess: true}
	err = d.Decode(b.Context(), au, func(f *frame.Frame) error {
		img, err = conv.Convert(b.Context(), f, convert.Request{Format: media.PixelI420, Color: media.JFIF()})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer img.Release()
	b.Run("720p", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			if out, err = e.Encode(b.Context(), img, jpeg.Options{Quality: 85}, out[:0]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(out)), "bytes/picture")
	})
}
