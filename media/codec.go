package media

// Codec is a video compression format, by the name its standard uses.
type Codec uint8

// The codecs an RTSP camera can be expected to send. The zero value is unknown.
const (
	CodecUnknown Codec = iota
	CodecH264          // ITU-T H.264, access units in Annex B form
	CodecH265          // ITU-T H.265 (HEVC), access units in Annex B form
	CodecMJPEG         // one baseline JPEG picture (JFIF) per access unit
	CodecVP8           // RFC 6386, one frame per access unit
	CodecVP9           // VP9, one frame or superframe per access unit
)

// String returns the name shown to people and put on the wire ("H264").
func (c Codec) String() string {
	switch c {
	case CodecH264:
		return "H264"
	case CodecH265:
		return "H265"
	case CodecMJPEG:
		return "MJPEG"
	case CodecVP8:
		return "VP8"
	case CodecVP9:
		return "VP9"
	default:
		return "unknown"
	}
}
