package rtsp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// videoTrack is the track that was chosen.
type videoTrack struct {
	formats        []videoFormat // at least one
	secure         bool          // RTP/SAVP
	keyMgmt        string        // a=key-mgmt, "" = none
	sessionKeyMgmt string
	sessionControl string
	control        string
	frameRate      float64 // a=framerate, 0 = not said
}

// videoFormat is one payload type of the chosen track.
type videoFormat struct {
	payloadType   uint8
	codec         media.Codec
	clockRate     int
	sets          [][]byte // parameter sets, raw NAL units
	donl          bool     // H.265 packets carry decoding order numbers
	singleNAL     bool     // H.264 packetization-mode 0, or none given
	width, height int      // MJPEG size hint, 0 = none
}

// chooseVideo picks the first video track that can be decoded. Tracks marked
// sendonly (ONVIF back channels) or inactive are taken only when there is no other:
// some cameras mark their one video track that way.
func (s *sdpSession) chooseVideo() (*videoTrack, error) {
	var spare *videoTrack
	var refused, others []string
	for i := range s.tracks {
		t := &s.tracks[i]
		if t.kind != "video" {
			others = append(others, s.describe(t))
			continue
		}
		formats := s.formats(t)
		if len(formats) == 0 {
			refused = append(refused, s.describe(t))
			continue
		}
		v := s.track(t, formats)
		if !hasAttr(t.attrs, "sendonly") && !hasAttr(t.attrs, "inactive") {
			return v, nil
		}
		if spare == nil {
			spare = v
		}
	}
	switch {
	case spare != nil:
		return spare, nil
	case len(refused) > 0:
		return nil, fault.New(fault.Unsupported, "describe", fmt.Errorf(
			"the camera's video can't be decoded here, it offers %s: set the camera to H.264, H.265, MJPEG, VP8 or VP9", list(refused)))
	case len(others) > 0:
		return nil, fault.New(fault.Unsupported, "describe", fmt.Errorf(
			"the camera's stream has no video track, only %s: check the path of the URL", list(others)))
	default:
		return nil, fault.New(fault.Unsupported, "describe", fmt.Errorf(
			"the camera describes a stream without any track: check the path of the URL"))
	}
}

func list(names []string) string {
	if len(names) > 8 {
		names = append(names[:8:8], "and more")
	}
	return strings.Join(names, ", ")
}

// describe names a track for people: "audio PCMU".
func (s *sdpSession) describe(t *sdpTrack) string {
	kind := t.kind
	if kind == "" {
		kind = "nameless track"
	}
	for _, pt := range t.numbers() {
		name, _, _ := strings.Cut(s.payloadAttr(t, "rtpmap", pt), "/")
		if name != "" {
			kind += " " + strings.ToUpper(name)
		} else {
			kind += fmt.Sprintf(" payload type %d", pt)
		}
	}
	return clean(kind, 80)
}

func (s *sdpSession) track(t *sdpTrack, formats []videoFormat) *videoTrack {
	v := &videoTrack{
		formats:        formats,
		secure:         strings.Contains(t.proto, "SAVP"),
		keyMgmt:        attrOf(t.attrs, "key-mgmt"),
		sessionKeyMgmt: attrOf(s.attrs, "key-mgmt"),
		sessionControl: attrOf(s.attrs, "control"),
		control:        attrOf(t.attrs, "control"),
	}
	for _, key := range []string{"framerate", "x-framerate"} {
		if rate, err := strconv.ParseFloat(attrOf(t.attrs, key), 64); err == nil && rate > 0 && !math.IsInf(rate, 0) {
			v.frameRate = rate
			break
		}
	}
	return v
}

// formats returns the payload types of t that can be decoded, in the track's order.
func (s *sdpSession) formats(t *sdpTrack) []videoFormat {
	var out []videoFormat
	for _, pt := range t.numbers() {
		f := videoFormat{payloadType: pt, clockRate: 90000}
		name, rest, _ := strings.Cut(s.payloadAttr(t, "rtpmap", pt), "/")
		params := parseFMTP(s.payloadAttr(t, "fmtp", pt))
		if f.codec = codecOf(name, pt, params); f.codec == media.CodecUnknown {
			continue
		}
		clock, _, _ := strings.Cut(rest, "/")
		if n, err := strconv.ParseUint(strings.TrimSpace(clock), 10, 31); err == nil && n >= 1000 {
			f.clockRate = int(n)
		}
		switch f.codec {
		case media.CodecH264:
			f.sets = parameterSets(params["sprop-parameter-sets"])
			f.singleNAL = params["packetization-mode"] == "" || params["packetization-mode"] == "0"
		case media.CodecH265:
			f.sets = parameterSets(params["sprop-vps"], params["sprop-sps"], params["sprop-pps"])
			n, err := strconv.ParseUint(params["sprop-max-don-diff"], 10, 16)
			f.donl = err == nil && n > 0
		case media.CodecMJPEG:
			f.width, f.height = t.dimensions(pt)
		}
		out = append(out, f)
	}
	return out
}

func codecOf(name string, pt uint8, params map[string]string) media.Codec {
	switch strings.ToUpper(strings.TrimSpace(name)) {
	case "H264":
		return media.CodecH264
	case "H265", "HEVC":
		return media.CodecH265
	case "JPEG":
		return media.CodecMJPEG
	case "VP8":
		return media.CodecVP8
	case "VP9":
		return media.CodecVP9
	case "":
	default:
		return media.CodecUnknown
	}
	// no rtpmap: a static payload type, or the parameters give it away
	switch {
	case pt == 26:
		return media.CodecMJPEG
	case params["sprop-vps"] != "" || params["sprop-sps"] != "":
		return media.CodecH265
	case params["sprop-parameter-sets"] != "" || params["packetization-mode"] != "":
		return media.CodecH264
	default:
		return media.CodecUnknown
	}
}

func parseFMTP(s string) map[string]string {
	params := make(map[string]string)
	for kv := range strings.SplitSeq(s, ";") {
		k, v, ok := strings.Cut(kv, "=")
		if ok {
			params[strings.ToLower(strings.TrimSpace(k))] = strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return params
}

// parameterSets decodes comma-separated lists of parameter sets. What each of
// them is, rtpdepay finds out.
func parameterSets(lists ...string) [][]byte {
	var out [][]byte
	for _, l := range lists {
		for part := range strings.SplitSeq(l, ",") {
			if set := decodeSet(part); set != nil && len(out) < maxParameterSets {
				out = append(out, set)
			}
		}
	}
	return out
}

// decodeSet decodes base64 with or without padding. Rubbish gives nil.
func decodeSet(s string) []byte {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(s), "="))
	if err != nil || len(raw) == 0 {
		return nil
	}
	return raw
}

// dimensions reads "a=framesize:26 2560-1440" and "a=x-dimensions:2560,1440".
func (t *sdpTrack) dimensions(pt uint8) (w, h int) {
	size, ok := t.payloadAttr("framesize", pt)
	if !ok {
		size = attrOf(t.attrs, "x-dimensions")
	}
	a, b, ok := strings.Cut(strings.ReplaceAll(size, ",", "-"), "-")
	if !ok {
		return 0, 0
	}
	w, errW := strconv.Atoi(strings.TrimSpace(a))
	h, errH := strconv.Atoi(strings.TrimSpace(b))
	if errW != nil || errH != nil || w < 1 || h < 1 || w > 65535 || h > 65535 {
		return 0, 0
	}
	return w, h
}

// write returns the description gortsplib gets: the chosen track alone, with the
// control URL that has been resolved. See Note: [SDP salvage].
//
// packetization-mode is always written as 1: the depacketiser believes the
// packets, and whether UDP is wise with mode 0 has been decided before.
func (v *videoTrack) write(control string) []byte {
	var b bytes.Buffer
	b.WriteString("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n")
	if v.secure && v.sessionKeyMgmt != "" {
		fmt.Fprintf(&b, "a=key-mgmt:%s\r\n", v.sessionKeyMgmt)
	}
	profile := "RTP/AVP"
	if v.secure {
		profile = "RTP/SAVP"
	}
	fmt.Fprintf(&b, "m=video 0 %s", profile)
	for _, f := range v.formats {
		fmt.Fprintf(&b, " %d", f.payloadType)
	}
	b.WriteString("\r\n")
	if v.secure && v.keyMgmt != "" {
		fmt.Fprintf(&b, "a=key-mgmt:%s\r\n", v.keyMgmt)
	}
	for _, f := range v.formats {
		name := f.codec.String()
		if f.codec == media.CodecMJPEG {
			name = "JPEG"
		}
		fmt.Fprintf(&b, "a=rtpmap:%d %s/%d\r\n", f.payloadType, name, f.clockRate)
		if f.codec == media.CodecH264 {
			fmt.Fprintf(&b, "a=fmtp:%d packetization-mode=1\r\n", f.payloadType)
		}
	}
	fmt.Fprintf(&b, "a=control:%s\r\n", control)
	return b.Bytes()
}
