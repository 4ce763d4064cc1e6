package hostconv_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/converttest"
	"github.com/frameport/frameport/convert/hostconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConverter(t *testing.T) {
	converttest.Run(t, converttest.Subject{
		New: func(a *frame.Account) (convert.Converter, error) {
			return hostconv.New(hostconv.Config{Account: a}), nil
		},
	})
}

func BenchmarkConvert(b *testing.B) {
	tests := []struct {
		name string
		w, h int
		req  convert.Request
	}{
		{"720p to JFIF", 1280, 720, convert.Request{Format: media.PixelI420, Color: media.JFIF()}},
		{"1080p to JFIF", 1920, 1080, convert.Request{Format: media.PixelI420, Color: media.JFIF()}},
		{"720p to RGB", 1280, 720, convert.Request{Format: media.PixelRGB24}},
		{"1080p to RGB", 1920, 1080, convert.Request{Format: media.PixelRGB24}},
		{"1080p to NV12", 1920, 1080, convert.Request{Format: media.PixelNV12}},
		{"1080p to GRAY8", 1920, 1080, convert.Request{Format: media.PixelGray8}},
		{"1080p to 640 JFIF", 1920, 1080, convert.Request{Format: media.PixelI420, Width: 640, Color: media.JFIF()}},
		{"1080p to 640 RGB", 1920, 1080, convert.Request{Format: media.PixelRGB24, Width: 640}},
		{"720p to 1080 RGB", 1280, 720, convert.Request{Format: media.PixelRGB24, Width: 1920}},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			c := hostconv.New(hostconv.Config{})
			defer c.Close()
			src := frame.NewPool(0, nil).Get(media.PixelI420, test.w, test.h)
			defer src.Release()
			src.Color = media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
			b.ReportAllocs()
			for b.Loop() {
				f, err := c.Convert(b.Context(), src, test.req)
				if err != nil {
					b.Fatal(err)
				}
				f.Release()
			}
		})
	}
}
