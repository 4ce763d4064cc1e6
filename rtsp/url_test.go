package rtsp

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/frameport/frameport/internal/secret"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, url, address, user, password string }{
		{"rtsp://camera", "rtsp://camera", "camera:554", "", ""},
		{"RTSP://Camera.Example/a/B?c=d&e", "rtsp://camera.example/a/B?c=d&e", "camera.example:554", "", ""},
		{"rtsps://camera/x", "rtsps://camera/x", "camera:322", "", ""},
		{"rtsp://camera:322/x", "rtsp://camera:322/x", "camera:322", "", ""},
		{"rtsp://camera:8554/x", "rtsp://camera:8554/x", "camera:8554", "", ""},
		{"rtsp://[::1]:8554/x", "rtsp://[::1]:8554/x", "[::1]:8554", "", ""},
		{"rtsp://[FE80::1%25eth0]/x", "rtsp://[fe80::1%25eth0]/x", "[fe80::1%eth0]:554", "", ""},
		{"rtsp://[fe80::1%eth0]/x", "rtsp://[fe80::1%25eth0]/x", "[fe80::1%eth0]:554", "", ""},
		{"rtsp://[::ffff:10.0.0.1]/x", "rtsp://[::ffff:10.0.0.1]/x", "[::ffff:10.0.0.1]:554", "", ""},
		{"rtsp://admin@camera/x", "rtsp://camera/x", "camera:554", "admin", "none"},
		{"rtsp://admin:@camera/x", "rtsp://camera/x", "camera:554", "admin", ""},
		{"rtsp://admin:a:b%40c%2F%25@camera/x", "rtsp://camera/x", "camera:554", "admin", "a:b@c/%"},
		{"rtsp://ad%40min:%C3%B6@camera:1/x", "rtsp://camera:1/x", "camera:1", "ad@min", "ö"},
		{"rtsp://camera/user=admin&password=x@y", "rtsp://camera/user=admin&password=x@y", "camera:554", "", ""},
		{"rtsp://camera:554/cam?user=a&password=p@ss", "rtsp://camera:554/cam?user=a&password=p@ss", "camera:554", "", ""},
		{"rtsp://camera?x=1", "rtsp://camera?x=1", "camera:554", "", ""},
	} {
		u, info, err := ParseURL(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		want := strings.Replace(tc.url, "camera:554", "camera", 1)
		if u.String() != want || u.Address() != tc.address {
			t.Errorf("%s: got %s at %s, want %s at %s", tc.in, u, u.Address(), want, tc.address)
		}
		if (info != nil) != (tc.user != "") {
			t.Errorf("%s: credentials %v", tc.in, info)
			continue
		}
		if info == nil {
			continue
		}
		wantPassword := secret.New(tc.password)
		if tc.password == "none" {
			wantPassword = secret.String{}
		}
		if info.Username != tc.user || !info.Password.Equal(wantPassword) {
			t.Errorf("%s: got %q and %q", tc.in, info.Username, info.Password.Reveal())
		}
	}
}

func TestParseURLErrors(t *testing.T) {
	t.Parallel()
	for in, text := range map[string]string{
		"":                                           "no scheme",
		"camera/x":                                   "rtsp://host/path",
		"http://camera/":                             "write rtsp://host:80/path",
		"WSS://camera/":                              "set transport HTTP or WEBSOCKET",
		"file:///etc/passwd":                         "neither rtsp nor rtsps",
		"rtsp://":                                    "host is missing",
		"rtsp:///x":                                  "host is missing",
		"rtsp://u:p@/x":                              "host is missing",
		"rtsp://camera:0/":                           "1 to 65535",
		"rtsp://camera:65536/":                       "1 to 65535",
		"rtsp://camera:/":                            "port is missing",
		"rtsp://camera:+5/":                          "1 to 65535",
		"rtsp://::1/x":                               "needs brackets",
		"rtsp://[::1/x":                              "closing bracket",
		"rtsp://[::1]x/":                             "only a port",
		"rtsp://[1.2.3.4]/":                          "no IPv6",
		"rtsp://[fe80::1%25]x/":                      "only a port",
		"rtsp://[fe80::1%]/":                         "zone",
		"rtsp://ca mera/":                            "space",
		"rtsp://camera/\n":                           "space or control",
		"rtsp://ca\"mera/":                           "host name",
		"rtsp://camera/%zz":                          "%25",
		"rtsp://camera/x#y":                          "%23",
		"rtsp://admin:p%zz@camera/":                  "%25",
		"rtsp://admin:pa@ss@camera/":                 "@ is %40",
		"rtsp://admin:12/34@camera/":                 "ambiguous",
		"rtsp://admin:12?34@camera/":                 "ambiguous",
		"rtsp://admin:12#34@camera/":                 "ambiguous",
		"rtsp://admin:pa/ss@camera/":                 "ambiguous",
		"rtsp://admin:p@ss:1/2@camera/":              "ambiguous",
		"rtsp://admin:pa[ss@camera/":                 "percent-encoded",
		"rtsp://admin:ö@camera/":                     "percent-encoded",
		"rtsp://admin:%ff@camera/":                   "UTF-8",
		"rtsp://admin:%0d%0a@camera/":                "decode",
		"rtsp://:secret@camera/":                     "no user name",
		"rtsp://camera/" + string([]byte{0xff}):      "UTF-8",
		"rtsp://camera/" + strings.Repeat("x", 2000): "longer than",
	} {
		_, _, err := ParseURL(in)
		if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %v, want %q", in, err, text)
		}
	}
}

// TestPasswordRoundTrip puts every printable ASCII character and some others into
// passwords: percent-encoded they come back, and raw they come back or are refused.
func TestPasswordRoundTrip(t *testing.T) {
	t.Parallel()
	passwords := []string{"", "pässwörd", "密码", "🔑", "a%40b", "%", "p:p", strings.Repeat("x", 200)}
	for c := byte(' '); c < 0x7f; c++ {
		passwords = append(passwords, string(c), "a"+string(c)+"b", string(c)+string(c), "1"+string(c)+"2")
	}
	for _, p := range passwords {
		encoded := (&url.URL{Scheme: "rtsp", Host: "camera:8554", Path: "/x", User: url.UserPassword("admin", p)}).String()
		u, info, err := ParseURL(encoded)
		if err != nil || info == nil || info.Password.Reveal() != p || u.String() != "rtsp://camera:8554/x" {
			t.Errorf("%q as %s: got %v, %v", p, encoded, info, err)
		}
		u, info, err = ParseURL("rtsp://admin:" + p + "@camera:8554/x")
		if err != nil {
			if p != "" && len(p) > 3 && strings.Contains(err.Error(), p) {
				t.Errorf("the error shows the password: %v", err)
			}
			continue
		}
		if decoded, _ := url.PathUnescape(p); info == nil || info.Password.Reveal() != decoded || u.String() != "rtsp://camera:8554/x" {
			t.Errorf("%q raw: got %v and %v", p, u, info)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"rtsp://camera/x", "rtsps://admin:p%40ss@[fe80::1%25eth0]:8554/a?b=c", "rtsp://a:b@c:d@e/f",
		"rtsp://admin:12/34@camera/", "rtsp://[::ffff:1.2.3.4]:1?x", "rtsp://u@h", "RTSP://%41@h/%41",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, info, err := ParseURL(s)
		if err != nil {
			if !errors.Is(err, ErrURL) {
				t.Fatalf("%v is no ErrURL", err)
			}
			return
		}
		if u.IsZero() || strings.Contains(u.Address(), "@") {
			t.Fatalf("%q gives %v", s, u)
		}
		again, none, err := ParseURL(u.String())
		if err != nil || none != nil || again != u {
			t.Fatalf("%q: %s parses to %s, %v, %v", s, u, again, none, err)
		}
		if info != nil && info.Username == "" {
			t.Fatalf("%q: credentials without a user", s)
		}
		// the library must be able to take what was accepted
		if b := u.base(nil); b.String() == "" || !strings.EqualFold(b.Hostname(), u.Hostname()) {
			t.Fatalf("%q: the library sees host %q", s, b.Hostname())
		}
	})
}
