package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/render"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLatest(t *testing.T) {
	h := newHarness(t)
	resp, body := h.do("GET", "/api/door/latest.jpg?h=300&w=400&quality=70&bbox=1&timestamp=1")
	if resp.StatusCode != 200 || body != "jpeg 1 " {
		t.Fatalf("%s: %q", resp.Status, body)
	}
	if got := *h.renderer.last.Load(); got != (render.Output{Quality: 70, Width: 400, Height: 300}) {
		t.Errorf("rendered %+v", got)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "Cache-Control": "no-store", "Content-Length": "7", "X-Frame-Sequence": "1", "X-Frame-Epoch": "1",
		"X-Capture-Time": "2026-11-21T05:00:00.001Z", "X-Capture-Time-Source": "ARRIVAL", "Last-Modified": "Sat, 21 Nov 2026 05:00:00 GMT",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	tag := resp.Header.Get("ETag")
	if !strings.HasPrefix(tag, `"1-1-`) {
		t.Errorf("ETag %s", tag)
	}
	for _, match := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if resp, body := h.do("GET", "/api/door/latest.jpg", "If-None-Match", match); resp.StatusCode != 304 || body != "" || resp.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %s", match, resp.Status)
		}
	}
	h.door.publish()
	if resp, body := h.do("GET", "/api/door/latest.jpg", "If-None-Match", tag); resp.StatusCode != 200 || body != "jpeg 2 " {
		t.Errorf("after a new frame: %s %q", resp.Status, body)
	}
	if resp, body := h.do("HEAD", "/api/door/latest.jpg"); resp.StatusCode != 200 || body != "" || resp.ContentLength != 7 || resp.Header.Get("X-Frame-Sequence") != "2" {
		t.Errorf("HEAD: %s, length %d", resp.Status, resp.ContentLength)
	}
}

func TestErrors(t *testing.T) {
	h := newHarness(t)
	for _, tc := range []struct {
		method, path string
		code         int
		reason, text string
		header       string // "Name: value"
	}{
		{"GET", "/api/nobody/latest.jpg", 404, "CAMERA_NOT_FOUND", "no camera has this id", ""},
		{"GET", "/api/No%20Id/latest.jpg", 404, "CAMERA_NOT_FOUND", "", ""},
		{"GET", "/api/nobody", 404, "CAMERA_NOT_FOUND", "", ""},
		{"GET", "/cameras/nobody/mjpeg", 404, "CAMERA_NOT_FOUND", "", ""},
		{"GET", "/api/off/latest.jpg", 503, "NO_FRAME_YET", "the camera refuses the login", "Retry-After: 5"},
		{"GET", "/api/off", 503, "NO_FRAME_YET", "the camera refuses the login", "Retry-After: 5"},
		{"HEAD", "/api/off/latest.jpg", 503, "", "", "Retry-After: 5"},
		{"GET", "/api/none/latest.jpg", 409, "DECODE_DISABLED", "decode mode is NONE", ""},
		{"GET", "/api/door/latest.jpg?quality=0", 400, "INVALID_QUALITY", "quality: is 0; give 1 (smallest) to 100 (best)", ""},
		{"GET", "/api/door/latest.jpg?quality=101", 400, "INVALID_QUALITY", "is 101", ""},
		{"GET", "/api/door/latest.jpg?quality=good", 400, "INVALID_QUALITY", `is "good", want a whole number`, ""},
		{"GET", "/api/door/latest.jpg?h=-1", 400, "INVALID_SIZE", "h: is -1", ""},
		{"GET", "/api/door/latest.jpg?w=9999", 400, "INVALID_SIZE", "w: is 9999", ""},
		{"GET", "/api/door/latest.jpg?w=99999999999", 400, "INVALID_SIZE", "want a whole number", ""},
		{"GET", "/api/door?fps=-1", 400, "INVALID_MAX_FPS", "fps: is \"-1\"", ""},
		{"GET", "/api/door?fps=NaN", 400, "INVALID_MAX_FPS", "", ""},
		{"GET", "/api/door?h=x", 400, "INVALID_SIZE", "", ""},
		{"GET", "/nothing", 404, "NO_SUCH_PATH", "/api/CAMERA/latest.jpg", ""},
		{"GET", "/metrics", 404, "NO_SUCH_PATH", "", ""},
		{"POST", "/api/door/latest.jpg", 405, "METHOD_NOT_ALLOWED", "gRPC", "Allow: GET, HEAD"},
		{"DELETE", "/", 405, "METHOD_NOT_ALLOWED", "", ""},
	} {
		resp, body := h.do(tc.method, tc.path)
		if resp.StatusCode != tc.code {
			t.Errorf("%s %s: %s", tc.method, tc.path, resp.Status)
		}
		if name, value, ok := strings.Cut(tc.header, ": "); ok && resp.Header.Get(name) != value {
			t.Errorf("%s %s: %s is %q, want %q", tc.method, tc.path, name, resp.Header.Get(name), value)
		}
		if tc.method == "HEAD" {
			if body != "" {
				t.Errorf("HEAD %s has a body", tc.path)
			}
			continue
		}
		var p problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || resp.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %s: %q is no JSON: %v", tc.method, tc.path, body, err)
		}
		if string(p.Reason) != tc.reason || !strings.Contains(p.Message, tc.text) {
			t.Errorf("%s %s: %+v, want %s with %q", tc.method, tc.path, p, tc.reason, tc.text)
		}
		if strings.HasPrefix(tc.path, "/api/off") && p.FaultClass != "FAULT_CLASS_AUTH" {
			t.Errorf("%s: fault class %q", tc.path, p.FaultClass)
		}
	}
	h.renderer.err = errors.New("no memory for the picture of rtsp://192.0.2.1")
	if resp, body := h.do("GET", "/api/door/latest.jpg"); resp.StatusCode != 500 || strings.Contains(body, "192.0.2.1") || resp.Header.Get("ETag") != "" {
		t.Errorf("failed rendering: %s %s", resp.Status, body)
	}
	h.renderer.err = convert.ErrRequest
	if resp, _ := h.do("GET", "/api/door/latest.jpg"); resp.StatusCode != 400 {
		t.Errorf("impossible request: %s", resp.Status)
	}
}

func TestHostNames(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.Hosts = []string{"cameras.lan"} })
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "cameras.lan": 200,
		"evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421,
	} {
		if resp, _ := h.do("GET", "/api/door/latest.jpg", "Host", host); resp.StatusCode != want {
			t.Errorf("Host %s: %s, want %d", host, resp.Status, want)
		}
	}
}

// open begins an MJPEG stream.
func (h *harness) open(path string) (*multipart.Reader, func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	r, _ := http.NewRequestWithContext(ctx, "GET", h.url+path, nil)
	resp, err := h.client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != "multipart/x-mixed-replace; boundary=frameport" {
		h.t.Fatalf("%s, %s", resp.Status, got)
	}
	return multipart.NewReader(resp.Body, boundary), func() { cancel(); _ = resp.Body.Close() }
}

func part(t *testing.T, m *multipart.Reader) string {
	t.Helper()
	p, err := m.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(p)
	if err != nil || strconv.Itoa(len(data)) != p.Header.Get("Content-Length") || p.Header.Get("Content-Type") != "image/jpeg" {
		t.Fatalf("part %v, %d bytes, %v", p.Header, len(data), err)
	}
	return p.Header.Get("X-Frame-Sequence")
}

func TestMJPEG(t *testing.T) {
	h := newHarness(t)
	for _, path := range []string{"/api/door?h=100", "/cameras/door/mjpeg"} {
		m, end := h.open(path)
		for range 3 {
			want := strconv.FormatUint(h.door.next, 10)
			if got := part(t, m); got != want {
				t.Errorf("%s: frame %s, want %s", path, got, want)
			}
			h.door.publish()
		}
		end()
	}
	start := time.Now() // before the stream, whose first picture may be seen late
	m, end := h.open("/api/door?fps=5")
	defer end()
	part(t, m)
	for range 5 {
		h.door.publish()
	}
	if got, want := part(t, m), strconv.FormatUint(h.door.next, 10); got != want || time.Since(start) < 200*time.Millisecond {
		t.Errorf("frame %s after %v, want %s after 200 ms", got, time.Since(start), want)
	}
	// The stream ends when the camera is removed.
	h.door.ring.Close(camera.ErrRemoved)
	if _, err := m.NextPart(); err == nil {
		t.Error("a stream of a removed camera goes on")
	}
}

func TestSlowMJPEGClientIsCut(t *testing.T) {
	h := newHarness(t, func(c *Config) { c.SlowConsumer = 100 * time.Millisecond })
	h.renderer.size = 1 << 20
	h.door.publish()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /api/door HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for h.slow.Load() == 0 && time.Now().Before(deadline) {
		<-tick.C
		h.door.publish()
	}
	if h.slow.Load() != 1 {
		t.Fatal("the client was not cut")
	}
}

func TestHealth(t *testing.T) {
	var busy atomic.Bool
	h := newHarness(t, func(c *Config) {
		c.Ready = func() error {
			if busy.Load() {
				return errors.New("memory is short")
			}
			return nil
		}
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "frameport_x 1\n") })
	})
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ok\n", "/metrics": "frameport_x 1\n"} {
		if resp, body := h.do("GET", path); resp.StatusCode != 200 || body != want {
			t.Errorf("%s: %s %q", path, resp.Status, body)
		}
		if resp, _ := h.do("HEAD", path); resp.StatusCode != 200 {
			t.Errorf("HEAD %s: %s", path, resp.Status)
		}
	}
	busy.Store(true)
	if resp, body := h.do("GET", "/readyz"); resp.StatusCode != 503 || !strings.Contains(body, "memory is short") {
		t.Errorf("readyz: %s %s", resp.Status, body)
	}
	if resp, _ := h.do("GET", "/healthz"); resp.StatusCode != 200 {
		t.Errorf("healthz depends on readiness: %s", resp.Status)
	}
}

func TestHealthzWhenStuck(t *testing.T) {
	h := newHarness(t)
	h.cameras.stuck = make(chan struct{})
	resp, body := h.do("GET", "/healthz")
	if resp.StatusCode != 503 || !strings.Contains(body, "STUCK") {
		t.Errorf("%s %s", resp.Status, body)
	}
	close(h.cameras.stuck)
	if resp, _ := h.do("GET", "/healthz"); resp.StatusCode != 200 {
		t.Errorf("does not recover: %s", resp.Status)
	}
}

func TestPage(t *testing.T) {
	h := newHarness(t)
	h.cameras.cameras[1].snapshot.Fault.Message = `<script>alert(1)</script>`
	resp, body := h.do("GET", "/")
	csp := resp.Header.Get("Content-Security-Policy")
	if resp.StatusCode != 200 || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "img-src 'self'") || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
	for _, want := range []string{`src="/api/door/latest.jpg?h=180"`, "3 cameras", "&lt;script&gt;", "<style>body{"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(body, "<script") {
		t.Error("text of a camera became markup")
	}
	h.cameras.cameras = nil
	if _, body := h.do("GET", "/"); !strings.Contains(body, "frameport camera add") {
		t.Error("an empty page does not say what to do")
	}
}

func TestShutdownEndsStreams(t *testing.T) {
	h := newHarness(t)
	var streams []*multipart.Reader
	for range 10 {
		m, end := h.open("/api/door")
		defer end()
		part(t, m)
		streams = append(streams, m)
	}
	start := time.Now()
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	if slices.ContainsFunc(streams, func(m *multipart.Reader) bool { _, err := m.NextPart(); return err == nil }) {
		t.Error("a stream goes on")
	}
}

// A request of exactly as many bytes as are allowed is answered, one with one more is
// refused, also before it is complete; and one that comes byte by byte has no more time
// than any other.
func TestSlowloris(t *testing.T) {
	h := newHarness(t)
	send := func(request string) *http.Response {
		t.Helper()
		conn, err := net.Dial("tcp", h.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, request) // it may be refused before all of it is sent
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp
	}
	const begin, end = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", "\r\n\r\n"
	room := 16<<10 - len(begin+end)
	for request, status := range map[string]int{
		begin + strings.Repeat("x", room) + end:   http.StatusOK,
		begin + strings.Repeat("x", room+1) + end: http.StatusRequestHeaderFieldsTooLarge,
		begin + strings.Repeat("x", 40<<10):       http.StatusRequestHeaderFieldsTooLarge,
		// A body, which nothing here needs, is refused without being waited for.
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n": http.StatusBadRequest,
	} {
		if resp := send(request); resp.StatusCode != status || (status != http.StatusOK) != resp.Close {
			t.Errorf("%d bytes: %s, want %d", len(request), resp.Status, status)
		}
	}
	for name, first := range map[string]string{"the first request": "", "another one": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /"} {
		t.Run(name, func(t *testing.T) {
			got := connectionLasts(t, Config{}, "127.0.0.1", func(w io.Writer) {
				_, _ = io.WriteString(w, first)
				for n := 0; ; n++ {
					if _, err := io.WriteString(w, begin[n%len(begin):][:1]); err != nil {
						return
					}
					<-time.After(time.Second) // of the bubble
				}
			})
			if got < 5*time.Second || got > 6*time.Second {
				t.Errorf("a connection that brings a byte every second lasts %v, want 5s", got)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	_, err := New(Config{Drain: -1})
	for _, part := range []string{"Listener", "Cameras", "Renderer", "negative"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not mention %s", err, part)
		}
	}
}
