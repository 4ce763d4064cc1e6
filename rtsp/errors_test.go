package rtsp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/frameport/frameport/internal/secret"
)

// Whatever a camera echoes of its password, it does not get through.
func TestScrubber(t *testing.T) {
	t.Parallel()
	const user, password = "viewer", "pa.Ss+w0rd/%@:"
	s := newScrubber(user, secret.New(password), URL{})
	for _, echo := range []string{
		password, strings.ToLower(password), strings.ToUpper(password),
		"pa.Ss+w0rd%2F%25%40%3A", "pa.Ss%2bw0rd%2f%25%40%3a",
		base64.StdEncoding.EncodeToString([]byte(user + ":" + password)),
		"rtsp://viewer:pa.Ss+w0rd%2F%25%40:@host/",
	} {
		got := s.error(errors.New("only " + echo + " is offered")).Error()
		if strings.Contains(strings.ToLower(got), "w0rd") || strings.Contains(got, echo) || !strings.Contains(got, "***") {
			t.Errorf("%q became %q", echo, got)
		}
	}
	harmless := errors.New("only paxSs+w0rd is offered")
	if got := s.error(harmless); got != harmless {
		t.Errorf("%q became %q", harmless, got)
	}
	for _, short := range []string{"", "a", "ab"} {
		if got := newScrubber(user, secret.New(short), URL{}).error(harmless); got != harmless {
			t.Errorf("with password %q: %q", short, got)
		}
	}
}

// Passwords in the path or the query of the URL, where some cameras want them.
func TestScrubberOfURLs(t *testing.T) {
	t.Parallel()
	u, _, err := ParseURL("rtsp://192.0.2.1/user=admin_password=Xy9_pq!_channel=1_stream=0.sdp?authbasic=YWRtaW46WHk5&pin=7&loginpas=s%40cret")
	if err != nil {
		t.Fatal(err)
	}
	s := newScrubber("", secret.String{}, u)
	for in, want := range map[string]string{
		"no " + u.String(): "no rtsp://192.0.2.1/user=admin_password=***_channel=1_stream=0.sdp?authbasic=***&pin=7&loginpas=***",
		"Xy9_pq! and xy9_PQ!, s@cret, s%40cret, YWRtaW46WHk5":    "*** and ***, ***, ***, ***",
		"to rtsp://h/a?user=u&pwd=1 and /b?apikey=zz;q=1":        "to rtsp://h/a?user=u&pwd=*** and /b?apikey=***;q=1",
		"/user=admin_password=_channel=1 password=&x= passive=1": "/user=admin_password=_channel=1 password=&x= passive=1",
		"Session=12, a=b, =, key":                                "Session=12, a=b, =, key",
	} {
		if got := s.text(in); got != want {
			t.Errorf("%q\nbecame %q\nwant   %q", in, got, want)
		}
	}
}

// TestCanaryInURL has cameras that repeat the URL they were asked for.
func TestCanaryInURL(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/user=admin_password=c4n4ry_channel=1_stream=0.sdp", "/live?user=admin&pwd=c4n4ry", "/live?authbasic=c4n4ry"} {
		for name, status := range map[string]string{"not found": "404 ", "error": "500 unknown ", "redirect": "302 "} {
			cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
				c.reply(r, status+r.url, "Location: rtsp://elsewhere"+path, "")
				return true
			}})
			u, _, err := ParseURL("rtsp://" + cam.addr() + path)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s := newSource(t, u, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			if _, err := runUnits(t, s, 1); err == nil || strings.Contains(err.Error()+log.String(), "c4n4ry") {
				t.Errorf("%s, %s: %v\n%s", path, name, err, log.String())
			}
		}
	}
}
