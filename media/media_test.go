package media_test

import (
	"testing"

	"github.com/frameport/frameport/media"
)

func TestPlanes(t *testing.T) {
	type size = media.PlaneSize
	tests := []struct {
		format media.PixelFormat
		w, h   int
		want   []size
	}{
		{media.PixelI420, 4, 2, []size{{4, 2}, {2, 1}, {2, 1}}},
		{media.PixelI420, 5, 3, []size{{5, 3}, {3, 2}, {3, 2}}},
		{media.PixelI420, 1, 1, []size{{1, 1}, {1, 1}, {1, 1}}},
		{media.PixelNV12, 4, 2, []size{{4, 2}, {4, 1}}},
		{media.PixelNV12, 5, 3, []size{{5, 3}, {6, 2}}},
		{media.PixelRGB24, 5, 3, []size{{15, 3}}},
		{media.PixelBGR24, 5, 3, []size{{15, 3}}},
		{media.PixelGray8, 5, 3, []size{{5, 3}}},
		{media.PixelUnknown, 5, 3, nil},
	}
	for _, test := range tests {
		planes, n := test.format.Planes(test.w, test.h)
		if n != len(test.want) {
			t.Errorf("%v: %d planes, want %d", test.format, n, len(test.want))
			continue
		}
		total := 0
		for i, want := range test.want {
			if planes[i] != want {
				t.Errorf("%v %dx%d: plane %d is %+v, want %+v", test.format, test.w, test.h, i, planes[i], want)
			}
			total += want.RowBytes * want.Rows
		}
		for i := n; i < len(planes); i++ {
			if planes[i] != (size{}) {
				t.Errorf("%v: unused plane %d is %+v", test.format, i, planes[i])
			}
		}
		if got := test.format.Size(test.w, test.h); got != total {
			t.Errorf("%v %dx%d: size %d, want %d", test.format, test.w, test.h, got, total)
		}
	}
}

func TestColor(t *testing.T) {
	open, full := media.Color{}, media.Color{Range: media.RangeFull}
	bt709 := media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
	bt601 := media.Color{Matrix: media.MatrixBT601, Range: media.RangeLimited}
	tests := []struct {
		name      string
		got, want media.Color
	}{
		{"untagged HD", open.Resolve(720), bt709},
		{"untagged SD", open.Resolve(719), bt601},
		{"only the range is tagged", full.Resolve(1080), media.Color{Matrix: media.MatrixBT709, Range: media.RangeFull}},
		{"tagged", bt601.Resolve(2160), bt601},
		{"override of nothing", bt709.Override(open), bt709},
		{"override of the range", bt709.Override(full), media.Color{Matrix: media.MatrixBT709, Range: media.RangeFull}},
		{"override of all", bt709.Override(media.JFIF()), media.Color{Matrix: media.MatrixBT601, Range: media.RangeFull}},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, test.got, test.want)
		}
	}
}

// TestNames: these strings are on the wire and in logs.
func TestNames(t *testing.T) {
	tests := map[string]interface{ String() string }{
		"H264": media.CodecH264, "H265": media.CodecH265, "MJPEG": media.CodecMJPEG,
		"I420": media.PixelI420, "NV12": media.PixelNV12, "RGB24": media.PixelRGB24, "BGR24": media.PixelBGR24, "GRAY8": media.PixelGray8,
		"BT601": media.MatrixBT601, "BT709": media.MatrixBT709, "BT2020": media.MatrixBT2020,
		"limited": media.RangeLimited, "full": media.RangeFull,
		"RTCP": media.ClockRTCP, "ARRIVAL": media.ClockArrival,
	}
	for want, v := range tests {
		if got := v.String(); got != want {
			t.Errorf("%T: %q, want %q", v, got, want)
		}
	}
}
