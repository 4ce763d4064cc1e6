package main

import (
	"log/slog"
	"net"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/rtsp"
	"github.com/frameport/frameport/rtsp/rtpdepay"
)

// sources makes RTSP sources that share the process's limits on dials and logins.
type sources struct {
	logins *rtsp.LoginBudget
	dials  *rtsp.DialLimiter
	dialer *net.Dialer
	// assembly bounds what all of them collect of pictures that are not whole yet.
	assembly *rtpdepay.Memory
}

func (s sources) open(c config.Camera, log *slog.Logger) (camera.Source, error) {
	url, _, err := rtsp.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	return rtsp.New(rtsp.Config{
		URL:       url,
		Username:  c.Username,
		Password:  c.Password,
		Transport: transports[c.Transport],
		TLS:       rtsp.TLS{Mode: tlsModes[c.TLS.Mode], PinSHA256: c.TLS.PinSHA256},
		Logger:    log,
		Logins:    s.logins,
		Dials:     s.dials,
		Assembly:  s.assembly,

		DialContext: s.dialer.DialContext,
	})
}

// The configuration's words in the source's terms. config and rtsp are siblings
// and don't know each other.
var (
	transports = map[config.Transport]rtsp.Transport{
		config.TransportAuto:      rtsp.TransportAuto,
		config.TransportTCP:       rtsp.TransportTCP,
		config.TransportUDP:       rtsp.TransportUDP,
		config.TransportMulticast: rtsp.TransportMulticast,
		config.TransportHTTP:      rtsp.TransportHTTP,
		config.TransportWebSocket: rtsp.TransportWebSocket,
	}
	tlsModes = map[config.TLSMode]rtsp.TLSMode{
		config.TLSVerify:   rtsp.TLSVerify,
		config.TLSPin:      rtsp.TLSPin,
		config.TLSInsecure: rtsp.TLSInsecure,
	}
)
