package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
)

// handshake goes from DESCRIBE to PLAY.
func (a *attempt) handshake() error {
	desc, _, err := a.client.Describe(a.url.base(a.src.userinfo()))
	if err = a.failureOr(err); err != nil {
		if a.redirected {
			return &redirect{a.location}
		}
		return a.explain("describe", err)
	}
	if err := a.chooseTransport(); err != nil {
		return err
	}
	if err := a.setup(desc.Medias[0]); err != nil {
		return err
	}
	for i := range a.track.formats {
		f := &a.track.formats[i]
		for _, known := range desc.Medias[0].Formats {
			if known.PayloadType() == f.payloadType {
				a.client.OnPacketRTP(desc.Medias[0], known, a.receiver(f))
			}
		}
	}
	a.client.OnPacketRTCP(desc.Medias[0], a.onRTCP)
	a.begun = failpoint.Now()
	if a.track.frameRate > 0 {
		a.gap.Store(int64(min(float64(time.Second)/a.track.frameRate, float64(maxGap))))
	}
	if _, err := a.client.Play(nil); a.failureOr(err) != nil {
		return a.explain("play", a.failureOr(err))
	}
	return a.failureOr(nil)
}

// chooseTransport decides what can only be known from the description.
func (a *attempt) chooseTransport() error {
	if a.protocol.interleaved() {
		return nil
	}
	if a.url.Secure() && !a.track.secure {
		return fault.New(fault.Unsupported, "setup", errors.New(
			"the camera offers no encrypted media over UDP: use transport TCP or AUTO with rtsps"))
	}
	if a.protocol == TransportUDP && a.track.formats[0].codec == media.CodecH264 && a.track.formats[0].singleNAL {
		// whole NAL units in one datagram each do not survive most networks
		level := slog.LevelInfo
		if a.src.cfg.Transport == TransportUDP {
			level = slog.LevelWarn // UDP was asked for
		}
		a.src.cfg.Logger.Log(context.Background(), level, "taking TCP instead of UDP", "reason", "H.264 packetization-mode 0")
		a.protocol = TransportTCP
		a.client.Protocol = libraryProtocol(a.protocol)
	}
	return nil
}

// setup asks for the track, and once more below the request's own URL when the
// camera does not know the one its description leads to.
func (a *attempt) setup(m *description.Media) error {
	at := (*base.URL)(a.aggregate).Clone()
	at.User = a.src.userinfo()
	_, err := a.client.Setup(at, m, 0, 0)
	if a.failureOr(nil) == nil && isLost(err) {
		own := a.url.base(a.src.userinfo())
		if other, e := resolve((*url.URL)(a.url.base(nil)), a.track.control); e == nil && other.String() != a.control.String() {
			m.Control = other.String()
			_, err = a.client.Setup(own, m, 0, 0)
		}
	}
	if err = a.failureOr(err); err == nil {
		return nil
	}
	fail := a.explain("setup", err)
	switch a.protocol {
	case TransportUDP, TransportMulticast:
		if isRefusal(err) || errors.As(err, &liberrors.ErrClientServerRequestedTCP{}) {
			return &switchTransport{TransportTCP, fail}
		}
	case TransportTCP:
		if isRefusal(err) || errors.As(err, &liberrors.ErrClientServerRequestedUDP{}) {
			return &switchTransport{TransportUDP, fail}
		}
	case TransportHTTP, TransportWebSocket: // nothing else goes through
	case TransportAuto: // an attempt never has it
	}
	return fail
}

func statusOf(err error) base.StatusCode {
	e, _ := errors.AsType[liberrors.ErrClientBadStatusCode](err)
	return e.Code
}

// isLost reports whether the camera did not find the track.
func isLost(err error) bool {
	switch statusOf(err) {
	case base.StatusNotFound, base.StatusBadRequest, base.StatusSessionNotFound:
		return true
	default:
		return false
	}
}

// isRefusal reports whether the camera refuses the transport.
func isRefusal(err error) bool {
	switch statusOf(err) {
	case base.StatusUnsupportedTransport, base.StatusNotAcceptable, base.StatusAggregateOperationNotAllowed:
		return true
	default:
		return false
	}
}

// explain classifies an error and adds what the camera said about waiting.
func (a *attempt) explain(op string, err error) error {
	if e, ok := errors.AsType[*sinkError](err); ok {
		return e
	}
	if a.protocol.tunnelled() && errors.Is(err, syscall.ECONNREFUSED) {
		err = fault.New(fault.Unreachable, op, fmt.Errorf(
			"the connection is refused: check that the URL has the port of the camera's web server, and that it is switched on (%w)", err))
	}
	e := classify(op, err)
	if e.RetryAfter == 0 {
		e.RetryAfter = a.retryAfter
	}
	return e
}
