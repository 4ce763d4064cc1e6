package config

import (
	"time"

	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

// Transport is how RTP travels from the camera.
type Transport uint8

// TransportAuto tries UDP, falls back to TCP after 3 s without data, and
// remembers what worked. TransportHTTP and TransportWebSocket go through the camera's
// web server; TransportAuto never takes them.
const (
	TransportAuto Transport = iota
	TransportTCP
	TransportUDP
	TransportMulticast
	TransportHTTP
	TransportWebSocket
)

// TLSMode is how a camera's certificate is judged on rtsps.
type TLSMode uint8

// TLSVerify checks the chain and the name; TLSPin accepts exactly one
// certificate by its SHA-256; TLSInsecure accepts any and is shown in the status.
const (
	TLSVerify TLSMode = iota
	TLSPin
	TLSInsecure
)

// DecodeMode is which access units become frames.
type DecodeMode uint8

// DecodeOnDemand is known and refused: it arrives with a later release.
const (
	DecodeAll DecodeMode = iota
	DecodeSkipNonReference
	DecodeKeyframes
	DecodeOnDemand
	DecodeNone
)

// BackendKind is what decodes a camera.
type BackendKind uint8

// BackendAuto takes CUDA where it works and the CPU elsewhere.
const (
	BackendAuto BackendKind = iota
	BackendCUDA
	BackendCPU
)

// Camera is the specification of one camera: what an operator asks for. It is a
// value; Labels is copied where it is kept.
type Camera struct {
	// URL is rtsp:// or rtsps:// without user info: credentials that came inside
	// the URL have been moved to Username and Password.
	URL       string
	Username  string
	Password  secret.String
	Transport Transport
	TLS       TLS
	Labels    map[string]string
	Decode    DecodePolicy
	Frame     FramePolicy
	Backend   BackendKind
	Device    string // GPU ordinal or UUID; empty = the worker chooses
}

// TLS is how rtsps certificates are judged.
type TLS struct {
	Mode TLSMode
	// PinSHA256 is the SHA-256 of the certificate (DER) in hexadecimal.
	PinSHA256 string
}

// DecodePolicy bounds the decoding work.
type DecodePolicy struct {
	Mode   DecodeMode
	MaxFPS float64 // frames published per second at most; 0 = all
	// Linger is for ON_DEMAND: how long to go on decoding after the last reader.
	Linger time.Duration
}

// FramePolicy shapes the frames in the ring.
type FramePolicy struct {
	MaxWidth, MaxHeight int         // pixels; 0 = as the camera sends
	RingSize            int         // frames kept, 1 to 64; 0 = 4
	Color               media.Color // overrides the stream's, part by part
}
