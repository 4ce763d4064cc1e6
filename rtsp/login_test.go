package rtsp

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

func sum16(h hash.Hash, s string) string {
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil))
}

// digestOK checks a Digest response (RFC 2069 form) for user "admin".
func digestOK(r *camRequest, password, nonce string) bool {
	auth := r.header.Get("Authorization")
	if !strings.HasPrefix(auth, "Digest ") {
		return false
	}
	p := splitOffers(auth)[0].params
	sum := func(s string) string { return sum16(md5.New(), s) }
	if strings.EqualFold(p["algorithm"], "SHA-256") {
		sum = func(s string) string { return sum16(sha256.New(), s) }
	}
	ha1, ha2 := sum("admin:"+p["realm"]+":"+password), sum(r.method+":"+p["uri"])
	return p["username"] == "admin" && p["nonce"] == nonce && p["response"] == sum(ha1+":"+nonce+":"+ha2)
}

// digestCam wants a login for everything.
func digestCam(password string) func(*camConn, *camRequest) bool {
	return func(c *camConn, r *camRequest) bool {
		nonce := fmt.Sprintf("nonce%d", c.n)
		if digestOK(r, password, nonce) {
			return false
		}
		c.reply(r, "401 Unauthorized", `WWW-Authenticate: Digest realm="cam", nonce="`+nonce+`"`, "")
		return true
	}
}

func TestLoginMethods(t *testing.T) {
	t.Parallel()
	const password = `p@ss:w"ör/d?#%`
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+password))
	for _, tc := range []struct {
		name, offer string
		method      string // of the login that must be used; "" = none
		text        string // of the fault when there is none
	}{
		{"digest MD5", `WWW-Authenticate: Digest realm="a, b", nonce="n"`, "Digest", ""},
		{"digest SHA-256", `WWW-Authenticate: Digest realm="cam", nonce="n", algorithm=SHA-256`, "Digest", ""},
		{"digest and basic", "WWW-Authenticate: Basic realm=\"cam\"\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"n\"", "Digest", ""},
		{"both in one line", `WWW-Authenticate: Basic realm="cam", Digest realm="a, b", nonce="n"`, "Digest", ""},
		{"both in one line, unknown digest", `WWW-Authenticate: Basic realm="cam", Digest realm="cam", nonce="n", algorithm=SHA-512-256`, "", "MD5 or SHA-256"},
		{"lower case and opaque", `WWW-Authenticate: digest Realm="cam", nonce="n", opaque="opq"`, "Digest", ""},
		{"basic only", `WWW-Authenticate: Basic realm="cam"`, "Basic", ""},
		{"unknown digest and basic", "WWW-Authenticate: Basic realm=\"cam\"\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"n\", algorithm=SHA-512-256", "", "MD5 or SHA-256"},
		{"no challenge", "X-Nothing: 1", "", "without saying how"},
		{"rubbish", `WWW-Authenticate: Bearer`, "", "without saying how"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var wrong atomic.Int32
			cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
				auth := r.header.Get("Authorization")
				if strings.Contains(tc.offer, "opaque") && auth != "" && !strings.Contains(auth, `opaque="opq"`) {
					wrong.Add(1)
				}
				switch {
				case auth == "":
				case tc.method == "Digest" && digestOK(r, password, "n"), tc.method == "Basic" && auth == basic:
					return false
				default:
					wrong.Add(1)
				}
				c.reply(r, "401 Unauthorized", tc.offer, "")
				return true
			}})
			s := newSource(t, camURL(t, cam), credentials("admin", password))
			if tc.method == "" {
				wantFault(t, s, fault.Auth, tc.text)
			} else {
				wantPlay(t, s)
				receive(t, cam.teardown, "authorised TEARDOWN")
			}
			if wrong.Load() != 0 {
				t.Error("a wrong Authorization was sent")
			}
		})
	}
}

func TestNoDowngradeToBasicWithinARun(t *testing.T) {
	t.Parallel()
	var basics atomic.Int32
	cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
		if strings.HasPrefix(r.header.Get("Authorization"), "Basic") {
			basics.Add(1)
		}
		switch {
		case c.n > 1:
			c.reply(r, "401 Unauthorized", `WWW-Authenticate: Basic realm="cam"`, "")
		case !digestOK(r, "pw", "n"):
			c.reply(r, "401 Unauthorized", `WWW-Authenticate: Digest realm="cam", nonce="n"`, "")
		case r.method == "DESCRIBE":
			c.reply(r, "302 Found", "Location: rtsp://"+c.cam.addr()+"/other", "")
		default:
			return false
		}
		return true
	}})
	wantFault(t, newSource(t, camURL(t, cam), credentials("admin", "pw")), fault.Auth, "in clear")
	if basics.Load() != 0 {
		t.Error("the password was sent in clear")
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{script: digestCam("right")})
	budget := NewLoginBudget()
	s := newSource(t, camURL(t, cam), func(c *Config) { credentials("admin", "wrong")(c); c.Logins = budget })
	for range 2 {
		if e := wantFault(t, s, fault.Auth, "refuses the user name or password"); e.Immediate {
			t.Error("a wrong password must not be retried at once")
		}
	}
	dials := cam.dials()
	e := wantFault(t, s, fault.Auth, "not trying again before")
	if e.RetryAfter <= 29*time.Minute || e.RetryAfter > 30*time.Minute {
		t.Errorf("RetryAfter %v, want about 30 minutes", e.RetryAfter)
	}
	if cam.dials() != dials {
		t.Error("dialled although the login budget is used up")
	}
	fixed := newSource(t, camURL(t, cam), func(c *Config) { credentials("admin", "right")(c); c.Logins = budget })
	wantPlay(t, fixed)
	wantPlay(t, fixed)
}

func TestNoPasswordIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{script: digestCam("")})
	wantPlay(t, newSource(t, camURL(t, cam), credentials("admin", "")))
	budget := NewLoginBudget()
	if budget.fingerprint("admin", secret.New("")) == budget.fingerprint("admin", secret.String{}) {
		t.Error("an empty password and none look the same")
	}
}

func TestStaleNonce(t *testing.T) {
	t.Parallel()
	immediate := func(t *testing.T, s *Source) {
		t.Helper()
		if e := wantFault(t, s, fault.Auth, "nonce has expired"); !e.Immediate {
			t.Error("an expired nonce must be retried at once")
		}
	}
	t.Run("keepalive", func(t *testing.T) {
		t.Parallel()
		budget := NewLoginBudget()
		cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
			switch {
			case digestCam("pw")(c, r):
				return true
			case r.method == "SETUP":
				c.reply(r, "200 OK", "Session: 1;timeout=2\r\nTransport: RTP/AVP/TCP;interleaved=0-1", "")
			case r.method == "GET_PARAMETER":
				c.reply(r, "401 Unauthorized", `WWW-Authenticate: Digest realm="cam", nonce="new", stale=TRUE`, "")
			default:
				return false
			}
			return true
		}})
		s := newSource(t, camURL(t, cam), func(c *Config) { credentials("admin", "pw")(c); c.Logins = budget })
		for range 4 { // more often than failed logins are allowed
			immediate(t, s)
		}
		wantPlay(t, s)
	})
	t.Run("keepalive without credentials", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
			switch r.method {
			case "SETUP":
				c.reply(r, "200 OK", "Session: 1;timeout=2\r\nTransport: RTP/AVP/TCP;interleaved=0-1", "")
			case "GET_PARAMETER":
				c.reply(r, "401 Unauthorized", `WWW-Authenticate: Digest realm="cam", nonce="new"`, "")
			default:
				return false
			}
			return true
		}})
		if e := wantFault(t, newSource(t, camURL(t, cam), nil), fault.Auth, "none is set"); e.Immediate {
			t.Error("retried at once without credentials")
		}
	})
	t.Run("handshake", func(t *testing.T) {
		t.Parallel()
		var lies atomic.Int32
		cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
			if !digestOK(r, "pw", "n") || lies.Add(1) == 1 {
				c.reply(r, "401 Unauthorized", `WWW-Authenticate: Digest realm="cam", nonce="n", stale=true`, "")
				return true
			}
			return false
		}})
		budget := NewLoginBudget()
		s := newSource(t, camURL(t, cam), func(c *Config) { credentials("admin", "pw")(c); c.Logins = budget })
		immediate(t, s)
		if h := budget.hosts["127.0.0.1"]; len(h.failures) != 0 || len(h.pending) != 0 {
			t.Errorf("an expired nonce counts as a failed login: %+v", h)
		}
		wantPlay(t, s)
	})
	t.Run("a liar", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
			c.reply(r, "401 Unauthorized", `WWW-Authenticate: Digest realm="cam", nonce="n", stale=true`, "")
			return true
		}})
		s := newSource(t, camURL(t, cam), credentials("admin", "pw"))
		immediate(t, s)
		if e := wantFault(t, s, fault.Auth, "refuses the user name"); e.Immediate {
			t.Error("a camera that always says stale must not be retried at once for ever")
		}
	})
	t.Run("accepted and then refused", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
			if digestCam("pw")(c, r) {
				return true
			}
			if r.method == "SETUP" {
				c.reply(r, "401 Unauthorized", `WWW-Authenticate: Digest realm="cam", nonce="n"`, "")
			}
			return r.method == "SETUP"
		}})
		s := newSource(t, camURL(t, cam), credentials("admin", "pw"))
		for range maxImmediate {
			immediate(t, s)
		}
		if e := wantFault(t, s, fault.Auth, "rights"); e.Immediate {
			t.Error("immediate attempts are not bounded")
		}
	})
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	to := func(location func(c *camConn) string) func(*camConn, *camRequest) bool {
		return func(c *camConn, r *camRequest) bool {
			if r.method == "DESCRIBE" {
				if l := location(c); l != "" {
					c.reply(r, "302 Moved", "Location: "+l, "")
					return true
				}
			}
			return false
		}
	}
	t.Run("same host", func(t *testing.T) {
		t.Parallel()
		target := startCam(t, &fakeCam{script: digestCam("pw")})
		cam := startCam(t, &fakeCam{script: to(func(*camConn) string { return "rtsp://" + target.addr() + "/elsewhere?x=1" })})
		wantPlay(t, newSource(t, camURL(t, cam), credentials("admin", "pw")))
		if u := target.seen("DESCRIBE")[0].url; u != "rtsp://"+target.addr()+"/elsewhere?x=1" {
			t.Errorf("redirected to %s", u)
		}
	})
	t.Run("path only", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: to(func(c *camConn) string {
			if c.n > 1 {
				return ""
			}
			return "/elsewhere"
		})})
		wantPlay(t, newSource(t, camURL(t, cam), nil))
	})
	t.Run("loop", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: to(func(c *camConn) string { return "rtsp://" + c.cam.addr() + "/stream" })})
		wantFault(t, newSource(t, camURL(t, cam), nil), fault.Policy, "more than 3 times")
		if n := cam.dials(); n != 1+maxRedirects {
			t.Errorf("%d connections, want %d", n, 1+maxRedirects)
		}
	})
	t.Run("other host", func(t *testing.T) {
		t.Parallel()
		other := startCam(t, &fakeCam{})
		cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
			if digestCam("pw")(c, r) {
				return true
			}
			_, port, _ := strings.Cut(other.addr(), ":")
			return to(func(*camConn) string { return "rtsp://localhost:" + port + "/" })(c, r)
		}})
		wantFault(t, newSource(t, camURL(t, cam), credentials("admin", "pw")), fault.Policy, "another host")
		if other.dials() != 0 || len(other.seen("")) != 0 {
			t.Error("the other host was contacted")
		}
	})
	t.Run("nowhere", func(t *testing.T) {
		t.Parallel()
		cam := startCam(t, &fakeCam{script: to(func(*camConn) string { return "http://" + "127.0.0.1/" })})
		wantFault(t, newSource(t, camURL(t, cam), nil), fault.Protocol, "no RTSP URL")
	})
}

func TestNoCredentialsWithoutChallenge(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{})
	wantPlay(t, newSource(t, camURL(t, cam), credentials("admin", "pw")))
	for _, r := range cam.seen("") {
		if r.header.Get("Authorization") != "" || strings.Contains(r.url, "@") {
			t.Errorf("%s %s carries credentials nobody asked for", r.method, r.url)
		}
	}
}

// TestCanary drives every way to fail with one password and looks for it.
func TestCanary(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry/p@ss w%"
	forms := []string{
		"c4n4ry", base64.StdEncoding.EncodeToString([]byte("admin:" + canary)),
		sum16(md5.New(), "admin:cam:"+canary), "nonce1",
	}
	echo := func(status, header string) func(*camConn, *camRequest) bool {
		return func(c *camConn, r *camRequest) bool {
			if !digestOK(r, canary, "nonce1") {
				return digestCam(canary)(c, r)
			}
			// a camera that repeats what it was told, in every place that gets into errors
			repeat := strings.NewReplacer("{auth}", r.header.Get("Authorization"), "{pw}", canary,
				"{basic}", base64.StdEncoding.EncodeToString([]byte("admin:"+canary)))
			c.reply(r, repeat.Replace(status), repeat.Replace(header), "")
			return true
		}
	}
	for name, script := range map[string]func(*camConn, *camRequest) bool{
		"status":       echo("500 {pw} {basic} rtsp://admin:{pw}@host/", "X: 1"),
		"cut":          echo("404 "+strings.Repeat("x", 71)+" {pw}", "X: 1"), // used to be cut at 80
		"content type": echo("200 OK", "Content-Type: text/{pw}"),
		"session":      echo("200 OK", "Session: {pw};timeout=x{basic}\r\nContent-Type: {basic}"),
		"location":     echo("302 Found", "Location: rtsp://admin:{pw}@other/"),
		"not found":    echo("404 {pw}", "X: 1"),
		"bad line":     func(c *camConn, _ *camRequest) bool { return c.send([]byte("RTSP/1.0 " + canary + "\r\n\r\n")) },
		"wrong":        digestCam("other"),
		"silent":       func(*camConn, *camRequest) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cam := startCam(t, &fakeCam{script: script})
			s := newSource(t, camURL(t, cam), func(c *Config) {
				quickly(c)
				credentials("admin", canary)(c)
			})
			err := s.Run(t.Context(), func(*media.AccessUnit) error { return nil })
			for ; err != nil; err = errors.Unwrap(err) {
				for _, f := range forms {
					if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, f) {
						t.Errorf("%T shows %q: %s", err, f, text)
					}
				}
			}
			if text := fmt.Sprintf("%+v %#v", s.Stats(), s.cfg.URL); strings.Contains(text, "c4n4ry") {
				t.Error("stats show the password")
			}
		})
	}
}
