package camsim

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func hexMD5(s string) string    { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
func hexSHA256(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }

// digest answers a challenge as RFC 2617 says, without qop.
func digest(challenge, user, password string, hash func(string) string) func(method, uri string) string {
	p := parseParams(strings.TrimPrefix(challenge, "Digest "))
	return func(method, uri string) string {
		ha1 := hash(user + ":" + p["realm"] + ":" + password)
		response := hash(ha1 + ":" + p["nonce"] + ":" + hash(method+":"+uri))
		return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s, response="%s"`,
			user, p["realm"], p["nonce"], uri, p["algorithm"], response)
	}
}

func TestLogin(t *testing.T) {
	const user, password = "admin", "s3cret: \"x\""
	s := start(t, Config{})
	basic := func(string) func(string, string) string {
		return func(string, string) string {
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
		}
	}
	for _, tc := range []struct {
		name   string
		scheme AuthScheme
		offers int
		reply  func(challenge string) func(method, uri string) string
		status int
	}{
		{"basic", AuthBasic, 1, basic, 200},
		{"basic not offered", AuthDigestMD5, 1, basic, 401},
		{"md5", 0, 1, func(ch string) func(string, string) string { return digest(ch, user, password, hexMD5) }, 200},
		{"sha256", AuthDigestSHA256, 1, func(ch string) func(string, string) string { return digest(ch, user, password, hexSHA256) }, 200},
		{"all", AuthBasic | AuthDigestMD5 | AuthDigestSHA256, 3, basic, 200},
		{"wrong password", AuthDigestMD5, 1, func(ch string) func(string, string) string { return digest(ch, user, "no", hexMD5) }, 401},
		{"wrong user", AuthDigestMD5, 1, func(ch string) func(string, string) string { return digest(ch, "root", password, hexMD5) }, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := add(t, s, tc.name[:2]+fmt.Sprint(len(tc.name)), Camera{Clip: load(t, "color_red"), Username: user, Password: password, Auth: tc.scheme})
			c := dial(t, h)
			c.do(200, "OPTIONS", c.url)
			a := c.do(401, "DESCRIBE", c.url)
			offers := a.header["Www-Authenticate"]
			if len(offers) != tc.offers {
				t.Fatalf("challenges: %q", offers)
			}
			c.auth = tc.reply(offers[len(offers)-1])
			c.do(tc.status, "DESCRIBE", c.url)
			if failed := h.Stats().FailedLogins; failed != uint64(map[int]int{200: 0, 401: 1}[tc.status]) {
				t.Errorf("%d failed logins counted", failed)
			}
			if tc.status != 200 {
				return
			}
			c.play()
			right := c.auth
			c.auth = nil
			c.do(401, "GET_PARAMETER", c.url)
			c.auth = right
			c.do(200, "TEARDOWN", c.url)
		})
	}
}

func TestQop(t *testing.T) {
	n := newNonce()
	ha1, ha2 := hexMD5("u:"+realm+":p"), hexMD5("PLAY:rtsp://x/")
	header := fmt.Sprintf(`Digest username="u", realm="%s", nonce="%s", uri="rtsp://x/", qop=auth, nc=00000001, cnonce="abc", response="%s"`,
		realm, n.value, hexMD5(ha1+":"+n.value+":00000001:abc:auth:"+ha2))
	if v := AuthDigestMD5.check(header, "PLAY", "u", "p", n); v != loginRight {
		t.Errorf("verdict %d", v)
	}
}

func TestStaleNonce(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Username: "u", Password: "p", Behaviour: Behaviour{StaleAfter: 3}})
	c := dial(t, h)
	login := func(a *answer) { c.auth = digest(a.header.Get("Www-Authenticate"), "u", "p", hexMD5) }
	login(c.do(401, "DESCRIBE", c.url))
	stale := 0
	for range 20 {
		a, err := c.try("DESCRIBE", c.url)
		if err != nil {
			t.Fatal(err)
		}
		if a.status == 401 {
			if !strings.Contains(a.header.Get("Www-Authenticate"), "stale=true") {
				t.Fatalf("challenge %q", a.header)
			}
			stale++
			login(a)
		}
	}
	if stale < 4 || stale > 6 {
		t.Errorf("%d of 20 requests were stale, want one in four", stale)
	}
	if n := h.Stats().FailedLogins; n != 0 {
		t.Errorf("%d stale nonces counted as failed logins", n)
	}
}

func TestRejectLogins(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Username: "u", Password: "p", Behaviour: Behaviour{RejectLogins: true}})
	c := dial(t, h)
	c.auth = digest(c.do(401, "DESCRIBE", c.url).header.Get("Www-Authenticate"), "u", "p", hexMD5)
	for range 3 {
		c.do(401, "DESCRIBE", c.url)
	}
	if n := h.Stats().FailedLogins; n != 3 {
		t.Errorf("%d failed logins, want 3", n)
	}
	h.Set(func(b *Behaviour) { b.BareChallenge = true })
	if a := c.do(401, "DESCRIBE", c.url); a.header.Get("Www-Authenticate") != "" {
		t.Errorf("challenge %q", a.header)
	}
}
