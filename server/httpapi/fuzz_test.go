package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/render"
)

// FuzzRequest: whatever a client asks, as bytes of HTTP, has an answer that is no fault of
// ours: a picture in the form that the query names, or a problem in JSON that says what is
// wrong.
func FuzzRequest(f *testing.F) {
	lis, err := Listen(f.Context(), "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = lis.Close() })
	cameras, renderer := &fakeCameras{}, &fakeRenderer{}
	door := cameras.add(camera.Snapshot{ID: "door", State: camera.StateRunning})
	cameras.add(camera.Snapshot{ID: "off", State: camera.StateFailed})
	cameras.add(camera.Snapshot{ID: "none", Spec: config.Camera{Decode: config.DecodePolicy{Mode: config.DecodeNone}}})
	door.publish()
	s, err := New(Config{Listener: lis, Cameras: cameras, Renderer: renderer})
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range []string{
		"GET /api/door/latest.jpg?h=300&w=400&quality=70&bbox=1&timestamp=1",
		"GET /api/door/latest.jpg?h=-1", "GET /api/door/latest.jpg?w=8193", "GET /api/door/latest.jpg?quality=0",
		"GET /api/door/latest.jpg?w=1e3&w=%zz;h=2", "HEAD /api/door/latest.jpg", "GET /api/no%20Id/latest.jpg", "GET /api/off/latest.jpg",
		"GET /api/none/latest.jpg", "GET /api/door?fps=5&h=200", "GET /api/door?fps=NaN", "GET /cameras/door/mjpeg", "GET /", "GET /healthz",
		"POST /api/door/latest.jpg", "GET http://elsewhere.example/api/door/latest.jpg", "GET /api/../api/door/latest.jpg", "GET //api/%2e%2e/latest.jpg",
	} {
		f.Add(line + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	f.Add("GET /api/door/latest.jpg HTTP/1.1\r\nHost: [::1]:80\r\nIf-None-Match: W/\"1-1-0\", *\r\nAuthorization: Basic !\r\n\r\n")
	f.Add("GET /api/door/latest.jpg HTTP/1.0\r\nHost: evil.example\r\nContent-Length: 3\r\n\r\nabc")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // streams end at once
		renderer.last.Store(nil)
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r.WithContext(ctx))
		answer := w.Result()
		defer answer.Body.Close()
		if code := w.Code; code < 200 || code > 503 || code == http.StatusInternalServerError {
			t.Fatalf("%q: %s", text, answer.Status)
		}
		for name, values := range answer.Header {
			if strings.ContainsAny(strings.Join(values, ""), "\r\n") {
				t.Fatalf("%q: %s: %q", text, name, values)
			}
		}
		if out := renderer.last.Load(); out != nil {
			checkForm(t, r, *out)
		}
		body := w.Body.Bytes()
		switch {
		case w.Code == http.StatusNotModified && r.Header.Get("If-None-Match") == "":
			t.Fatalf("%q: not modified since nothing", text)
		case w.Code >= 400 && strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") && r.Method != http.MethodHead:
			var p problem
			if err := json.Unmarshal(body, &p); err != nil || p.Reason == "" || p.Message == "" || len(body) > 16*len(text)+1024 {
				t.Fatalf("%q: %q, %v", text, body, err)
			}
		}
	})
}

// checkForm compares what was rendered with the query, read in another way.
func checkForm(t *testing.T, r *http.Request, got render.Output) {
	t.Helper()
	q := url.Values{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		text, err2 := url.QueryUnescape(value)
		if err == nil && err2 == nil && !strings.Contains(pair, ";") && q[plain] == nil {
			q[plain] = []string{text}
		}
	}
	number := func(name string, otherwise int) int {
		if q.Get(name) == "" {
			return otherwise
		}
		n, err := strconv.Atoi(q.Get(name))
		if err != nil {
			t.Fatalf("%s is %q and was rendered", name, q.Get(name))
		}
		return n
	}
	want := render.Output{Width: number("w", 0), Height: number("h", 0), Quality: number("quality", got.Quality)}
	if got != want || got.Width > 8192 || got.Height > 8192 || got.Quality < 1 || got.Quality > 100 {
		t.Fatalf("%s gives %+v, want %+v", r.URL, got, want)
	}
}
