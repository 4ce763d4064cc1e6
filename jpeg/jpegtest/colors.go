package jpegtest

import (
	"bytes"
	stdjpeg "image/jpeg"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/media"
)

// Pipeline is everything between a stream and a JPEG.
type Pipeline struct {
	NewDecoder   func(decoder.Config) (decoder.Decoder, error)
	NewConverter func() (convert.Converter, error)
	NewEncoder   func() (jpeg.Encoder, error)
	// Format is what the converter makes for the encoder.
	Format media.PixelFormat
}

// RunColors checks that colours come through the whole pipeline: within 3 levels
// for plain pictures, in every matrix and range.
func RunColors(t *testing.T, p Pipeline) {
	m, err := testvideo.ReadManifest()
	if err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, e := range m.Clips {
		if len(e.Colors) == 0 {
			continue
		}
		tested++
		t.Run(e.Name, func(t *testing.T) { testColors(t, p, e.Name) })
	}
	if tested == 0 {
		t.Fatal("no clip to test with")
	}
}

func testColors(t *testing.T, p Pipeline, name string) {
	const tolerance = 3
	clip, err := testvideo.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.NewDecoder(decoder.Config{Format: media.Format{Codec: clip.Codec}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	conv, err := p.NewConverter()
	if err != nil {
		t.Fatal(err)
	}
	defer conv.Close()
	enc, err := p.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	frames := 0
	emit := func(f *frame.Frame) error {
		frames++
		img, err := conv.Convert(t.Context(), f, convert.Request{Format: p.Format, Color: media.JFIF()})
		if err != nil {
			return err
		}
		defer img.Release()
		data, err := enc.Encode(t.Context(), img, jpeg.Options{Quality: 90}, nil)
		if err != nil {
			return err
		}
		picture, err := stdjpeg.Decode(bytes.NewReader(data))
		if err != nil {
			return err
		}
		// The middle of every bar, below the bar code.
		for i, want := range clip.Colors {
			r, g, b, _ := picture.At((2*i+1)*clip.Width/(2*len(clip.Colors)), clip.Height*2/3).RGBA()
			for c, got := range [3]uint32{r, g, b} {
				if diff := int(got>>8) - int(want[c]); diff > tolerance || diff < -tolerance {
					t.Errorf("colour %v became %d %d %d", want, r>>8, g>>8, b>>8)
					break
				}
			}
		}
		return nil
	}
	for i := range clip.Units {
		au := &media.AccessUnit{Data: clip.Units[i].Data, RandomAccess: clip.Units[i].Key, Times: media.Times{PTS: clip.Units[i].PTS}}
		if err := d.Decode(t.Context(), au, emit); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Drain(t.Context(), emit); err != nil {
		t.Fatal(err)
	}
	if frames != len(clip.Units) {
		t.Errorf("%d pictures, want %d", frames, len(clip.Units))
	}
}
