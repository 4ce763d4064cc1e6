package auth

import (
	"crypto/x509"
	"errors"

	"github.com/frameport/frameport/internal/secret"
)

// Evidence is what a call brings to say who makes it.
type Evidence struct {
	// Token is the bearer token; not set = none was sent.
	Token secret.String
	// Certificate is the client's, after TLS has verified it; nil = there is none.
	Certificate *x509.Certificate
	// Unix says that the call came over a unix socket.
	Unix bool
}

// Gate finds out who makes a call. A token decides when there is one: a wrong one is
// refused, whatever else the call brings.
type Gate struct {
	// Keys is the auth file; nil = there is none, and tokens are not looked at.
	Keys *Keys
	// CertificateRole is the role of client certificates that the auth file does not
	// name; [Nobody] refuses them.
	CertificateRole Role
	// TrustUnix lets calls over unix sockets do everything without a token: the mode of
	// the socket's file says who can make them.
	TrustUnix bool
}

// Authenticate returns who makes a call: [ErrMissing], [ErrUnknown] or [ErrExpired]
// when it is nobody.
func (g *Gate) Authenticate(e Evidence) (*Identity, error) {
	switch {
	case e.Token.IsSet() && g.Keys != nil:
		return g.Keys.token(e.Token)
	case e.Unix && g.TrustUnix:
		return Trusted("local"), nil
	case e.Certificate != nil:
		return g.certificate(e.Certificate)
	default:
		return nil, ErrMissing
	}
}

func (g *Gate) certificate(c *x509.Certificate) (*Identity, error) {
	if g.Keys != nil {
		if id, err := g.Keys.certificate(c); !errors.Is(err, ErrUnknown) {
			return id, err
		}
	}
	if g.CertificateRole == Nobody {
		return nil, ErrMissing
	}
	i := &Identity{name: certificateName(c), notAfter: c.NotAfter}
	i.fixed = &grant{name: i.name, role: g.CertificateRole, scope: everything()}
	return i, i.May(View)
}

// certificateName is a name for logs.
func certificateName(c *x509.Certificate) string {
	if names := append(sans(c), uris(c)...); len(names) > 0 {
		return names[0]
	}
	return "certificate " + c.SerialNumber.Text(16)
}

// Watch is [Keys.Watch].
func (g *Gate) Watch(ch chan<- struct{}) (stop func()) {
	if g.Keys == nil {
		return func() {}
	}
	return g.Keys.Watch(ch)
}
