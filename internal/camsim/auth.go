package camsim

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"
)

// AuthScheme is a set of the ways to log in that a camera offers.
type AuthScheme uint8

// The schemes of RFC 2617 and RFC 7616. A camera with a user name and no scheme
// offers digest with MD5, as most cameras do.
const (
	AuthBasic AuthScheme = 1 << iota
	AuthDigestMD5
	AuthDigestSHA256
)

const realm = "Frameport camera"

// nonce is one connection's challenge.
type nonce struct {
	value string
	uses  int
	made  time.Time
}

func newNonce() nonce { return nonce{value: strings.ToLower(rand.Text()), made: time.Now()} }

// challenges returns the WWW-Authenticate headers for a scheme.
func (a AuthScheme) challenges(n nonce, stale bool) []string {
	var out []string
	suffix := ""
	if stale {
		suffix = ", stale=true"
	}
	if a&AuthBasic != 0 {
		out = append(out, `WWW-Authenticate: Basic realm="`+realm+`"`)
	}
	if a&AuthDigestMD5 != 0 {
		out = append(out, `WWW-Authenticate: Digest realm="`+realm+`", nonce="`+n.value+`", algorithm="MD5"`+suffix)
	}
	if a&AuthDigestSHA256 != 0 {
		out = append(out, `WWW-Authenticate: Digest realm="`+realm+`", nonce="`+n.value+`", algorithm="SHA-256"`+suffix)
	}
	return out
}

// verdict is what became of an Authorization header.
type verdict uint8

const (
	loginMissing verdict = iota
	loginWrong
	loginStale // right, but for an old nonce
	loginRight
)

// check judges an Authorization header.
func (a AuthScheme) check(header, method, user, password string, n nonce) verdict {
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		return loginMissing
	case strings.EqualFold(scheme, "Basic") && a&AuthBasic != 0:
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
		if err == nil && equal(string(raw), user+":"+password) {
			return loginRight
		}
		return loginWrong
	case strings.EqualFold(scheme, "Digest") && a&(AuthDigestMD5|AuthDigestSHA256) != 0:
		return a.checkDigest(parseParams(rest), method, user, password, n)
	default:
		return loginWrong
	}
}

func (a AuthScheme) checkDigest(p map[string]string, method, user, password string, n nonce) verdict {
	hash := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	needs := AuthDigestMD5
	if strings.EqualFold(p["algorithm"], "SHA-256") {
		hash = func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
		needs = AuthDigestSHA256
	}
	middle := p["nonce"]
	if p["qop"] != "" {
		middle += ":" + p["nc"] + ":" + p["cnonce"] + ":" + p["qop"]
	}
	want := hash(hash(user+":"+realm+":"+password) + ":" + middle + ":" + hash(method+":"+p["uri"]))
	switch {
	case a&needs == 0 || p["username"] != user || !equal(p["response"], want):
		return loginWrong
	case p["nonce"] != n.value:
		return loginStale
	default:
		return loginRight
	}
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// parseParams reads key=value pairs with or without quotes, split by commas.
func parseParams(s string) map[string]string {
	out := map[string]string{}
	for s != "" {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		var value string
		rest = strings.TrimLeft(rest, " ")
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
			_, s, _ = strings.Cut(rest, ",")
		} else {
			value, s, _ = strings.Cut(rest, ",")
		}
		out[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
	}
	return out
}
