package rtsp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/fault"
)

// testCert returns a self-signed certificate for 127.0.0.1.
func testCert(t *testing.T, expires time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "camera"},
		NotBefore: expires.Add(-48 * time.Hour), NotAfter: expires,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestTLSModes(t *testing.T) {
	t.Parallel()
	good, expired := testCert(t, time.Now().Add(24*time.Hour)), testCert(t, time.Now().Add(-time.Hour))
	pin := func(c tls.Certificate) string {
		sum := sha256.Sum256(c.Certificate[0])
		return hex.EncodeToString(sum[:])
	}
	pool := func(c tls.Certificate) *x509.CertPool {
		p := x509.NewCertPool()
		p.AddCert(c.Leaf)
		return p
	}
	for _, tc := range []struct {
		name string
		cert tls.Certificate
		tls  TLS
		text string // of the policy fault; "" = plays
	}{
		{"verified", good, TLS{RootCAs: pool(good)}, ""},
		{"unknown authority", good, TLS{RootCAs: x509.NewCertPool()}, "not trusted"},
		{"expired", expired, TLS{RootCAs: pool(expired)}, "not trusted"},
		{"pinned", expired, TLS{Mode: TLSPin, PinSHA256: strings.ToUpper(pin(expired))}, ""},
		{"wrong pin", good, TLS{Mode: TLSPin, PinSHA256: pin(expired)}, "set the pin to " + pin(good)},
		{"insecure", expired, TLS{Mode: TLSInsecure}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cam := startCam(t, &fakeCam{script: digestCam("pw")}, tlsListener(t, tc.cert))
			u, _, _ := ParseURL("rtsps://" + cam.addr() + "/stream")
			s := newSource(t, u, func(c *Config) {
				credentials("admin", "pw")(c)
				c.Transport, c.TLS = TransportAuto, tc.tls
			})
			if tc.text == "" {
				wantPlay(t, s)
				receive(t, cam.teardown, "TEARDOWN")
				return
			}
			wantFault(t, s, fault.Policy, tc.text)
			if len(cam.seen("")) != 0 {
				t.Error("requests were sent to a camera that is not trusted")
			}
		})
	}
	t.Run("plain camera", func(t *testing.T) {
		t.Parallel()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			if c, err := ln.Accept(); err == nil {
				_, _ = c.Write([]byte("RTSP/1.0 400 Bad Request\r\n\r\n"))
				_ = c.Close()
			}
		}()
		defer func() { _ = ln.Close(); <-served }()
		u, _, _ := ParseURL("rtsps://" + ln.Addr().String() + "/")
		wantFault(t, newSource(t, u, nil), fault.Protocol, "does not speak TLS")
	})
	t.Run("downgrade by redirect", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
			if r.method == "DESCRIBE" {
				c.reply(r, "301 Moved", "Location: rtsp://"+c.cam.addr()+"/", "")
			}
			return r.method == "DESCRIBE"
		}}, tlsListener(t, good))
		u, _, _ := ParseURL("rtsps://" + cam.addr() + "/stream")
		wantFault(t, newSource(t, u, func(c *Config) { c.TLS.Mode = TLSInsecure }), fault.Policy, "unencrypted")
	})
	t.Run("UDP without encryption", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{}, tlsListener(t, good))
		u, _, _ := ParseURL("rtsps://" + cam.addr() + "/stream")
		wantFault(t, newSource(t, u, func(c *Config) { c.TLS.Mode = TLSInsecure; c.Transport = TransportUDP }), fault.Unsupported, "no encrypted media over UDP")
	})
}
