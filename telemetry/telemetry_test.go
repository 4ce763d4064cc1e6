package telemetry

import (
	"bytes"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

type cameras []camera.Snapshot

func (c *cameras) List() []camera.Snapshot { return *c }

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(rec.Result().Body)
	if err != nil || rec.Code != 200 {
		t.Fatalf("status %d, %v: %s", rec.Code, err, body)
	}
	return string(body)
}

func TestMetrics(t *testing.T) {
	m := NewMetrics("v1.2.3", "CPU", slog.New(slog.DiscardHandler))
	list := &cameras{
		{
			ID: "door", State: camera.StateDegraded, LastFrame: time.Now().Add(-3 * time.Second),
			Spec:  config.Camera{URL: "rtsp://192.0.2.7/secret-path", Username: "admin", Password: secret.New("c4n4ry")},
			Fault: camera.FaultStatus{Class: fault.Decode, Message: "slow"},
			Clock: camera.ClockStatus{Source: media.ClockRTCP, Offset: -1500 * time.Millisecond},
			Counters: camera.Counters{
				AccessUnits: 100, FramesDecoded: 90, FramesPublished: 80, PacketsLost: 7, Reconnects: 2, DroppedQueue: 5,
			},
			Memory: camera.Memory{Device: camera.DeviceMemory{Decoder: 1, Ring: 2, Other: 4}, Host: 1024},
		},
		{ID: "yard"},
	}
	m.Cameras(list)
	m.Gauge("live_frames", "Frames held.", func() float64 { return 42 })
	m.Counter("render_shared_total", "Pictures shared.", func() float64 { return 7 })
	m.CallDone("/frameport.v1.FrameService/GetFrame", "OK", time.Millisecond)
	m.FrameSent("latest.jpg", 1000)
	m.FrameSent("latest.jpg", 500)
	m.FrameShared("ShareFrames", 3000)
	m.FrameShared("ShareFrames", 3000)
	m.SlowConsumer("mjpeg")
	m.Decoded(time.Millisecond)
	m.Waited(60 * time.Millisecond)
	m.Rendered(2 * time.Millisecond)

	text := scrape(t, m)
	for _, line := range []string{
		`frameport_build_info{backend="CPU",version="v1.2.3"} 1`,
		`frameport_camera_up{camera="door"} 1`,
		`frameport_camera_up{camera="yard"} 0`,
		`frameport_camera_state{camera="door",state="DEGRADED"} 1`,
		`frameport_camera_fault{camera="door",class="decode"} 1`,
		`frameport_camera_clock_offset_seconds{camera="door"} -1.5`,
		`frameport_camera_gpu_memory_bytes{camera="door"} 7`,
		`frameport_camera_host_memory_bytes{camera="door"} 1024`,
		`frameport_frames_decoded_total{camera="door"} 90`,
		`frameport_frames_published_total{camera="door"} 80`,
		`frameport_frames_dropped_total{camera="door",reason="queue"} 5`,
		`frameport_frames_dropped_total{camera="yard",reason="network"} 0`,
		`frameport_rtp_packets_lost_total{camera="door"} 7`,
		`frameport_reconnects_total{camera="door"} 2`,
		`frameport_grpc_calls_total{code="OK",method="/frameport.v1.FrameService/GetFrame"} 1`,
		`frameport_frames_sent_total{route="latest.jpg"} 2`,
		`frameport_frames_shared_total{route="ShareFrames"} 2`,
		`frameport_frame_bytes_shared_total{route="ShareFrames"} 6000`,
		`frameport_frame_bytes_sent_total{route="latest.jpg"} 1500`,
		`frameport_slow_consumers_total{route="mjpeg"} 1`,
		`frameport_decode_duration_seconds_count 1`,
		`frameport_decode_wait_seconds_bucket{le="0.1"} 1`,
		`frameport_render_duration_seconds_count 1`,
		`frameport_live_frames 42`,
		`frameport_render_shared_total 7`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if !strings.Contains(text, `frameport_frame_age_seconds{camera="door"} 3.`) {
		t.Error("wrong age of door's newest frame")
	}
	for _, never := range []string{
		`frame_age_seconds{camera="yard"}`, `camera_fault{camera="yard"`, `clock_offset_seconds{camera="yard"}`,
		"c4n4ry", "192.0.2.7", "secret-path", "admin",
	} {
		if strings.Contains(text, never) {
			t.Errorf("must not be there: %s", never)
		}
	}
	// A camera's series vanish with it.
	*list = (*list)[1:]
	if text := scrape(t, m); strings.Contains(text, `camera="door"`) || !strings.Contains(text, `camera="yard"`) {
		t.Error("series of a removed camera remain")
	}
}

func TestLogger(t *testing.T) {
	for _, tc := range []struct {
		format LogFormat
		want   string
	}{
		{LogAuto, `{"time":`}, {"", `{"time":`}, {LogJSON, `{"time":`}, {LogText, "INF hello camera=door password=***"},
	} {
		var b bytes.Buffer
		log, err := NewLogger(&b, tc.format, slog.LevelInfo)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("not this")
		log.Info("hello", "camera", "door", "password", secret.New("c4n4ry"))
		if out := b.String(); !strings.Contains(out, tc.want) || strings.Contains(out, "not this") || strings.Contains(out, "c4n4ry") || strings.Contains(out, "\x1b") {
			t.Errorf("format %q: %q", tc.format, out)
		}
	}
	if _, err := NewLogger(io.Discard, "yaml", slog.LevelInfo); err == nil || !strings.Contains(err.Error(), "use auto, text or json") {
		t.Errorf("unknown format: %v", err)
	}
}

func TestIsTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, w := range map[string]io.Writer{"buffer": &bytes.Buffer{}, "null device": null, "file": file} {
		if IsTerminal(w) {
			t.Errorf("%s counts as a terminal", name)
		}
	}
}
