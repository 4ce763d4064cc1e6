package server

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
)

// secured is a server with TLS and a unix socket beside it.
func secured(t *testing.T, ca *authtest.CA, gate *auth.Gate, clientCA string) (h *harness, socket string) {
	t.Helper()
	pair := ca.Issue(t, []string{"127.0.0.1"})
	certificates, err := auth.OpenCertificates(auth.CertificateFiles{Certificate: pair.CertFile, Key: pair.KeyFile, ClientCA: clientCA})
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(t.TempDir(), "s.sock")
	return newHarness(t, newFakeCameras(t, "door"), newFakeRenderer(10), func(c *Config) {
		c.Listeners = append(c.Listeners, listenUnix(t, socket, 0o600))
		c.TLS, c.Access = certificates.Config("h2"), gate
	}), socket
}

func (h *harness) clock(conn grpc.ClientConnInterface) error {
	_, err := frameportv1.NewWorkerServiceClient(conn).GetClock(h.t.Context(), &frameportv1.GetClockRequest{})
	return err
}

// over is a connection with TLS; the last transport credentials of dial's options count.
func (h *harness) over(config *tls.Config, options ...grpc.DialOption) *grpc.ClientConn {
	h.t.Helper()
	conn, err := grpc.NewClient(h.address, append(options, grpc.WithTransportCredentials(credentials.NewTLS(config)))...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestTLS(t *testing.T) {
	ca := authtest.NewCA(t)
	keys, err := auth.OpenKeys(authtest.File(t, tokenFile()))
	if err != nil {
		t.Fatal(err)
	}
	h, socket := secured(t, ca, &auth.Gate{Keys: keys, TrustUnix: true}, "")
	token := grpc.WithPerRPCCredentials(bearer("Bearer viewer-token"))
	if err := h.clock(h.over(&tls.Config{RootCAs: ca.Pool}, token)); err != nil {
		t.Error(err)
	}
	wantReason(t, h.clock(h.over(&tls.Config{RootCAs: ca.Pool})), codes.Unauthenticated, apierr.TokenRequired)
	for name, conn := range map[string]*grpc.ClientConn{
		"plain text":        h.dial(token),
		"another authority": h.over(&tls.Config{RootCAs: x509.NewCertPool()}, token),
		"TLS 1.1":           h.over(&tls.Config{RootCAs: ca.Pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, token), //nolint:gosec // that is the point
	} {
		if err := h.clock(conn); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A unix socket has no TLS, and its mode is its login, unless a token is sent.
	h.address = "unix:" + socket
	if err := h.clock(h.dial()); err != nil {
		t.Error(err)
	}
	wantReason(t, h.clock(h.dial(grpc.WithPerRPCCredentials(bearer("Bearer wrong")))), codes.Unauthenticated, apierr.TokenInvalid)
	// Nor is that of a socket that everybody may open.
	open, socket := secured(t, ca, &auth.Gate{Keys: keys}, "")
	open.address = "unix:" + socket
	wantReason(t, open.clock(open.dial()), codes.Unauthenticated, apierr.TokenRequired)
}

func TestClientCertificates(t *testing.T) {
	ca, other := authtest.NewCA(t), authtest.NewCA(t)
	keys, err := auth.OpenKeys(authtest.File(t, tokenFile()+"certificates: [{name: recorder, san: Recorder.example, role: control, cameras: {ids: [door]}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	h, _ := secured(t, ca, &auth.Gate{Keys: keys}, ca.File)
	with := func(by *authtest.CA, san string, options ...grpc.DialOption) error {
		client := by.Issue(t, []string{san}).TLS
		conn := h.over(&tls.Config{RootCAs: ca.Pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &client, nil }}, options...)
		_, err := frameportv1.NewCameraServiceClient(conn).RemoveCamera(t.Context(), &frameportv1.RemoveCameraRequest{CameraId: "door"})
		return err
	}
	if err := with(other, "recorder.example"); status.Code(err) != codes.Unavailable {
		t.Errorf("a certificate of another authority: %v", err)
	}
	if err := h.clock(h.over(&tls.Config{RootCAs: ca.Pool}, grpc.WithPerRPCCredentials(bearer("Bearer boss-token")))); status.Code(err) != codes.Unavailable {
		t.Errorf("a token without a certificate: %v", err)
	}
	wantReason(t, with(ca, "somebody.example"), codes.Unauthenticated, apierr.TokenRequired)
	wantReason(t, with(ca, "recorder.example", grpc.WithPerRPCCredentials(bearer("Bearer viewer-token"))), codes.PermissionDenied, apierr.PermissionDenied)
	if err := with(ca, "recorder.example"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(h.logs.String(), "call=RemoveCamera camera=door who=recorder") {
		t.Error("the audit line does not say whose certificate it was")
	}
	// Without an auth file all have the same role, under the name in the certificate.
	h, _ = secured(t, ca, &auth.Gate{CertificateRole: auth.View}, ca.File)
	wantReason(t, with(ca, "somebody.example"), codes.PermissionDenied, apierr.PermissionDenied)
	if !strings.Contains(h.logs.String(), "who=somebody.example") {
		t.Error("the audit line does not name the certificate")
	}
}
