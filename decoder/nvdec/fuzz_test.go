package nvdec

import (
	"bytes"
	"image/jpeg"
	"testing"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// FuzzUnit: whatever a camera sends as an access unit, what is read of it before the driver
// sees it lies inside it and makes sense. The size of a JPEG is the one that another reader
// finds.
func FuzzUnit(f *testing.F) {
	for _, name := range []string{"h264_interlaced", "h264_slices", "h265_720p", "mjpeg_480p", "mjpeg_odd", "mjpeg_422"} {
		clip, err := testvideo.Load(name)
		if err != nil {
			f.Fatal(err)
		}
		data := clip.Units[0].Data
		f.Add(data[:min(len(data), 1500)], uint8(4))
	}
	f.Add(append(slice(0x41, 7), slice(0x65, 8)...), uint8(8))
	f.Add([]byte("\x00\x00\x01\x67\x64\x00\x0c\xac\x3b\x50\xb0\x4b\x42\x00\x00\x03\x00\x02\x00\x00\x03\x00\x3d\x08\x00\x00\x01\x68\xee\x3c\x80"), uint8(16))
	f.Fuzz(func(t *testing.T, data []byte, width uint8) {
		if p, err := readJPEG(data); err == nil {
			if p.width < 2 || p.height < 2 || p.width > 0xffff || p.height > 0xffff || p.width%2 != 0 || p.height%2 != 0 {
				t.Fatalf("a JPEG of %dx%d", p.width, p.height)
			}
			if c, err := jpeg.DecodeConfig(bytes.NewReader(data)); err == nil && (c.Width != p.width || c.Height != p.height) {
				t.Fatalf("a JPEG of %dx%d, says another reader, not %dx%d", c.Width, c.Height, p.width, p.height)
			}
		}
		for nal := range nals(data) {
			for _, codec := range []media.Codec{media.CodecH264, media.CodecH265} {
				if c, ok := codingOf(codec, nal); ok && (c.chroma < 0 || c.lumaDepth < 8 || c.chromaDepth < 8 || c.codedWidth < 0 || c.codedHeight < 0) {
					t.Fatalf("%v: %+v", codec, c)
				}
			}
		}
		d := &Decoder{}
		d.cfg.Format.Codec = media.CodecH264
		d.guard.Fields, d.guard.FrameNumberBits = true, 4+int(width)%13
		if at := d.secondField(data); at != 0 && (at < 3 || !bytes.HasPrefix(data[at:], []byte{0, 0, 1})) {
			t.Fatalf("the second field begins at %d of %d", at, len(data))
		}
		for range 2 { // the second time with a number to compare with
			gap := d.lacksReferences(&media.AccessUnit{Data: data})
			if d.numbers.last >= 1<<d.guard.FrameNumberBits || gap && !d.numbers.known {
				t.Fatalf("number %d of %d bits, gap %v", d.numbers.last, d.guard.FrameNumberBits, gap)
			}
		}
	})
}
