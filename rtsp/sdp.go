package rtsp

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Note: [SDP salvage]
//
// Cameras write session descriptions that no strict parser accepts: "c=IN",
// several "s=", no "o=", a port of -1353744643, an audio track without a clock
// rate. Each of them has made some client refuse a stream over a line it did not
// need. So the description is read here for what is needed and nothing else:
// m= lines and the rtpmap, fmtp, control and direction attributes below them. One
// video track is chosen, and gortsplib is given a freshly written description of
// that track alone, which its own parser cannot stumble over.

const (
	maxSDPTracks     = 64
	maxSDPAttrs      = 256 // per track
	maxParameterSets = 16
)

// sdpTrack is one m= section.
type sdpTrack struct {
	kind     string // "video", in lower case
	proto    string
	payloads []string
	attrs    []sdpAttr
}

type sdpAttr struct{ key, value string }

// sdpSession is what is kept of a session description.
type sdpSession struct {
	attrs  []sdpAttr // above the first m= line
	tracks []sdpTrack
}

// parseSDP reads a description leniently. It never fails: what cannot be
// understood is left out.
func parseSDP(text []byte) sdpSession {
	var s sdpSession
	attrs := &s.attrs
	for line := range bytes.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "m":
			if len(s.tracks) == maxSDPTracks {
				return s
			}
			s.tracks = append(s.tracks, parseMediaLine(value))
			attrs = &s.tracks[len(s.tracks)-1].attrs
		case "a":
			if len(*attrs) < maxSDPAttrs {
				name, rest, _ := strings.Cut(value, ":")
				*attrs = append(*attrs, sdpAttr{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(rest)})
			}
		}
	}
	return s
}

// parseMediaLine reads "video 0 RTP/AVP 96 98"; missing parts stay empty.
func parseMediaLine(s string) sdpTrack {
	fields := strings.Fields(s)
	var t sdpTrack
	if len(fields) > 0 {
		t.kind = strings.ToLower(fields[0])
	}
	if len(fields) > 2 {
		t.proto = strings.ToUpper(fields[2])
		t.payloads = fields[3:]
	}
	return t
}

func attrOf(attrs []sdpAttr, key string) string {
	for _, a := range attrs {
		if a.key == key {
			return a.value
		}
	}
	return ""
}

func hasAttr(attrs []sdpAttr, key string) bool {
	for _, a := range attrs {
		if a.key == key {
			return true
		}
	}
	return false
}

// payloadAttr returns the rest of "key:pt rest", first from the track itself and
// then from any other: some cameras put the fmtp of the video below the audio.
func (s *sdpSession) payloadAttr(t *sdpTrack, key string, pt uint8) string {
	if v, ok := t.payloadAttr(key, pt); ok {
		return v
	}
	for i := range s.tracks {
		other := &s.tracks[i]
		if other == t || other.lists(pt) {
			continue
		}
		if v, ok := other.payloadAttr(key, pt); ok {
			return v
		}
	}
	return ""
}

func (t *sdpTrack) payloadAttr(key string, pt uint8) (string, bool) {
	for _, a := range t.attrs {
		if a.key != key {
			continue
		}
		number, rest, _ := strings.Cut(a.value, " ") // a.value is trimmed
		if n, err := strconv.ParseUint(number, 10, 8); err == nil && uint8(n) == pt {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

func (t *sdpTrack) lists(pt uint8) bool {
	for _, p := range t.numbers() {
		if p == pt {
			return true
		}
	}
	return false
}

// numbers returns the payload types of the track. Where the m= line names none
// that is a number ("smart/1/90000", or nothing at all) the rtpmaps do.
func (t *sdpTrack) numbers() []uint8 {
	var out []uint8
	for _, p := range t.payloads {
		if n, err := strconv.ParseUint(p, 10, 7); err == nil && !slices.Contains(out, uint8(n)) {
			out = append(out, uint8(n))
		}
	}
	if out != nil {
		return out
	}
	for _, a := range t.attrs {
		if a.key != "rtpmap" {
			continue
		}
		number, _, _ := strings.Cut(a.value, " ")
		if n, err := strconv.ParseUint(number, 10, 7); err == nil && !slices.Contains(out, uint8(n)) {
			out = append(out, uint8(n))
		}
	}
	return out
}
