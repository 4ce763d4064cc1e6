package httpapi

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/server"
)

// guarded is a server that asks for tokens; the token of somebody is the name with
// "-token".
func guarded(t *testing.T, alter ...func(*Config)) (h *harness, keys *auth.Keys, path string) {
	t.Helper()
	path = authtest.File(t, fmt.Sprintf(`tokens:
  - {name: viewer, hash: %s, role: view}
  - {name: off, hash: %s, role: view, cameras: {ids: [off]}}
  - {name: old, hash: %s, role: admin, expires: 2020-01-01}
`, authtest.Hash("viewer-token"), authtest.Hash("off-token"), authtest.Hash("old-token")))
	keys, err := auth.OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics of door") })
	return newHarness(t, append(alter, func(c *Config) { c.Access, c.Metrics = &auth.Gate{Keys: keys}, metrics })...), keys, path
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// path is one that a pattern matches, for a camera.
func (r route) path(camera string) string {
	return strings.NewReplacer("{camera}", camera, "{$}", "").Replace(r.pattern)
}

// TestEveryPathAsksWhoCalls is the rule for whoever adds a path.
func TestEveryPathAsksWhoCalls(t *testing.T) {
	var logs lockedBuffer
	h, _, _ := guarded(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	s, err := New(Config{Listener: h.listener, Cameras: h.cameras, Renderer: h.renderer, Metrics: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	routes := s.routes()
	if len(routes) < 8 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, route := range routes {
		if route.need == auth.Nobody {
			t.Errorf("%s does not say who may have it", route.pattern)
		}
		path := route.path("door")
		if route.need == server.Anyone {
			if resp, body := h.do("GET", path); resp.StatusCode != 200 || body != "ok\n" {
				t.Errorf("%s without a token: %s", path, resp.Status)
			}
			continue
		}
		for header, reason := range map[string]string{
			"": "TOKEN_REQUIRED", "Bearer wrong": "TOKEN_INVALID", "Bearer ": "TOKEN_INVALID", "viewer-token": "TOKEN_INVALID",
			"Digest viewer-token": "TOKEN_INVALID", basic("viewer-token", ""): "TOKEN_INVALID", "Bearer old-token": "TOKEN_EXPIRED",
		} {
			var headers []string
			if header != "" {
				headers = []string{"Authorization", header}
			}
			resp, body := h.do("GET", path, headers...)
			if resp.StatusCode != 401 || !strings.Contains(body, reason) || len(resp.Header.Values("WWW-Authenticate")) != 2 {
				t.Errorf("%s with %q: %s %s, want %s", path, header, resp.Status, body, reason)
			}
			if resp, _ := h.do("GET", path+"?token=viewer-token&access_token=viewer-token", headers...); resp.StatusCode != 401 {
				t.Errorf("%s takes a token from its URL", path)
			}
		}
		if resp, body := h.do("GET", path, "Authorization", "Bearer off-token"); strings.Contains(body, "door") && resp.StatusCode != 404 {
			t.Errorf("%s with a token of another camera: %s", path, body)
		}
	}
	if text := logs.String(); strings.Contains(text, "-token") || strings.Contains(text, "dmlld2VyL") {
		t.Error("a token is in the log")
	}
	if resp, _ := h.do("GET", "/debug/pprof/", "Authorization", "Bearer viewer-token"); resp.StatusCode != 404 {
		t.Errorf("pprof: %s", resp.Status)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A route without an entry is refused, whoever asks.
func TestRoutesWithoutAnEntryAreRefused(t *testing.T) {
	h := newHarness(t)
	s, err := New(Config{Listener: h.listener, Cameras: h.cameras, Renderer: h.renderer})
	if err != nil {
		t.Fatal(err)
	}
	s.http.Handler = s.allowed(route{pattern: "/x", serve: s.index})
	w := &recorder{header: http.Header{}}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "/x", nil)
	s.http.Handler.ServeHTTP(w, r)
	if w.code != http.StatusForbidden {
		t.Errorf("status %d", w.code)
	}
}

type recorder struct {
	header http.Header
	code   int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorder) WriteHeader(code int)        { r.code = code }

func TestTokensOnHTTP(t *testing.T) {
	h, _, _ := guarded(t)
	for _, header := range []string{"Bearer viewer-token", "bearer viewer-token", basic("anybody", "viewer-token"), basic("", "viewer-token")} {
		if resp, body := h.do("GET", "/api/door/latest.jpg", "Authorization", header); resp.StatusCode != 200 || body != "jpeg 1 " {
			t.Errorf("%s: %s", header, resp.Status)
		}
	}
	// A camera of others and one that there is not are the same.
	_, theirs := h.do("GET", "/api/door/latest.jpg", "Authorization", "Bearer off-token")
	_, unknown := h.do("GET", "/api/nobody/latest.jpg", "Authorization", "Bearer off-token")
	if strings.ReplaceAll(theirs, "door", "X") != strings.ReplaceAll(unknown, "nobody", "X") || !strings.Contains(theirs, "CAMERA_NOT_FOUND") {
		t.Errorf("answers differ: %s and %s", theirs, unknown)
	}
	if resp, _ := h.do("GET", "/api/off/latest.jpg", "Authorization", "Bearer off-token"); resp.StatusCode != 503 {
		t.Errorf("the camera of the token: %s", resp.Status)
	}
	// The page shows what the token is for, and metrics, which speak of all cameras, want
	// one for all.
	if _, body := h.do("GET", "/", "Authorization", "Bearer off-token"); strings.Contains(body, "door") || !strings.Contains(body, "off") {
		t.Error("the page shows what it must not")
	}
	if resp, body := h.do("GET", "/metrics", "Authorization", "Bearer off-token"); resp.StatusCode != 403 || strings.Contains(body, "metrics of") || !strings.Contains(body, "without a camera selector") {
		t.Errorf("metrics: %s, %s", resp.Status, body)
	}
	if resp, body := h.do("GET", "/metrics", "Authorization", "Bearer viewer-token"); resp.StatusCode != 200 || body != "metrics of door" {
		t.Errorf("metrics: %s", resp.Status)
	}
	// With a login a name of its own helps no web page.
	if resp, _ := h.do("GET", "/api/door/latest.jpg", "Host", "evil.example"); resp.StatusCode != 401 {
		t.Errorf("another host name: %s", resp.Status)
	}
}

// A stream ends when its token is taken back, also while its camera sends nothing.
func TestWithdrawnTokenLosesMJPEG(t *testing.T) {
	h, keys, path := guarded(t)
	r, _ := http.NewRequestWithContext(t.Context(), "GET", h.url+"/api/door", nil)
	r.Header.Set("Authorization", "Bearer viewer-token")
	resp, err := h.client.Do(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()
	authtest.Write(t, path, []byte("tokens: []"))
	if changed, err := keys.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil && !strings.Contains(err.Error(), "EOF") {
		t.Error(err)
	}
}

// One whose token is for other cameras now ends before the next picture.
func TestNarrowedTokenLosesMJPEG(t *testing.T) {
	h, keys, path := guarded(t)
	r, _ := http.NewRequestWithContext(t.Context(), "GET", h.url+"/api/door", nil)
	r.Header.Set("Authorization", "Bearer viewer-token")
	resp, err := h.client.Do(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()
	first := make([]byte, len("--frameport\r\nContent-Type: image/jpeg"))
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	authtest.Write(t, path, fmt.Appendf(nil, "tokens: [{name: viewer, hash: %s, role: view, cameras: {ids: [off]}}]", authtest.Hash("viewer-token")))
	if changed, err := keys.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	h.door.publish()
	rest, _ := io.ReadAll(resp.Body) // the end of the stream
	if strings.Contains(string(rest), "jpeg 2") {
		t.Error("a picture was sent that is not for this token any more")
	}
}

func TestHTTPS(t *testing.T) {
	ca := authtest.NewCA(t)
	pair := ca.Issue(t, []string{"127.0.0.1"})
	certificates, err := auth.OpenCertificates(auth.CertificateFiles{Certificate: pair.CertFile, Key: pair.KeyFile, ClientCA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, func(c *Config) {
		c.TLS, c.Access = certificates.Config("http/1.1"), &auth.Gate{CertificateRole: auth.View}
	})
	get := func(config *tls.Config) (int, error) {
		transport := &http.Transport{TLSClientConfig: config}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get(strings.Replace(h.url, "http:", "https:", 1) + "/api/door/latest.jpg")
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	if code, err := get(&tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{ca.Issue(t, []string{"browser"}).TLS}}); code != 200 {
		t.Errorf("with a certificate: %d, %v", code, err)
	}
	if code, err := get(&tls.Config{RootCAs: ca.Pool}); err == nil {
		t.Errorf("without a certificate: %d", code)
	}
	if resp, err := h.client.Get(h.url + "/api/door/latest.jpg"); err != nil || resp.StatusCode != 400 {
		t.Errorf("plain text: %v, %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
}

// What a camera or a resolver said is for those who may change the camera.
func TestFaultTextsOnHTTP(t *testing.T) {
	const canary = "dial tcp 10.9.8.7:554: connect: no route to host"
	tell := func(role string) (all string) {
		keys, err := auth.OpenKeys(authtest.File(t, fmt.Sprintf("tokens: [{name: app, hash: %s, role: %s}]", authtest.Hash("app-token"), role)))
		if err != nil {
			t.Fatal(err)
		}
		h := newHarness(t, func(c *Config) { c.Access = &auth.Gate{Keys: keys} })
		h.cameras.cameras[1].snapshot.Fault.Message = canary
		for _, path := range []string{"/", "/api/off", "/api/off/latest.jpg"} {
			_, body := h.do("GET", path, "Authorization", "Bearer app-token")
			all += body
		}
		return all
	}
	if all := tell("view"); strings.Contains(all, "10.9.8.7") || strings.Count(all, "the camera refuses the login") != 3 {
		t.Errorf("view: %s", all)
	}
	if all := tell("control"); strings.Count(all, canary) != 3 {
		t.Errorf("control: %s", all)
	}
}
