package inference_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/internal/kservetest"
)

// rootsFile names the file of the certificates that a Go process trusts, which it reads once.
const rootsFile = "SSL_CERT_FILE"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "frameport-inference-")
	if err == nil {
		err = writeCertificate(filepath.Join(dir, "roots.pem"))
	}
	if err == nil {
		err = os.Setenv(rootsFile, filepath.Join(dir, "roots.pem"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inference:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// writeCertificate writes one for "localhost", and its key.
func writeCertificate(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return os.WriteFile(path, append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), 0o600)
}

// A server must prove its name.
func TestTLS(t *testing.T) {
	pair, err := tls.LoadX509KeyPair(os.Getenv(rootsFile), os.Getenv(rootsFile))
	if err != nil {
		t.Fatal(err)
	}
	_, secure := kservetest.Start(t, kservetest.Config{TLS: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}})
	_, plain := kservetest.Start(t, kservetest.Config{})
	_, port, err := net.SplitHostPort(secure)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		address string
		tls     bool
		is      error
	}{
		"by its name":       {"localhost:" + port, true, nil},
		"by another name":   {"127.0.0.1:" + port, true, inference.ErrUnavailable},
		"without":           {"localhost:" + port, false, inference.ErrUnavailable},
		"server without it": {plain, true, inference.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := inference.New(inference.Config{Name: "test", Address: k.address, TLS: k.tls})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Ready(t.Context()); !errors.Is(err, k.is) {
				t.Errorf("%v, want %v", err, k.is)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
