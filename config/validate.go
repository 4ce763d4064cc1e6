package config

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/frameport/frameport/media"
)

// Bounds of a camera's specification, as the API documents them.
const (
	maxURL      = 1900 // what package rtsp takes: cameras stop at a request line of 2048
	maxLogin    = 256
	maxLabels   = 64
	maxLabel    = 63
	maxFPS      = 1000
	maxLinger   = time.Hour
	maxSide     = 8192
	maxRingSize = 64
	pinDigits   = 64
	maxDevice   = 128
)

// Validate reports everything that is wrong with c as a [*Problems]. Call
// EnsureDefaults first. The URL is checked as far as its scheme and host; package
// rtsp judges the rest.
func (c Camera) Validate() error {
	p := &Problems{}
	c.validateURL(p)
	if len(c.Username) > maxLogin {
		p.Add("spec.credentials.username", ReasonCredentials, "is %d bytes long, %d are allowed", len(c.Username), maxLogin)
	}
	if hasControl(c.Username) {
		p.Add("spec.credentials.username", ReasonCredentials, "has a control character; remove it")
	}
	password := c.Password.Reveal()
	if len(password) > maxLogin {
		p.Add("spec.credentials.password", ReasonCredentials, "is longer than %d bytes", maxLogin)
	}
	if hasControl(password) {
		p.Add("spec.credentials.password", ReasonCredentials, "has a control character, often a line end from a file; remove it")
	}
	if password != "" && c.Username == "" {
		p.Add("spec.credentials.username", ReasonCredentials, "is empty, but there is a password; give the user name too")
	}
	if int(c.Transport) >= len(transportNames()) {
		p.Add("spec.transport", ReasonTransport, "is unknown (%d); use one of %s", c.Transport, strings.Join(transportNames(), ", "))
	}
	c.validateTLS(p)
	c.validateLabels(p)
	c.validateDecode(p)
	c.validateFrame(p)
	if int(c.Backend) >= len(backendKindNames()) {
		p.Add("spec.backend", ReasonBackend, "is unknown (%d); use one of %s", c.Backend, strings.Join(backendKindNames(), ", "))
	}
	switch {
	case c.Device != "" && c.Backend == BackendCPU:
		p.Add("spec.device", ReasonDevice, "names a GPU, but the backend is CPU; leave one of them out")
	case len(c.Device) > maxDevice || hasControl(c.Device):
		p.Add("spec.device", ReasonDevice, "is no GPU index or UUID; use the index (\"0\") or the UUID (\"GPU-…\") that frameport doctor shows")
	}
	return p.ErrorOrNil()
}

func (c Camera) validateURL(p *Problems) {
	const field = "spec.url"
	if c.URL == "" {
		p.Add(field, ReasonURL, "is empty; give the camera's address, for example rtsp://192.0.2.10/stream1")
		return
	}
	if len(c.URL) > maxURL {
		p.Add(field, ReasonURL, "is %d bytes long, %d are allowed", len(c.URL), maxURL)
		return
	}
	if hasControl(c.URL) || strings.ContainsAny(c.URL, " \t") {
		p.Add(field, ReasonURL, "has a space or a control character; encode it as %%20 or remove it")
		return
	}
	scheme, rest, ok := strings.Cut(c.URL, "://")
	switch {
	case !ok:
		p.Add(field, ReasonURL, "has no scheme; begin it with rtsp:// or rtsps://")
	case !validScheme(scheme):
		// Something else stands before "://", perhaps a login: don't repeat it.
		p.Add(field, ReasonURL, "has no valid scheme; begin it with rtsp:// or rtsps://")
	case slices.Contains([]string{"http", "https", "ws", "wss", "rtsph"}, strings.ToLower(scheme)):
		p.Add(field, ReasonURL, "has scheme %q, which is not supported; use rtsp or rtsps, also for a tunnel through the camera's web server: rtsp://host:80/path (rtsps://host:443/path when encrypted) and transport HTTP or WEBSOCKET", scheme)
	case !strings.EqualFold(scheme, "rtsp") && !strings.EqualFold(scheme, "rtsps"):
		p.Add(field, ReasonURL, "has scheme %q, which is not supported; use rtsp or rtsps", scheme)
	case rest == "" || strings.ContainsRune("/?#:", rune(rest[0])):
		p.Add(field, ReasonURL, "has no host; write it as rtsp://host:port/path")
	default:
		if _, _, found := cutUserInfo(c.URL); found {
			p.Add(field, ReasonCredentials, "holds a user name; move it to credentials")
		}
	}
}

func validScheme(s string) bool {
	return s != "" && len(s) <= 16 && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789+") == ""
}

func (c Camera) validateTLS(p *Problems) {
	encrypted := len(c.URL) >= 6 && strings.EqualFold(c.URL[:6], "rtsps:")
	if int(c.TLS.Mode) >= len(tlsModeNames()) {
		p.Add("spec.tls.mode", ReasonTLS, "is unknown (%d); use one of %s", c.TLS.Mode, strings.Join(tlsModeNames(), ", "))
		return
	}
	if c.TLS != (TLS{}) && !encrypted {
		p.Add("spec.tls", ReasonTLS, "is set, but the URL is not rtsps; use an rtsps URL or leave it out")
	}
	pin := c.TLS.PinSHA256
	switch {
	case c.TLS.Mode == TLSPin && pin == "":
		p.Add("spec.tls.pin_sha256", ReasonTLS, "is empty; mode PIN needs the SHA-256 of the camera's certificate: "+
			"openssl s_client -connect HOST:PORT </dev/null | openssl x509 -noout -fingerprint -sha256")
	case c.TLS.Mode != TLSPin && pin != "":
		p.Add("spec.tls.pin_sha256", ReasonTLS, "is only for mode PIN; set the mode to PIN or leave it out")
	case pin != "" && (len(pin) != pinDigits || strings.Trim(pin, "0123456789abcdef") != ""):
		p.Add("spec.tls.pin_sha256", ReasonTLS, "is no SHA-256: it needs %d hexadecimal digits (colons are allowed)", pinDigits)
	}
}

func (c Camera) validateLabels(p *Problems) {
	if len(c.Labels) > maxLabels {
		p.Add("spec.labels", ReasonLabels, "has %d labels, %d are allowed", len(c.Labels), maxLabels)
		return
	}
	keys := make([]string, 0, len(c.Labels))
	for k := range c.Labels {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if !validLabelKey(k) {
			p.Add("spec.labels", ReasonLabels, "key %.80q is not allowed; %s", k, labelKeyRule)
		}
		if v := c.Labels[k]; !validLabelValue(v) {
			p.Add("spec.labels", ReasonLabels, "value of key %.80q is not allowed; %s", k, labelValueRule)
		}
	}
}

func (c Camera) validateDecode(p *Problems) {
	d := c.Decode
	switch {
	case int(d.Mode) >= len(decodeModeNames()):
		p.Add("spec.decode.mode", ReasonDecodePolicy, "is unknown (%d); use one of %s", d.Mode, strings.Join(decodeModeNames(), ", "))
	case d.Mode == DecodeOnDemand:
		p.Add("spec.decode.mode", ReasonDecodeModeUnimplemented, "ON_DEMAND is not implemented in this version; use KEYFRAMES for little work, or NONE and switch when frames are wanted")
	}
	if math.IsNaN(d.MaxFPS) || d.MaxFPS < 0 || d.MaxFPS > maxFPS {
		p.Add("spec.decode.max_fps", ReasonDecodePolicy, "is %v; use a number above 0 up to %d, or 0 for no limit", d.MaxFPS, maxFPS)
	}
	if d.Linger < 0 || d.Linger > maxLinger {
		p.Add("spec.decode.linger", ReasonDecodePolicy, "is %v; use 0 to %v", d.Linger, maxLinger)
	}
}

func (c Camera) validateFrame(p *Problems) {
	f := c.Frame
	side := func(field string, v int) {
		if v < 0 || v > maxSide {
			p.Add(field, ReasonFrameSpec, "is %d; use 1 to %d pixels, or 0 for the camera's own size", v, maxSide)
		}
	}
	side("spec.frame.max_width", f.MaxWidth)
	side("spec.frame.max_height", f.MaxHeight)
	if f.RingSize < 1 || f.RingSize > maxRingSize {
		p.Add("spec.frame.ring_size", ReasonFrameSpec, "is %d; use 1 to %d frames, or 0 for the default of %d", f.RingSize, maxRingSize, DefaultRingSize)
	}
	if f.Color.Matrix > media.MatrixBT2020 {
		p.Add("spec.frame.color.matrix", ReasonFrameSpec, "is unknown (%d); use BT601, BT709 or BT2020", f.Color.Matrix)
	}
	if f.Color.Range > media.RangeFull {
		p.Add("spec.frame.color.range", ReasonFrameSpec, "is unknown (%d); use LIMITED or FULL", f.Color.Range)
	}
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
