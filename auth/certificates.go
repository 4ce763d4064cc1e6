package auth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/internal/failpoint"
)

// CertificateFiles are where the worker's certificate is, in PEM.
type CertificateFiles struct {
	// Certificate is the chain, the worker's own first.
	Certificate string
	// Key is its private key.
	Key string
	// ClientCA are the authorities for client certificates. With it TLS takes only
	// clients that have one; empty = none is asked for.
	ClientCA string
}

// Certificates are the worker's certificate, its key and the authorities for clients
// in force.
type Certificates struct {
	current       atomic.Pointer[material]
	cert, key, ca file
}

// material is what TLS needs. It never changes.
type material struct {
	certificate tls.Certificate
	clients     *x509.CertPool // nil = no certificates of clients
}

// OpenCertificates reads the files for the first time.
func OpenCertificates(files CertificateFiles) (*Certificates, error) {
	c := &Certificates{
		cert: file{path: files.Certificate},
		key:  file{path: files.Key, forbidden: 0o007, why: "is a private key and open to every user"},
		ca:   file{path: files.ClientCA},
	}
	if _, err := c.Reload(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return c, nil
}

// Reload reads the files again and says whether others are in force now. After an error
// those before are: half of a pair that is being replaced changes nothing.
func (c *Certificates) Reload() (changed bool, err error) {
	defer func() {
		if err != nil { // until they fit together, all count as new
			c.cert.seen, c.key.seen, c.ca.seen = false, false, false
		}
	}()
	cert, changedCert, err := c.cert.read()
	if err != nil {
		return false, err
	}
	key, changedKey, err := c.key.read()
	if err != nil {
		return false, err
	}
	var authorities []byte
	var changedCA bool
	if c.ca.path != "" {
		if authorities, changedCA, err = c.ca.read(); err != nil {
			return false, err
		}
	}
	if !changedCert && !changedKey && !changedCA {
		return false, nil
	}
	m, err := newMaterial(cert, key, authorities)
	if err != nil {
		return false, fmt.Errorf("%s and %s: %w", c.cert.path, c.key.path, err)
	}
	c.current.Store(m)
	return true, nil
}

func newMaterial(cert, key, authorities []byte) (*material, error) {
	m := &material{}
	var err error
	// Its errors speak of the form of the files and quote nothing.
	if m.certificate, err = tls.X509KeyPair(cert, key); err != nil {
		return nil, err
	}
	if m.certificate.Leaf == nil {
		if m.certificate.Leaf, err = x509.ParseCertificate(m.certificate.Certificate[0]); err != nil {
			return nil, err
		}
	}
	if end := m.certificate.Leaf.NotAfter; failpoint.Now().After(end) {
		return nil, fmt.Errorf("the certificate ended at %s; renew it", end.UTC().Format(time.RFC3339))
	}
	if authorities == nil {
		return m, nil
	}
	m.clients = x509.NewCertPool()
	if !m.clients.AppendCertsFromPEM(authorities) {
		return nil, errors.New("the file of client authorities holds no certificate in PEM")
	}
	return m, nil
}

// Config is for listeners that speak the given protocols: TLS 1.3, or 1.2 with clients
// that have no other. It follows the files; connections that are open stay.
func (c *Certificates) Config(protocols ...string) *tls.Config {
	config := func() *tls.Config {
		m := c.current.Load()
		out := &tls.Config{
			MinVersion:   tls.VersionTLS12,
			NextProtos:   slices.Clone(protocols),
			Certificates: []tls.Certificate{m.certificate},
			Time:         failpoint.Now,
		}
		if m.clients != nil {
			out.ClientAuth, out.ClientCAs = tls.RequireAndVerifyClientCert, m.clients
		}
		// A resumed session would bring the certificate of a client that the authorities
		// in force may not know any more.
		out.SessionTicketsDisabled = m.clients != nil
		return out
	}
	first := config()
	first.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return config(), nil }
	return first
}

// NotAfter is when the worker's certificate in force ends.
func (c *Certificates) NotAfter() time.Time { return c.current.Load().certificate.Leaf.NotAfter }
