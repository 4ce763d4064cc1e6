package auth_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
)

// echo is a server that answers line by line.
func echo(t *testing.T, c *auth.Certificates) (address string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c.Config("h2"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					_, _ = conn.Write([]byte(line))
				}
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func dial(t *testing.T, address string, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, say(conn) // with TLS 1.3 the server's refusal comes after the handshake
}

func say(conn net.Conn) error {
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && line != "hello\n" {
		err = errors.New(line)
	}
	return err
}

func TestCertificatesAreReloaded(t *testing.T) {
	ca := authtest.NewCA(t)
	pair := ca.Issue(t, []string{"127.0.0.1", "first.example"})
	c, err := auth.OpenCertificates(auth.CertificateFiles{Certificate: pair.CertFile, Key: pair.KeyFile})
	if err != nil {
		t.Fatal(err)
	}
	address := echo(t, c)
	names := func() []string {
		t.Helper()
		conn, err := dial(t, address, &tls.Config{RootCAs: ca.Pool})
		if err != nil {
			t.Fatal(err)
		}
		return conn.ConnectionState().PeerCertificates[0].DNSNames
	}
	old, err := dial(t, address, &tls.Config{RootCAs: ca.Pool, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := old.ConnectionState(); s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != "h2" || s.PeerCertificates[0].DNSNames[0] != "first.example" {
		t.Errorf("version %x, protocol %q", s.Version, s.NegotiatedProtocol)
	}
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true} {
		if _, err := dial(t, address, &tls.Config{RootCAs: ca.Pool, MinVersion: tls.VersionTLS10, MaxVersion: version}); (err == nil) != ok { //nolint:gosec // that is the point
			t.Errorf("version %x: %v", version, err)
		}
	}

	next := ca.Issue(t, []string{"127.0.0.1", "second.example"})
	expired := ca.Issue(t, []string{"127.0.0.1", "expired.example"}, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	put := func(cert, key []byte) error {
		authtest.Write(t, pair.CertFile, cert)
		authtest.Write(t, pair.KeyFile, key)
		_, err := c.Reload()
		return err
	}
	for name, files := range map[string][2][]byte{
		"half a pair":  {next.Cert, pair.Key},
		"rubbish":      {[]byte("x"), next.Key},
		"an empty key": {next.Cert, nil},
		"expired":      {expired.Cert, expired.Key},
	} {
		if err := put(files[0], files[1]); err == nil || names()[0] != "first.example" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(pair.KeyFile); err != nil {
		t.Fatal(err)
	}
	authtest.Write(t, pair.CertFile, next.Cert)
	if _, err := c.Reload(); err == nil || names()[0] != "first.example" {
		t.Errorf("no key: %v", err)
	}
	authtest.Write(t, pair.KeyFile, next.Key)
	if changed, err := c.Reload(); !changed || err != nil || names()[0] != "second.example" {
		t.Errorf("the new pair: %v, %v, %v", changed, err, names())
	}
	if changed, err := c.Reload(); changed || err != nil {
		t.Errorf("nothing new: %v, %v", changed, err)
	}
	// A certificate that was renewed for the same key counts, also when the key was away
	// for a moment.
	if err := os.Rename(pair.KeyFile, pair.KeyFile+".away"); err != nil {
		t.Fatal(err)
	}
	authtest.Write(t, pair.CertFile, append([]byte("renewed\n"), next.Cert...))
	if changed, err := c.Reload(); changed || err == nil {
		t.Errorf("the key is away: %v, %v", changed, err)
	}
	if err := os.Rename(pair.KeyFile+".away", pair.KeyFile); err != nil {
		t.Fatal(err)
	}
	if changed, err := c.Reload(); !changed || err != nil {
		t.Errorf("the key is back: %v, %v", changed, err)
	}
	if err := say(old); err != nil {
		t.Errorf("the connection from before: %v", err)
	}
}

func TestClientAuthorities(t *testing.T) {
	ca, other := authtest.NewCA(t), authtest.NewCA(t)
	pair := ca.Issue(t, []string{"127.0.0.1"})
	c, err := auth.OpenCertificates(auth.CertificateFiles{Certificate: pair.CertFile, Key: pair.KeyFile, ClientCA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	address := echo(t, c)
	cache := tls.NewLRUClientSessionCache(4)
	as := func(by *authtest.CA) error {
		_, err := dial(t, address, &tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{by.Issue(t, []string{"client"}).TLS}, ClientSessionCache: cache})
		return err
	}
	if err := as(ca); err != nil {
		t.Error(err)
	}
	if err := as(other); err == nil {
		t.Error("a certificate of another authority is taken")
	}
	if _, err := dial(t, address, &tls.Config{RootCAs: ca.Pool}); err == nil {
		t.Error("a client without a certificate is taken")
	}
	authority, err := os.ReadFile(other.File)
	if err != nil {
		t.Fatal(err)
	}
	authtest.Write(t, ca.File, authority)
	if changed, err := c.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if as(ca) == nil || as(other) != nil {
		t.Error("the new authority is not in force")
	}
}

func TestKeyOfEverybody(t *testing.T) {
	pair := authtest.NewCA(t).Issue(t, []string{"127.0.0.1"})
	if err := os.Chmod(pair.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenCertificates(auth.CertificateFiles{Certificate: pair.CertFile, Key: pair.KeyFile}); err == nil || !strings.Contains(err.Error(), "chmod 0640") {
		t.Errorf("a key that everybody can read: %v", err)
	}
}

func TestNamesInCertificates(t *testing.T) {
	ca := authtest.NewCA(t)
	k, _ := open(t, "certificates: [{name: dns, san: a.Example, role: view}, {name: uri, san: 'spiffe://x/y', role: control}, {name: mail, san: a@b.c, role: view}, {name: ip, san: 192.0.2.1, role: view}]")
	leaf := func(alter ...func(*x509.Certificate)) *x509.Certificate { return ca.Issue(t, nil, alter...).TLS.Leaf }
	gate := &auth.Gate{Keys: k}
	for want, certificate := range map[string]*x509.Certificate{
		"dns":   leaf(func(c *x509.Certificate) { c.DNSNames = []string{"other", "A.example"} }),
		"uri":   leaf(func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "spiffe", Host: "x", Path: "/y"}} }),
		"mail":  leaf(func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b.c"} }),
		"ip":    ca.Issue(t, []string{"192.0.2.1"}).TLS.Leaf,
		"other": leaf(func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "spiffe", Host: "x", Path: "/Y"}} }),
		"":      leaf(func(c *x509.Certificate) { c.Subject.CommonName = "a.example" }),
	} {
		id, err := gate.Authenticate(auth.Evidence{Certificate: certificate})
		switch {
		case want == "":
			if err == nil {
				t.Errorf("the common name is taken for %s", id.Name())
			}
		case want == "other":
			if err == nil {
				t.Errorf("the URI of another workload is taken for %s", id.Name())
			}
		case err != nil || id.Name() != want || !id.Until().Equal(certificate.NotAfter):
			t.Errorf("%s: %v, %v", want, id.Name(), err)
		}
	}
	old := leaf(func(c *x509.Certificate) {
		c.DNSNames, c.NotAfter = []string{"a.example"}, time.Now().Add(-time.Second)
	})
	for _, gate := range []*auth.Gate{gate, {CertificateRole: auth.Admin}} {
		if _, err := gate.Authenticate(auth.Evidence{Certificate: old}); !errors.Is(err, auth.ErrExpired) {
			t.Errorf("a certificate that has ended: %v", err)
		}
	}
}
