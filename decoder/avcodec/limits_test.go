package avcodec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/asticode/go-astiav"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// TestDefaultLimits: pictures of 8192 pixels a side and of up to 36 million in all are
// decoded. Those of the next size never reach libavcodec, and if they did, its callbacks
// would refuse them before they take memory.
func TestDefaultLimits(t *testing.T) {
	// What a side is a multiple of.
	for codec, step := range map[media.Codec]int{media.CodecH264: 16, media.CodecH265: 8, media.CodecMJPEG: 1, media.CodecVP8: 1} {
		tallest := 36_000_000 / 8192 / step * step // that is as wide as can be
		for _, size := range []struct {
			w, h int
			fits bool
		}{
			{8192, 128, true},
			{8192 + step, 128, false},
			{128, 8192, true},
			{128, 8192 + step, false},
			{8192, tallest, true},
			{8192, tallest + step, false},
		} {
			t.Run(fmt.Sprintf("%v %dx%d", codec, size.w, size.h), func(t *testing.T) {
				data := enlarged(t, codec, size.w, size.h)
				if size.fits {
					fits(t, codec, data, size.w, size.h)
				} else {
					tooLarge(t, codec, data, size.w, size.h)
				}
			})
		}
	}
}

// fits: a picture comes out. It is grey for the most part, as the stream is of a small one.
func fits(t *testing.T, codec media.Codec, data []byte, w, h int) {
	t.Helper()
	var account frame.Account
	format := media.Format{Codec: codec}
	d, err := New(decoder.Config{Format: format, Account: &account})
	if err != nil {
		t.Fatal(err)
	}
	frames := 0
	emit := func(f *frame.Frame) error {
		frames++
		if f.Width != w || f.Height != h || account.Bytes() < int64(w*h*3/2) {
			t.Errorf("%dx%d, %d bytes", f.Width, f.Height, account.Bytes())
		}
		return nil
	}
	err = d.Decode(t.Context(), &media.AccessUnit{Format: &format, Data: data, RandomAccess: true}, emit)
	if err != nil && !errors.Is(err, decoder.ErrCorrupt) {
		t.Error(err)
	}
	if err := d.Drain(t.Context(), emit); err != nil || frames != 1 {
		t.Errorf("%d frames, %v", frames, err)
	}
	if err := d.Close(); err != nil || account.Bytes() != 0 {
		t.Errorf("%v, %d bytes are left", err, account.Bytes())
	}
}

func tooLarge(t *testing.T, codec media.Codec, data []byte, w, h int) {
	t.Helper()
	var account frame.Account
	format := media.Format{Codec: codec}
	d, err := New(decoder.Config{Format: format, Account: &account})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Decode(t.Context(), &media.AccessUnit{Format: &format, Data: data, RandomAccess: true}, func(*frame.Frame) error { return nil })
	if !errors.Is(err, decoder.ErrTooLarge) || !strings.Contains(err.Error(), fmt.Sprintf("%dx%d", w, h)) {
		t.Error(err)
	}
	if account.Bytes() != 0 || d.Spent() != 0 {
		t.Errorf("%d bytes; libavcodec worked for %v", account.Bytes(), d.Spent())
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}

	n, err := newNative(find(codec), decoder.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	out := astiav.AllocFrame()
	defer out.Free()
	got := n.send(data, 1, false, out)
	if o := n.outcome(); got || !o.tooLarge || o.width != w || o.height != h || n.info().codedW != 0 {
		t.Errorf("libavcodec: picture %v, outcome %+v, a buffer %d wide", got, o, n.info().codedW)
	}
}

// enlarged is the first access unit of a clip, which now says that it is of another size.
func enlarged(t *testing.T, codec media.Codec, w, h int) []byte {
	t.Helper()
	name := map[media.Codec]string{media.CodecH264: "h264_720p", media.CodecH265: "h265_720p", media.CodecMJPEG: "mjpeg_480p", media.CodecVP8: "vp8_360p"}[codec]
	c, err := testvideo.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Clone(c.Units[0].Data)
	switch codec {
	case media.CodecH264: // pic_width_in_mbs_minus1, pic_height_in_map_units_minus1
		sps := respell(t, c.SPS, golomb(c.Width/16-1)+golomb(c.Height/16-1), golomb(w/16-1)+golomb(h/16-1))
		return bytes.Replace(data, c.SPS, sps, 1)
	case media.CodecH265: // pic_width_in_luma_samples, pic_height_in_luma_samples
		sps := respell(t, c.SPS, golomb(c.Width)+golomb(c.Height), golomb(w)+golomb(h))
		return bytes.Replace(data, c.SPS, sps, 1)
	case media.CodecVP8:
		binary.LittleEndian.PutUint16(data[6:], uint16(w))
		binary.LittleEndian.PutUint16(data[8:], uint16(h))
	default:
		i := bytes.Index(data, []byte{0xFF, 0xC0})
		binary.BigEndian.PutUint16(data[i+5:], uint16(h))
		binary.BigEndian.PutUint16(data[i+7:], uint16(w))
		data = append(data, make([]byte, w*h/256)...) // else libavcodec sees that it is too short
	}
	return data
}

// golomb is the Exp-Golomb code of a number (H.264, 9.1).
func golomb(n int) string {
	text := fmt.Sprintf("%b", n+1)
	return strings.Repeat("0", len(text)-1) + text
}

// respell replaces a run of bits, which must occur once in a NAL unit, by another one.
func respell(t *testing.T, nal []byte, old, with string) []byte {
	t.Helper()
	var text strings.Builder
	for _, b := range bytes.ReplaceAll(nal, []byte{0, 0, 3}, []byte{0, 0}) {
		fmt.Fprintf(&text, "%08b", b)
	}
	if n := strings.Count(text.String(), old); n != 1 {
		t.Fatalf("%s occurs %d times", old, n)
	}
	bits := strings.TrimRight(strings.Replace(text.String(), old, with, 1), "0")
	bits += strings.Repeat("0", (8-len(bits)%8)%8)
	var out []byte
	for ; bits != ""; bits = bits[8:] {
		var b byte
		for i := range 8 {
			b = b<<1 | (bits[i] - '0')
		}
		if bytes.HasSuffix(out, []byte{0, 0}) && b <= 3 {
			out = append(out, 3) // emulation prevention
		}
		out = append(out, b)
	}
	return out
}
