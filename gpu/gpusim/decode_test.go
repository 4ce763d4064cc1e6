package gpusim_test

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/media/vpx"
)

// mapped is one frame that simtest wrote.
type mapped struct {
	width, height, sample, status uint32
	timestamp                     int64
	data                          []byte
}

// packets is the input of simtest decode. Frames of superframes go one by one.
func packets(units []testvideo.Unit) []byte {
	var out []byte
	for _, u := range units {
		for frame := range vpx.Frames(u.Data) { // H.264 and H.265 end otherwise
			out = binary.LittleEndian.AppendUint32(out, uint32(len(frame)))
			out = binary.LittleEndian.AppendUint64(out, uint64(1000+u.Frame))
			out = append(out, frame...)
		}
	}
	return out
}

func frames(t *testing.T, raw []byte) (list []mapped) {
	t.Helper()
	for len(raw) > 0 {
		var m mapped
		m.width, m.height = binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:])
		m.sample, m.status = binary.LittleEndian.Uint32(raw[8:]), binary.LittleEndian.Uint32(raw[12:])
		m.timestamp = int64(binary.LittleEndian.Uint64(raw[16:]))
		n := int(m.width*m.height*m.sample) / 2 * 3
		m.data, raw = raw[24:24+n], raw[24+n:]
		list = append(list, m)
	}
	return list
}

// planar is a mapped frame as FFmpeg writes it: three planes of w x h pixels, which
// may be one less than what was mapped, and 10-bit samples in the low bits.
func (m mapped) planar(w, h int) []byte {
	s, pitch := int(m.sample), int(m.width*m.sample)
	var out []byte
	for y := range h {
		out = append(out, m.data[y*pitch:][:w*s]...)
	}
	chroma := m.data[pitch*int(m.height):]
	for component := range 2 {
		for y := range (h + 1) / 2 {
			for x := range (w + 1) / 2 {
				out = append(out, chroma[y*pitch+(2*x+component)*s:][:s]...)
			}
		}
	}
	if s == 2 {
		for i := 0; i < len(out); i += 2 {
			binary.LittleEndian.PutUint16(out[i:], binary.LittleEndian.Uint16(out[i:])>>6)
		}
	}
	return out
}

func codecName(c media.Codec) string {
	switch c {
	case media.CodecH264:
		return "h264"
	case media.CodecH265:
		return "hevc"
	case media.CodecVP8:
		return "vp8"
	case media.CodecVP9:
		return "vp9"
	default:
		return "jpeg"
	}
}

// TestDecode compares every picture of every clip that the card can decode with the
// committed hashes, as packets with whole pictures and some also as a stream of bytes.
func TestDecode(t *testing.T) {
	for _, name := range testvideo.Names() {
		clip, err := testvideo.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if clip.Codec == media.CodecMJPEG {
			continue // no exact hashes, see below
		}
		if testing.Short() && clip.Height >= 720 {
			continue // most of the pixels, and nothing that smaller clips do not have
		}
		golden, err := testvideo.Golden(name)
		if err != nil {
			t.Fatal(err)
		}
		modes := []string{"whole"}
		if strings.Contains(name, "bframes") || strings.Contains(name, "slices") {
			modes = append(modes, "pieces")
		}
		for _, mode := range modes {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				status, out, log := simtest(t, nil, packets(clip.Units), "decode", codecName(clip.Codec), mode)
				if status != 0 {
					t.Fatalf("exit status %d:\n%s", status, log)
				}
				if supported := golden.PixFmt == "yuv420p" || golden.PixFmt == "yuvj420p" || ((clip.Codec == media.CodecH265 || clip.Codec == media.CodecVP9) && golden.PixFmt == "yuv420p10le"); !supported {
					if !strings.Contains(string(log), "unsupported") {
						t.Errorf("%s of %s should not be supported:\n%s", golden.PixFmt, clip.Codec, log)
					}
					return
				}
				got := frames(t, out)
				if len(got) != len(golden.MD5) {
					t.Fatalf("%d frames, want %d:\n%s", len(got), len(golden.MD5), log)
				}
				for i, m := range got {
					if m.timestamp != int64(1000+i) {
						t.Fatalf("frame %d has timestamp %d: the display order is wrong", i, m.timestamp)
					}
					known := clip.Codec == media.CodecH264 || clip.Codec == media.CodecH265
					if known && m.status != 2 {
						t.Errorf("frame %d has decode status %d", i, m.status)
					}
					sum := md5.Sum(m.planar(clip.Width, clip.Height))
					if hex.EncodeToString(sum[:]) != golden.MD5[i] {
						t.Fatalf("frame %d differs from the golden one (%dx%d)", i, m.width, m.height)
					}
				}
			})
		}
	}
}

// TestDecodeMJPEG: every picture comes out, in even size.
func TestDecodeMJPEG(t *testing.T) {
	clip, err := testvideo.Load("mjpeg_480p")
	if err != nil {
		t.Fatal(err)
	}
	status, out, log := simtest(t, nil, packets(clip.Units), "decode", "jpeg")
	got := frames(t, out)
	if status != 0 || len(got) != len(clip.Units) {
		t.Fatalf("exit status %d, %d frames of %d:\n%s", status, len(got), len(clip.Units), log)
	}
	if !strings.Contains(string(log), "sequences 1 ") {
		t.Errorf("a sequence is announced for every picture: %s", log)
	}
}

// TestDecodeScaled: the decoder crops and scales into the size that is asked for.
func TestDecodeScaled(t *testing.T) {
	clip, err := testvideo.Load("color_red")
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) []mapped {
		status, out, log := simtest(t, nil, packets(clip.Units[:2]), append([]string{"decode", "h264"}, args...)...)
		if status != 0 {
			t.Fatalf("exit status %d:\n%s", status, log)
		}
		return frames(t, out)
	}
	large, small := run(), run("64", "36")
	if small[0].width != 64 || small[0].height != 36 {
		t.Fatalf("the frame is %dx%d", small[0].width, small[0].height)
	}
	n := int(large[0].width * large[0].height)
	want := []byte{large[0].data[n/2], large[0].data[n], large[0].data[n+1]}
	if got := []byte{small[0].data[64*18], small[0].data[64*36], small[0].data[64*36+1]}; !bytes.Equal(got, want) {
		t.Errorf("the colour became %v, it was %v", got, want)
	}
}

// TestDecodeAfterEnd: an end of stream in the middle shows what is left, and then
// nothing comes before the next sequence header.
func TestDecodeAfterEnd(t *testing.T) {
	clip, err := testvideo.Load("h264_720p")
	if err != nil {
		t.Fatal(err)
	}
	in := packets(clip.Units[:5])
	in = append(in, make([]byte, 12)...)                      // end of stream
	in = append(in, packets(clip.Units[5:8])...)              // without a header: dropped
	in = append(in, packets(clip.Units[:4])...)               // from the top
	status, out, log := simtest(t, nil, in, "decode", "h264") // ENDOFPICTURE
	if status != 0 {
		t.Fatalf("exit status %d:\n%s", status, log)
	}
	var times []string
	for _, m := range frames(t, out) {
		times = append(times, fmt.Sprint(m.timestamp-1000))
	}
	if got, want := strings.Join(times, " "), "0 1 2 3 4 0 1 2 3"; got != want {
		t.Errorf("frames %s, want %s\n%s", got, want, log)
	}
}

// TestDecodingTimes: times of decoding are taken for what they are, and come out in
// rising order, not with their pictures.
func TestDecodingTimes(t *testing.T) {
	t.Parallel()
	clip, err := testvideo.Load("h264_bframes")
	if err != nil {
		t.Fatal(err)
	}
	units := slices.Clone(clip.Units)
	for i := range units {
		units[i].Frame = i
	}
	status, out, log := simtest(t, nil, packets(units), "decode", "h264")
	if status != 0 {
		t.Fatalf("exit status %d:\n%s", status, log)
	}
	for i, m := range frames(t, out) {
		if m.timestamp != int64(1000+i) {
			t.Fatalf("frame %d has timestamp %d, want them sorted", i, m.timestamp)
		}
	}
}
