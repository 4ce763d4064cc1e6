package config

import (
	"net/url"
	"strings"

	"github.com/frameport/frameport/internal/secret"
)

// MoveUserInfo takes user info out of the URL and puts it into Username and
// Password. It is refused, with a [*Problems], when these are set already and when
// the user info is not percent-encoded as RFC 3986 wants it: guessing where a
// password ends is how a host gets misread. The problems never quote the URL.
func (c *Camera) MoveUserInfo() error {
	p := &Problems{}
	clean, info, found := cutUserInfo(c.URL)
	if !found {
		if ambiguous(c.URL) {
			p.Add("spec.url", ReasonURL, "is ambiguous: an at sign follows a slash, question mark or number sign; %s", encodeRule)
		}
		return p.ErrorOrNil()
	}
	c.URL = clean
	name, password, hasPassword := strings.Cut(info, ":")
	user, userErr := url.PathUnescape(name)
	pass, passErr := url.PathUnescape(password)
	switch {
	case userErr != nil || passErr != nil || strings.Contains(info, "@"):
		p.Add("spec.url", ReasonCredentials, "has a login that is not percent-encoded; %s", encodeRule)
	case c.Username != "" || c.Password.IsSet():
		p.Add("spec.url", ReasonCredentials,
			"has a user name, and credentials are given as well; keep them in one place, best in credentials")
	default:
		c.Username = user
		if hasPassword {
			c.Password = secret.New(pass)
		}
	}
	return p.ErrorOrNil()
}

// ForgetLogin drops user name and password when they are those of old and the URL
// brings its own: an update of nothing but the URL then replaces the login.
func (c *Camera) ForgetLogin(old Camera) {
	if _, _, found := cutUserInfo(c.URL); found && c.SameLogin(old) {
		c.Username, c.Password = "", secret.String{}
	}
}

const encodeRule = "give user name and password in credentials, or percent-encode them (@ as %40, / as %2F, ? as %3F, # as %23, % as %25)"

// cutUserInfo splits scheme://info@rest at the last '@' of the authority.
func cutUserInfo(raw string) (clean, info string, found bool) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw, "", false
	}
	at := strings.LastIndexByte(rest[:authorityEnd(rest)], '@')
	if at < 0 {
		return raw, "", false
	}
	return scheme + "://" + rest[at+1:], rest[:at], true
}

// ambiguous reports whether a URL without user info looks as if a password with an
// unencoded '/', '?' or '#' had been cut in two: "rtsp://user:pa/ss@host/".
func ambiguous(raw string) bool {
	_, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return false
	}
	end := authorityEnd(rest)
	return !plainHost(rest[:end]) && strings.Contains(rest[end:], "@")
}

// authorityEnd returns where the part of a URL that names user and host ends; rest
// is what follows "://".
func authorityEnd(rest string) int {
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return end
	}
	return len(rest)
}

// plainHost reports whether an authority without '@' can be host or host:port, so
// that an '@' further on belongs to the path.
func plainHost(authority string) bool {
	if strings.HasPrefix(authority, "[") {
		return true
	}
	_, port, hasPort := strings.Cut(authority, ":")
	return !hasPort || strings.Trim(port, "0123456789") == ""
}
