package rtsp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"github.com/frameport/frameport/fault"
)

// errControl is a control attribute that gives no URL.
var errControl = errors.New("the session description has a control attribute that is no URL")

// base returns u in the library's form, with credentials where it needs them.
func (u URL) base(user *url.Userinfo) *base.URL {
	p, err := url.Parse("rtsp://h" + u.path)
	if err != nil { // ParseURL has parsed it
		p = &url.URL{}
	}
	p.Scheme, p.Host, p.User, p.Fragment = u.scheme, u.dialHost(), user, ""
	return (*base.URL)(p)
}

// dialHost is host and port as net/url keeps them: brackets, and a bare zone.
func (u URL) dialHost() string {
	return strings.ReplaceAll(u.hostport(), "%25", "%")
}

// aggregate returns the URL of the whole presentation (PLAY, TEARDOWN): the
// session's control attribute, Content-Base or Content-Location, else the request's
// own. Only path and query are taken: cameras behind NAT announce private
// addresses, other ports, or no scheme.
func (u URL) aggregate(control, contentBase, contentLocation string) *url.URL {
	own := (*url.URL)(u.base(nil))
	at := own
	for _, candidate := range []string{contentBase, contentLocation} {
		if p, ok := rehost(own, candidate); ok {
			at = p
			break
		}
	}
	if control == "" || control == "*" {
		return at
	}
	if p, err := resolve(at, control); err == nil {
		return p
	}
	return at
}

// rehost moves an absolute URL or absolute path to the host of own.
func rehost(own *url.URL, s string) (*url.URL, bool) {
	if s == "" {
		return nil, false
	}
	rest := oneWord(s)
	absolute := false
	for { // "rtsp://rtsp://..." has been seen
		i := strings.Index(rest, "://")
		if i < 0 || i > len("rtsps") || !strings.EqualFold(rest[:i], "rtsp") && !strings.EqualFold(rest[:i], "rtsps") {
			break
		}
		rest, absolute = rest[i+len("://"):], true
	}
	switch {
	case absolute:
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			rest = rest[i:]
		} else {
			rest = ""
		}
	case !strings.HasPrefix(rest, "/"):
		return nil, false
	}
	p, err := url.Parse("rtsp://h" + rest)
	if err != nil {
		return nil, false
	}
	p.Scheme, p.Host, p.Fragment, p.RawFragment = own.Scheme, own.Host, "", ""
	return p, true
}

// oneWord percent-encodes what would end a URL in a request line. In a path net/url does
// so, in a query it does not.
func oneWord(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c == 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// resolve returns the URL of a track from its control attribute. Relative ones
// are appended, after the query where there is one, as all cameras expect
// (RFC 2326 C.1.1 would replace the last segment).
func resolve(at *url.URL, control string) (*url.URL, error) {
	if control == "" || control == "*" {
		return at, nil
	}
	if strings.Contains(control, "://") {
		if p, ok := rehost(at, control); ok {
			return p, nil
		}
		return nil, fault.New(fault.Protocol, "describe", errControl)
	}
	control = oneWord(control)
	s := at.String()
	switch slash := strings.HasSuffix(s, "/"); {
	case slash && control[0] == '/':
		control = control[1:]
	case !slash && control[0] != '/' && control[0] != '?':
		s += "/"
	}
	if p, err := base.ParseURL(s + control); err == nil {
		p.User = nil
		return (*url.URL)(p), nil
	}
	return nil, fault.New(fault.Protocol, "describe", errControl)
}

// redirect judges a Location: same host, no way back from TLS. What comes through the
// camera's web server stays there unless another port is named.
func (u URL) redirect(location string, over Transport) (URL, error) {
	if strings.HasPrefix(location, "/") {
		location = u.scheme + "://" + u.hostport() + location
	}
	to, _, err := parseURL(location)
	if err != nil {
		return URL{}, fault.New(fault.Protocol, "redirect", errors.New("the camera redirects to something that is no RTSP URL: set the camera's true URL"))
	}
	switch {
	case to.port != 0:
	case over.tunnelled() && to.scheme == u.scheme:
		to.port = u.port
	default:
		to.port = to.usualPort()
	}
	if !strings.EqualFold(to.host, u.host) {
		return URL{}, fault.New(fault.Policy, "redirect", fmt.Errorf(
			"the camera redirects to another host, which is not followed, because the credentials would go there: if it is right, use %s://%s/... as the camera's URL", to.scheme, to.hostport()))
	}
	if u.Secure() && !to.Secure() {
		return URL{}, fault.New(fault.Policy, "redirect", errors.New("the camera redirects from rtsps to unencrypted rtsp, which is not followed"))
	}
	return to, nil
}
