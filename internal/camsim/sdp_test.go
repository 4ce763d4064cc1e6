package camsim

import (
	"strings"
	"testing"

	"github.com/frameport/frameport/media"
)

func TestDescriptions(t *testing.T) {
	s := start(t, Config{})
	for _, tc := range []struct {
		name, clip string
		b          Behaviour
		audio      bool
		has, lacks string // separated by spaces, \x00 is one
	}{
		{"h264", "h264_720p", Behaviour{}, false, "m=video H264/90000 packetization-mode=1 sprop-parameter-sets=Z2 a=framerate:25", "m=audio"},
		{"h265", "h265_720p", Behaviour{}, true, "H265/90000 sprop-vps=Q sprop-sps=Q sprop-pps=R m=audio PCMU/8000", "H264"},
		{"jpeg", "mjpeg_480p", Behaviour{}, false, "RTP/AVP\x0026 a=rtpmap:26\x00JPEG/90000", "x-dimensions"},
		{"large jpeg", "mjpeg_1440p", Behaviour{}, false, "a=x-dimensions:2560,1440", ""},
		{"vp8", "vp8_360p", Behaviour{}, false, "RTP/AVP\x0096 a=rtpmap:96\x00VP8/90000", "fmtp"},
		{"vp9", "vp9_360p", Behaviour{}, true, "RTP/AVP\x0096 a=rtpmap:96\x00VP9/90000", "fmtp"},
		{"no parameters", "h264_720p", Behaviour{SDP: SDPNoParameters}, false, "H264/90000", "sprop"},
		{"no parameters", "h265_720p", Behaviour{SDP: SDPNoParameters}, false, "H265/90000", "sprop"},
		{"invalid", "h264_720p", Behaviour{SDP: SDPInvalidParameters}, false, "sprop-parameter-sets=%%%,", ""},
		{"invalid", "h265_720p", Behaviour{SDP: SDPInvalidParameters}, false, "sprop-vps=%%%;", ""},
		{"audio only", "h264_720p", Behaviour{SDP: SDPAudioOnly}, false, "m=audio", "m=video"},
		{"unsupported", "h264_720p", Behaviour{SDP: SDPUnsupported}, false, "m=video H266/90000", "H264"},
		{"empty", "h264_720p", Behaviour{SDP: SDPEmpty}, true, "v=0", "m="},
		{"huge jpeg", "mjpeg_480p", Behaviour{HugePicture: true}, false, "a=x-dimensions:16384,16384", ""},
		{"raw", "h264_720p", Behaviour{RawSDP: "nonsense"}, true, "nonsense", "v=0"},
	} {
		t.Run(tc.name+" "+tc.clip, func(t *testing.T) {
			h := add(t, s, tc.clip+strings.ReplaceAll(tc.name, " ", ""), Camera{Clip: load(t, tc.clip), Audio: tc.audio, Behaviour: tc.b})
			body := dial(t, h).do(200, "DESCRIBE", h.URL()).body
			for _, want := range strings.Fields(tc.has) {
				if want = strings.ReplaceAll(want, "\x00", " "); !strings.Contains(body, want) {
					t.Errorf("no %q in\n%s", want, body)
				}
			}
			for _, not := range strings.Fields(tc.lacks) {
				if strings.Contains(body, not) {
					t.Errorf("%q in\n%s", not, body)
				}
			}
		})
	}
}

// Exp-Golomb codes at the places where the standards put width and height.
func TestHugeSPS(t *testing.T) {
	for codec, want := range map[media.Codec][2]uint64{media.CodecH264: {1023, 1023}, media.CodecH265: {16384, 16384}} {
		sps := hugeSPS(codec)
		var raw []byte
		for i, b := range sps {
			if i >= 2 && b == 3 && sps[i-1] == 0 && sps[i-2] == 0 {
				continue
			}
			raw = append(raw, b)
		}
		at := 8 + 24 // header, profile and level
		skip := 4    // ids, frame numbers, POC type, references
		if codec == media.CodecH265 {
			at, skip = 16+8+96, 2
		}
		ue := func() uint64 {
			zeros := 0
			for raw[at/8]>>(7-at%8)&1 == 0 {
				zeros++
				at++
			}
			var v uint64
			for range zeros + 1 {
				v = v<<1 | uint64(raw[at/8]>>(7-at%8)&1)
				at++
			}
			return v - 1
		}
		for range skip {
			ue()
		}
		if codec == media.CodecH264 {
			at++ // gaps_in_frame_num_value_allowed_flag
		}
		if w, h := ue(), ue(); w != want[0] || h != want[1] {
			t.Errorf("%v: %d x %d in the SPS", codec, w, h)
		}
	}
}

func TestDescriptionHidesThePassword(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red")})
	c := dial(t, h)
	a := c.do(200, "DESCRIBE", strings.Replace(h.URL(), "rtsp://", "rtsp://admin:s3cret@", 1))
	if base := a.header.Get("Content-Base"); base != h.URL()+"/" {
		t.Errorf("base %q", base)
	}
}
