package rtsp

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/rtsp/rtpdepay"
)

// Config describes one camera to a [Source].
type Config struct {
	// URL is the camera's address, as [ParseURL] gives it.
	URL URL
	// Username and Password are sent only after the camera asked for them.
	Username string
	Password secret.String
	// Transport is how RTP travels.
	Transport Transport
	// TLS says how the certificate of an rtsps camera is judged.
	TLS TLS
	// Timeouts bound each step; zero fields take their defaults.
	Timeouts Timeouts
	// Logger gets the events of a connection; nil = none.
	Logger *slog.Logger
	// Logins and Dials are shared by all cameras of the process; nil = own ones,
	// which limit this camera alone.
	Logins *LoginBudget
	Dials  *DialLimiter
	// Assembly bounds what is collected of pictures that are not whole yet, and is shared
	// by all cameras; nil = nothing does.
	Assembly *rtpdepay.Memory
	// DialContext opens TCP connections and resolves the name each time; nil =
	// net.Dialer. [address.Policy] makes one that is careful.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Transport is how RTP travels from the camera.
type Transport uint8

// TransportAuto tries UDP first and TCP after Timeouts.UDPStart without data or
// when the camera refuses, and remembers what worked. The others are kept to.
// TransportHTTP and TransportWebSocket carry the whole connection through the camera's
// web server, at the port of the URL, see Note: [Tunnels].
const (
	TransportAuto Transport = iota
	TransportTCP
	TransportUDP
	TransportMulticast
	TransportHTTP
	TransportWebSocket
)

// interleaved says whether media comes over the connection of the requests.
func (t Transport) interleaved() bool {
	return t == TransportTCP || t.tunnelled()
}

// tunnelled says whether everything goes through the camera's web server.
func (t Transport) tunnelled() bool { return t == TransportHTTP || t == TransportWebSocket }

// String returns the name shown to people and put on the wire.
func (t Transport) String() string {
	switch t {
	case TransportTCP:
		return "TCP"
	case TransportUDP:
		return "UDP"
	case TransportMulticast:
		return "MULTICAST"
	case TransportHTTP:
		return "HTTP"
	case TransportWebSocket:
		return "WEBSOCKET"
	default:
		return "AUTO"
	}
}

// TLSMode is how a camera's certificate is judged.
type TLSMode uint8

// TLSVerify checks chain and name, TLSPin accepts one certificate only,
// TLSInsecure accepts any.
const (
	TLSVerify TLSMode = iota
	TLSPin
	TLSInsecure
)

// TLS is how the certificate of an rtsps camera is judged.
type TLS struct {
	Mode TLSMode
	// PinSHA256 is the SHA-256 of the certificate (DER) in hexadecimal, with or
	// without colons.
	PinSHA256 string
	// RootCAs are the authorities TLSVerify trusts; nil = the system's.
	RootCAs *x509.CertPool
}

func (t TLS) pin() ([]byte, error) {
	sum, err := hex.DecodeString(strings.ReplaceAll(t.PinSHA256, ":", ""))
	if err != nil || len(sum) != 32 {
		return nil, errors.New("the pin must be the SHA-256 of the certificate, 64 hexadecimal digits: " +
			"openssl x509 -noout -fingerprint -sha256 prints it")
	}
	return sum, nil
}

// EnsureDefaults fills what was left open.
func (c *Config) EnsureDefaults() {
	c.Timeouts.EnsureDefaults()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Logins == nil {
		c.Logins = NewLoginBudget()
	}
	if c.Dials == nil {
		c.Dials = NewDialLimiter(0, 0)
	}
	if c.DialContext == nil {
		c.DialContext = (&net.Dialer{}).DialContext
	}
}

// Validate reports every problem at once.
func (c *Config) Validate() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.URL.IsZero() {
		add("rtsp: the camera URL is missing: set it to rtsp://host/path")
	}
	if c.Transport > TransportWebSocket {
		add("rtsp: transport %d is unknown: use AUTO, TCP, UDP, MULTICAST, HTTP or WEBSOCKET", c.Transport)
	}
	if c.TLS.Mode > TLSInsecure {
		add("rtsp: TLS mode %d is unknown: use VERIFY, PIN or INSECURE", c.TLS.Mode)
	}
	if c.TLS.Mode == TLSPin {
		if _, err := c.TLS.pin(); err != nil {
			add("rtsp: %w", err)
		}
	}
	if c.Username == "" && c.Password.IsSet() {
		add("rtsp: there is a password but no user name: set both or neither")
	}
	if strings.ContainsAny(c.Username+c.Password.Reveal(), "\r\n\x00") || strings.ContainsAny(c.Username, "\"") {
		add("rtsp: user name or password contains a line break, a null or (user name) a quotation mark: no camera can take these")
	}
	if err := c.Timeouts.validate(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
