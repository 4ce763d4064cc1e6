package rtsp

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/frameport/frameport/internal/secret"
)

// ErrURL is what every error of [ParseURL] wraps.
var ErrURL = errors.New("camera URL")

// maxURL is more than any camera needs and less than the 2048 bytes that
// gortsplib, like most cameras, accepts on a request line.
const maxURL = 1900

// URL is a camera's address without user info. The zero value is no address. Path
// and query may hold a password all the same, see Note: [Passwords in URLs].
type URL struct {
	scheme string
	host   string // name or address, IPv6 without brackets, zone after '%'
	port   uint16
	path   string // path and query as given, with their escapes; "" or starts with '/' or '?'
}

// Userinfo are the credentials that stood inside a URL. A Password that is not
// set ("rtsp://admin@camera") differs from an empty one ("rtsp://admin:@camera").
type Userinfo struct {
	Username string
	Password secret.String
}

// ParseURL parses a camera's URL and splits off the credentials in it; they are
// nil when there are none. No error contains any part of the input that could be
// a password.
//
// Credentials are read strictly by RFC 3986: an at sign, slash, question mark,
// number sign, percent sign, space or bracket in them has to be percent-encoded.
// Guessing where an unencoded password ends is how hosts get misread and
// passwords printed.
func ParseURL(s string) (URL, *Userinfo, error) {
	u, info, err := parseURL(s)
	if err == nil && u.port == 0 {
		u.port = u.usualPort()
	}
	return u, info, err
}

// parseURL leaves the port at 0 when none is given.
func parseURL(s string) (URL, *Userinfo, error) {
	if len(s) > maxURL {
		return URL{}, nil, urlError("it is longer than %d characters: shorten it", maxURL)
	}
	if !utf8.ValidString(s) {
		return URL{}, nil, urlError("it is not valid UTF-8: percent-encode other bytes as %%XX")
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f {
			return URL{}, nil, urlError("it contains a space or control character: write a space as %%20 and remove line breaks")
		}
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return URL{}, nil, urlError("it has no scheme: write it as rtsp://host/path or rtsps://host/path")
	}
	scheme = strings.ToLower(scheme)
	if scheme != "rtsp" && scheme != "rtsps" {
		if slices.Contains([]string{"http", "https", "ws", "wss", "rtsph"}, scheme) {
			return URL{}, nil, urlError("the scheme is neither rtsp nor rtsps: for a tunnel write rtsp://host:80/path (rtsps://host:443/path when encrypted) and set transport HTTP or WEBSOCKET")
		}
		return URL{}, nil, urlError("the scheme is neither rtsp nor rtsps: only these two are supported")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	userinfo, hostport := "", authority
	at := strings.LastIndexByte(authority, '@')
	if at >= 0 {
		userinfo, hostport = authority[:at], authority[at+1:]
	}
	// Also after user info: what is left without it has to be an address by itself.
	if looksCut(hostport, path) {
		return URL{}, nil, urlError("it is ambiguous: an at sign follows a slash, question mark or number sign. If these belong to the password, percent-encode them (/ as %%2F, ? as %%3F, # as %%23) or give user name and password in their own fields; in a path write %%40")
	}
	if strings.Contains(path, "#") {
		return URL{}, nil, urlError("it contains a number sign (#): percent-encode it as %%23")
	}
	u := URL{scheme: scheme}
	var err error
	if u.host, u.port, err = parseHost(hostport); err != nil {
		return URL{}, nil, err
	}
	if u.path, err = parsePath(path); err != nil {
		return URL{}, nil, err
	}
	if at < 0 {
		return u, nil, nil
	}
	info, err := parseUserinfo(userinfo)
	if err != nil {
		return URL{}, nil, err
	}
	return u, info, nil
}

func urlError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrURL}, args...)...)
}

// looksCut reports whether what stands after the authority is more likely the
// rest of a password and the true host than a path: "admin:12/34@camera/".
func looksCut(authority, path string) bool {
	i := strings.IndexByte(path, '@')
	if i < 0 || !strings.Contains(authority, ":") {
		return false
	}
	if strings.HasPrefix(authority, "[") {
		return false // a bracketed address is a host, not a user name
	}
	query := strings.IndexByte(path, '?')
	inQuery := query > 0 && i > query
	// cameras do take credentials in the query: rtsp://host:554/cam?password=p@ss
	return !inQuery || strings.ContainsAny(path[i:], "/")
}

func parseHost(hostport string) (host string, port uint16, err error) {
	text, bracketed := "", false
	if rest, ok := strings.CutPrefix(hostport, "["); ok {
		var tail string
		host, tail, ok = strings.Cut(rest, "]")
		if !ok {
			return "", 0, urlError("the IPv6 address has no closing bracket: write it as [fe80::1]")
		}
		if tail != "" && tail[0] != ':' {
			return "", 0, urlError("only a port may follow the IPv6 address: write it as [fe80::1]:554")
		}
		bracketed, text = true, strings.TrimPrefix(tail, ":")
		if tail == ":" {
			return "", 0, urlError("the port is missing after the colon: write a number or remove the colon")
		}
	} else {
		var colon bool
		host, text, colon = strings.Cut(hostport, ":")
		if strings.Contains(text, ":") {
			return "", 0, urlError("an IPv6 address needs brackets: write it as [fe80::1]:554")
		}
		if colon && text == "" {
			return "", 0, urlError("the port is missing after the colon: write a number or remove the colon")
		}
	}
	if host == "" {
		return "", 0, urlError("the host is missing: write it as rtsp://host/path")
	}
	if text != "" {
		n, perr := strconv.ParseUint(text, 10, 16)
		if perr != nil || n == 0 || text[0] == '+' {
			return "", 0, urlError("the port is not a number from 1 to 65535: correct it, or percent-encode special characters in the user name and password")
		}
		port = uint16(n)
	}
	if bracketed {
		host, err = parseIPv6(host)
		return host, port, err
	}
	if len(host) > 253 {
		return "", 0, urlError("the host name is longer than 253 characters: correct it")
	}
	for _, r := range host {
		if !isHostRune(r) {
			return "", 0, urlError("the host name contains a character that no host name has: correct it, or percent-encode special characters in the user name and password")
		}
	}
	return strings.ToLower(host), port, nil
}

func isHostRune(r rune) bool {
	return r == '-' || r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// parseIPv6 checks an address with an optional zone ("fe80::1%25eth0", RFC 6874;
// the bare "%eth0" that people type is taken too).
func parseIPv6(s string) (string, error) {
	address, zone, hasZone := strings.Cut(s, "%")
	if ip := net.ParseIP(address); ip == nil || !strings.Contains(address, ":") {
		return "", urlError("the address in brackets is no IPv6 address: correct it, for example [2001:db8::1]")
	}
	if !hasZone {
		return strings.ToLower(address), nil
	}
	if rest, ok := strings.CutPrefix(zone, "25"); ok && rest != "" {
		zone = rest
	}
	if zone == "" {
		return "", urlError("the zone of the IPv6 address is empty: write it as [fe80::1%%25eth0]")
	}
	for _, r := range zone {
		if !isHostRune(r) {
			return "", urlError("the zone of the IPv6 address is no interface name: write it as [fe80::1%%25eth0]")
		}
	}
	return strings.ToLower(address) + "%" + zone, nil
}

func parsePath(s string) (string, error) {
	if _, err := url.Parse("rtsp://h" + s); err != nil {
		return "", urlError("the path has a percent sign that starts no escape: write a literal percent sign as %%25")
	}
	return s, nil
}

const userinfoMarks = "-._~!$&'()*+,;="

func parseUserinfo(s string) (*Userinfo, error) {
	name, password, hasPassword := strings.Cut(s, ":")
	user, err := unescape(name, "user name", false)
	if err != nil {
		return nil, err
	}
	info := &Userinfo{Username: user}
	if hasPassword {
		plain, err := unescape(password, "password", true)
		if err != nil {
			return nil, err
		}
		info.Password = secret.New(plain)
	}
	if user == "" {
		return nil, urlError("there is a password or at sign but no user name: write rtsp://user:password@host/path")
	}
	return info, nil
}

func unescape(s, what string, colon bool) (string, error) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", urlError("the %s has a percent sign that starts no escape: write a literal percent sign as %%25", what)
			}
			i += 2
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z',
			strings.IndexByte(userinfoMarks, c) >= 0, colon && c == ':':
		default:
			return "", urlError("the %s has a character that must be percent-encoded there (@ is %%40): encode it, or give user name and password in their own fields", what)
		}
	}
	plain, err := url.PathUnescape(s)
	if err != nil || !utf8.ValidString(plain) || strings.ContainsAny(plain, "\r\n\x00") {
		return "", urlError("the %s does not decode to text: percent-encode its UTF-8 bytes", what)
	}
	return plain, nil
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// IsZero reports whether u is no address at all.
func (u URL) IsZero() bool { return u.host == "" }

// Secure reports whether the scheme is rtsps.
func (u URL) Secure() bool { return u.scheme == "rtsps" }

// Scheme returns "rtsp" or "rtsps".
func (u URL) Scheme() string { return u.scheme }

// Hostname returns the name or address without port and brackets.
func (u URL) Hostname() string { return u.host }

// Address returns host and port as a dialer takes them.
func (u URL) Address() string { return net.JoinHostPort(u.host, strconv.Itoa(int(u.port))) }

// String returns the URL, which has no user info. The port is left out
// where it is the scheme's own (554, 322).
func (u URL) String() string {
	if u.IsZero() {
		return ""
	}
	return u.scheme + "://" + u.hostport() + u.path
}

func (u URL) hostport() string {
	host := u.host
	if strings.Contains(host, ":") {
		host = "[" + strings.ReplaceAll(host, "%", "%25") + "]"
	}
	if u.port == u.usualPort() {
		return host
	}
	return host + ":" + strconv.Itoa(int(u.port))
}

// usualPort is the scheme's own.
func (u URL) usualPort() uint16 {
	if u.Secure() {
		return 322
	}
	return 554
}
