package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/server"
	"github.com/frameport/frameport/telemetry"
)

// access is how the worker is protected: its certificate, and who may do what.
type access struct {
	insecure     bool
	gate         *auth.Gate         // nil = whoever reaches a listener may do everything
	certificates *auth.Certificates // nil = plain text
	reloader     auth.Reloader
}

// openAccess reads the files that valid settings name.
func openAccess(s config.Worker, log *slog.Logger) (*access, error) {
	a := &access{insecure: s.Insecure, reloader: auth.Reloader{Logger: log}}
	var err error
	if s.TLS.On() {
		a.certificates, err = auth.OpenCertificates(auth.CertificateFiles{Certificate: s.TLS.Cert, Key: s.TLS.Key, ClientCA: s.TLS.ClientCA})
		if err != nil {
			return nil, err
		}
		a.reloader.Certificates = a.certificates
	}
	if !s.Login() {
		return a, nil
	}
	// The mode of a socket that not everybody may open is a login of its own.
	a.gate = &auth.Gate{TrustUnix: !s.GRPCSocketMode.ForEverybody()}
	if s.AuthFile != "" {
		if a.gate.Keys, err = auth.OpenKeys(s.AuthFile); err != nil {
			return nil, err
		}
		a.reloader.Keys = a.gate.Keys
	}
	switch {
	case s.TLS.ClientRole != "":
		err = a.gate.CertificateRole.UnmarshalText([]byte(s.TLS.ClientRole))
	case s.TLS.ClientCA != "" && s.AuthFile == "":
		a.gate.CertificateRole = auth.View
	}
	return a, err
}

// server is the gate as servers want it: nil when there is none.
func (a *access) server() server.Access {
	if a.gate == nil {
		return nil
	}
	return a.gate
}

// tls is for a listener that speaks the protocol; nil = plain text.
func (a *access) tls(protocol string) *tls.Config {
	if a.certificates == nil {
		return nil
	}
	return a.certificates.Config(protocol)
}

// run follows the files until ctx ends.
func (a *access) run(ctx context.Context) error { return a.reloader.Run(ctx) }

// status is what GetWorker says of it.
func (a *access) status() *frameportv1.AccessStatus {
	s := &frameportv1.AccessStatus{Insecure: a.insecure, Tls: a.certificates != nil, Login: a.gate != nil}
	if a.certificates != nil {
		s.CertificateEndTime = timestamppb.New(a.certificates.NotAfter())
	}
	return s
}

// measure adds metrics of it.
func (a *access) measure(m *telemetry.Metrics) {
	insecure := 0.0
	if a.insecure {
		insecure = 1
	}
	m.Gauge("insecure", "1 when the worker was started with --insecure.", func() float64 { return insecure })
	if a.gate != nil {
		m.Counter("auth_reload_failures_total", "Changes of the auth file that were broken, so that the old one stayed in force.",
			func() float64 { return float64(a.reloader.KeysFailed()) })
	}
	if a.certificates != nil {
		m.Counter("tls_reload_failures_total", "Changes of the certificate that were broken, so that the old one stayed in force.",
			func() float64 { return float64(a.reloader.CertificatesFailed()) })
		m.Gauge("tls_certificate_end_timestamp_seconds", "When the worker's certificate ends.",
			func() float64 { return float64(a.certificates.NotAfter().Unix()) })
	}
}

// accessText says for doctor what a worker with these settings would have of TLS and
// logins.
func accessText(s config.Worker) (tlsText, loginText string, err error) {
	a, err := openAccess(s, slog.New(slog.DiscardHandler))
	if err != nil {
		if s.AuthFile != "" {
			without := s
			without.AuthFile = ""
			if tlsText, _, tlsErr := accessText(without); tlsErr == nil {
				return tlsText, "unusable: " + err.Error(), err
			}
		}
		return "unusable: " + err.Error(), "not looked at: tls comes first", err
	}
	tlsText, loginText = "none: --tls-cert and --tls-key turn it on", "none: --auth-file or --tls-client-ca turn it on"
	if a.certificates != nil {
		tlsText = "on, the certificate ends at " + a.certificates.NotAfter().UTC().Format(time.RFC3339)
	}
	if a.gate != nil {
		loginText = "on"
		if !a.gate.TrustUnix {
			loginText = "on, also on unix sockets, which everyone may open (" + fmt.Sprintf("%04o", s.GRPCSocketMode.Perm()) + ")"
		}
	}
	return tlsText, loginText, nil
}
