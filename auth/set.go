package auth

import (
	"crypto/subtle"
	"crypto/x509"
	"slices"
	"strings"
	"time"
)

// grant is what one entry of an auth file gives.
type grant struct {
	name    string
	role    Role
	scope   scope
	expires time.Time // zero = never
	// maxCameras is how many cameras there may be in the scope for this one to add
	// another; nil = it does not matter.
	maxCameras *int

	digest Digest // of a token
	san    string // of a certificate
}

func (g *grant) expired(now time.Time) bool { return !g.expires.IsZero() && !now.Before(g.expires) }

// set is a whole auth file. It never changes.
type set struct {
	tokens       []*grant
	certificates []*grant
}

// token finds the entry of a token; nil = there is none. It takes the same time
// whichever entry it is, and whether there is one.
func (s *set) token(d Digest) *grant {
	found := -1
	for i, g := range s.tokens {
		same := subtle.ConstantTimeCompare(g.digest[:], d[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return nil
	}
	return s.tokens[found]
}

// certificate finds the first entry that names c; nil = there is none.
func (s *set) certificate(c *x509.Certificate) *grant {
	names, exact := sans(c), uris(c)
	for _, g := range s.certificates {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, g.san) }) || slices.Contains(exact, g.san) {
			return g
		}
	}
	return nil
}

// uris are a certificate's URIs, whose paths differ by case (RFC 3986, 6.2.2.1): one
// workload's must not be taken for another's.
func uris(c *x509.Certificate) (names []string) {
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return names
}

// sans are a certificate's other subject alternative names, in which case does not count.
// Its common name is none.
func sans(c *x509.Certificate) []string {
	names := slices.Concat(c.DNSNames, c.EmailAddresses)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
