package camsim

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// RTP payload types (RFC 3551) and tracks.
const (
	payloadPCMU    = 0
	payloadJPEG    = 26
	payloadDynamic = 96

	trackVideo = 0
	trackAudio = 1
)

func videoPayloadType(c media.Codec) byte {
	if c == media.CodecMJPEG {
		return payloadJPEG
	}
	return payloadDynamic
}

// sdp returns the session description (RFC 4566).
func sdp(host string, c *testvideo.Clip, fps float64, audio bool, b *Behaviour) string {
	if b.RawSDP != "" {
		return b.RawSDP
	}
	family := "IP4"
	if strings.Contains(host, ":") {
		family = "IP6"
	}
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\r\n", args...) }
	line("v=0")
	line("o=- 1 1 IN %s %s", family, host)
	line("s=Frameport simulated camera")
	line("c=IN IP4 0.0.0.0")
	line("t=0 0")
	line("a=control:*")
	line("a=range:npt=now-")
	switch b.SDP {
	case SDPAudioOnly:
		audio = true
	case SDPEmpty:
		audio = false
	case SDPUnsupported:
		line("m=video 0 RTP/AVP %d", payloadDynamic)
		line("a=rtpmap:%d H266/90000", payloadDynamic)
		line("a=control:trackID=%d", trackVideo)
	default:
		line("m=video 0 RTP/AVP %d", videoPayloadType(c.Codec))
		videoLines(line, c, fps, b)
		line("a=control:trackID=%d", trackVideo)
	}
	if audio {
		line("m=audio 0 RTP/AVP %d", payloadPCMU)
		line("a=rtpmap:%d PCMU/8000", payloadPCMU)
		line("a=control:trackID=%d", trackAudio)
	}
	return s.String()
}

func videoLines(line func(string, ...any), c *testvideo.Clip, fps float64, b *Behaviour) {
	b64 := base64.StdEncoding.EncodeToString
	sps := c.SPS
	if b.HugePicture {
		sps = hugeSPS(c.Codec)
	}
	switch c.Codec {
	case media.CodecH264:
		line("a=rtpmap:%d H264/90000", payloadDynamic)
		text := fmt.Sprintf("a=fmtp:%d packetization-mode=1", payloadDynamic)
		switch b.SDP {
		case SDPNoParameters:
		case SDPInvalidParameters:
			text += "; sprop-parameter-sets=%%%,Z0I=,!"
		default:
			text += fmt.Sprintf("; profile-level-id=%X; sprop-parameter-sets=%s,%s", sps[1:4], b64(sps), b64(c.PPS))
		}
		line("%s", text)
	case media.CodecH265:
		line("a=rtpmap:%d H265/90000", payloadDynamic)
		switch b.SDP {
		case SDPNoParameters:
		case SDPInvalidParameters:
			line("a=fmtp:%d sprop-vps=%%%%%%; sprop-sps=QgE=; sprop-pps=!", payloadDynamic)
		default:
			line("a=fmtp:%d sprop-vps=%s; sprop-sps=%s; sprop-pps=%s", payloadDynamic, b64(c.VPS), b64(sps), b64(c.PPS))
		}
	case media.CodecVP8, media.CodecVP9:
		line("a=rtpmap:%d %s/90000", payloadDynamic, c.Codec)
	case media.CodecMJPEG:
		line("a=rtpmap:%d JPEG/90000", payloadJPEG)
		w, h := c.Width, c.Height
		if b.HugePicture {
			w, h = 16384, 16384
		}
		if max(w, h) > maxJPEGSize && b.SDP != SDPNoParameters {
			line("a=x-dimensions:%d,%d", w, h)
		}
	}
	line("a=framerate:%g", fps)
}
