package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// echoToken answers GetClock with what came as authorization.
type echoToken struct {
	frameportv1.UnimplementedWorkerServiceServer
}

func (echoToken) GetClock(ctx context.Context, _ *frameportv1.GetClockRequest) (*frameportv1.GetClockResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	return nil, status.Error(codes.Aborted, fmt.Sprint(md.Get("authorization")))
}

func serveToken(t *testing.T, network, address string, options ...grpc.ServerOption) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(options...)
	frameportv1.RegisterWorkerServiceServer(s, echoToken{})
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().String()
}

// said is what the server got as authorization.
func said(t *testing.T, address string, options ...grpc.DialOption) string {
	t.Helper()
	c, err := client.Dial(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Worker.GetClock(t.Context(), &frameportv1.GetClockRequest{})
	return status.Convert(err).Message()
}

func TestTokenAndTLS(t *testing.T) {
	const want = "[Bearer s3cr3t]"
	token := client.Token("s3cr3t")
	plain := serveToken(t, "tcp", "127.0.0.1:0")
	if got := said(t, plain, token); got != want {
		t.Errorf("on loopback: %s", got)
	}
	if got := said(t, plain); got != "[]" {
		t.Errorf("without a token: %s", got)
	}
	socket := filepath.Join(t.TempDir(), "s.sock")
	serveToken(t, "unix", socket)
	if got := said(t, "unix:"+socket, token); got != want {
		t.Errorf("over a unix socket: %s", got)
	}
	// As another machine looks: its name, at whatever address.
	elsewhere := grpc.WithAuthority("cameras.example:50051")
	if got := said(t, plain, token, elsewhere); !strings.Contains(got, client.ErrPlainText.Error()) {
		t.Errorf("in plain text to another machine: %s", got)
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"cameras.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	secure := serveToken(t, "tcp", "127.0.0.1:0", grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})))
	if got := said(t, secure, token, client.TLS(&tls.Config{RootCAs: pool}), elsewhere); got != want {
		t.Errorf("over TLS: %s", got)
	}
	if got := said(t, secure, token, client.TLS(nil), elsewhere); !strings.Contains(got, "x509") {
		t.Errorf("an authority that the system does not know: %s", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", token, token, token); strings.Contains(text, "s3cr3t") {
		t.Errorf("the token is in %s", text)
	}
}
