package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/e2e"
)

// lines reads one message per line of JSON.
func lines[M proto.Message](t *testing.T, text string, make func() M) []M {
	t.Helper()
	var all []M
	for l := range strings.Lines(text) {
		m := make()
		if err := protojson.Unmarshal([]byte(l), m); err != nil {
			t.Fatalf("%v in:\n%s", err, l)
		}
		all = append(all, m)
	}
	return all
}

func newCamera() *frameportv1.Camera { return &frameportv1.Camera{} }

// The life of a camera on the command line, with tables for people and JSON for
// programs.
func TestCameraCommands(t *testing.T) {
	site := e2e.NewSite(t, camsim.Config{})
	h := site.Camera("door", "h264_change_a", camsim.Camera{Username: "u", Password: "p/ä@ss"})
	w := startWorker(t)
	must := func(args ...string) string {
		t.Helper()
		out, errs, status := w.command(t, append([]string{"camera"}, args...)...)
		if status != 0 || errs != "" {
			t.Fatalf("frameport camera %q: status %d, %s", args, status, errs)
		}
		return out
	}
	contains(t, must("list"), "No cameras. Add one with: frameport camera add NAME rtsp://HOST/PATH")
	if out := must("ls", "--json"); out != "" {
		t.Errorf("no cameras are %q", out)
	}

	t.Setenv("FRAMEPORT_CAMERA_PASSWORD", "p/ä@ss")
	added := lines(t, must("add", "door", h.URL(), "--username=u", "--transport=tcp", "-l", "site=north", "-l", "lens=wide",
		"--decode=skip-non-reference", "--max-fps=10", "--max-width=320", "--ring-size=6", "--color-range=full", "--json"), newCamera)
	want := &frameportv1.CameraSpec{
		Url: h.URL(), Credentials: &frameportv1.Credentials{Username: "u", PasswordSet: true},
		Transport: frameportv1.Transport_TRANSPORT_TCP, Labels: map[string]string{"site": "north", "lens": "wide"},
		Decode:  &frameportv1.DecodePolicy{Mode: frameportv1.DecodeMode_DECODE_MODE_SKIP_NON_REFERENCE, MaxFps: 10},
		Frame:   &frameportv1.FrameSpec{MaxWidth: 320, RingSize: 6, Color: &frameportv1.ColorSpec{Range: frameportv1.ColorRange_COLOR_RANGE_FULL}},
		Backend: frameportv1.BackendKind_BACKEND_KIND_AUTO,
	}
	if len(added) != 1 || added[0].GetCameraId() != "door" || !proto.Equal(added[0].GetSpec(), want) {
		t.Errorf("added %v, want %v", added, want)
	}
	if err := os.Unsetenv("FRAMEPORT_CAMERA_PASSWORD"); err != nil {
		t.Fatal(err)
	}
	contains(t, must("add", "other", h.URL()+"/other"), "added other (CONNECTING)")

	row := ""
	until(t, "a running camera in the table", func() bool {
		row = must("list", "-l", "site=north")
		return strings.Contains(row, "RUNNING")
	})
	if table := strings.Split(row, "\n"); len(table) != 3 || table[2] != "" {
		t.Errorf("the table is:\n%s", row)
	}
	contains(t, row, "CAMERA", "STATE", "CODEC", "SIZE", "FPS", "KBIT/S", "AGE", "DROPPED", "FAULT", "door", "H264", "320x180")
	if all := lines(t, must("list", "--json"), newCamera); len(all) != 2 || all[0].GetCameraId() != "door" || all[1].GetCameraId() != "other" {
		t.Errorf("listed %v", all)
	}
	contains(t, must("show", "door"), "camera_id", "spec.url", h.URL(), "spec.labels.site", "north", "spec.credentials.password_set",
		"status.state", "CAMERA_STATE_RUNNING", "status.counters.access_units", "status.memory.host_bytes")

	contains(t, must("update", "door", "--decode=all", "--max-width=0", "-l", "site=south"), "updated door (")
	c := lines(t, must("show", "door", "--json"), newCamera)[0]
	if s := c.GetSpec(); s.GetDecode().GetMode() != frameportv1.DecodeMode_DECODE_MODE_ALL || s.GetFrame().GetMaxWidth() != 0 ||
		s.GetLabels()["site"] != "south" || s.GetDecode().GetMaxFps() != 10 || s.GetFrame().GetRingSize() != 6 || !s.GetCredentials().GetPasswordSet() {
		t.Errorf("updated to %v", s)
	}
	if u := lines(t, must("update", "door", "--max-fps=0", "--json"), newCamera); len(u) != 1 || u[0].GetSpec().GetDecode().GetMaxFps() != 0 {
		t.Errorf("updated to %v", u)
	}
	if out := must("remove", "door", "other"); out != "removed door\nremoved other\n" {
		t.Errorf("wrote %q", out)
	}
	if s := h.Stats(); s.OpenSessions != 0 || s.Teardowns != s.Plays {
		t.Errorf("%+v", s)
	}
}

// camera watch shows what happens until it is interrupted.
func TestCameraWatchCommand(t *testing.T) {
	site := e2e.NewSite(t, camsim.Config{})
	h := site.Camera("door", "h264_change_a", camsim.Camera{})
	w := startWorker(t)
	for name, flags := range map[string][]string{"table": nil, "json": {"--json"}} {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			var out, errs output
			status := make(chan int, 1)
			go func() {
				status <- run(ctx, append([]string{"camera", "watch", "door", "--address=" + w.grpc}, flags...), streams{nil, &out, &errs})
			}()
			id := "door"
			if _, e, s := w.command(t, "camera", "add", id, h.URL(), "--transport=tcp"); s != 0 {
				t.Fatal(e)
			}
			until(t, "news of a running camera", func() bool { return strings.Contains(out.String(), "RUNNING") })
			if _, e, s := w.command(t, "camera", "remove", id); s != 0 {
				t.Fatal(e)
			}
			until(t, "news of its end", func() bool { return strings.Contains(out.String(), "REMOVED") })
			interrupt()
			if s := <-status; s != 0 || errs.String() != "" {
				t.Errorf("status %d, %s", s, errs.String())
			}
			if flags == nil {
				contains(t, out.String(), "door ", "RUNNING", "REMOVED")
				// A watch that begins after the camera has come tells of it as it is.
				if first := strings.Fields(out.String())[2]; first != "ADDED" && first != "CURRENT" {
					t.Errorf("the first event is %s", first)
				}
				return
			}
			events := lines(t, out.String(), func() *frameportv1.WatchCamerasResponse { return &frameportv1.WatchCamerasResponse{} })
			if last := events[len(events)-1]; last.GetType() != frameportv1.CameraEventType_CAMERA_EVENT_TYPE_REMOVED || last.GetCamera().GetCameraId() != id {
				t.Errorf("the last event is %v", last)
			}
		})
	}
}

func TestSnapshotCommand(t *testing.T) {
	site := e2e.NewSite(t, camsim.Config{})
	h := site.Camera("door", "h264_change_a", camsim.Camera{})
	w := startWorker(t)
	if _, errs, status := w.command(t, "camera", "add", "door", h.URL(), "--transport=tcp"); status != 0 {
		t.Fatal(errs)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	picture := func(data []byte) {
		t.Helper()
		if camera, _, err := e2e.ReadJPEG(data); err != nil || camera != 19 {
			t.Errorf("a picture of camera %d: %v", camera, err)
		}
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}

	out, errs, status := w.command(t, "snapshot", "door")
	if status != 0 || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	contains(t, out, "door.jpg: 640x360 JPEG, ", " bytes, frame 1/", " old\n")
	picture(read("door.jpg"))

	out, errs, status = w.command(t, "snapshot", "door", "-o", "small.jpg", "--width=320", "--quality=90", "--max-age=5s", "--json")
	frames := lines(t, out, func() *frameportv1.Frame { return &frameportv1.Frame{} })
	if status != 0 || len(frames) != 1 || frames[0].GetWidth() != 320 || frames[0].GetHeight() != 180 || frames[0].GetCameraId() != "door" || len(frames[0].GetData()) != 0 {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
	picture(read("small.jpg"))

	out, errs, status = w.command(t, "snapshot", "door", "-o", "-")
	if status != 0 {
		t.Errorf("status %d, %s", status, errs)
	}
	contains(t, errs, "640x360 JPEG")
	picture([]byte(out))

	if out, errs, status = w.command(t, "snapshot", "door", "--format=rgb24"); status != 0 {
		t.Errorf("status %d, %s", status, errs)
	}
	contains(t, out, "door-640x360.rgb24: 640x360 RGB24, 691200 bytes")
	if n := len(read("door-640x360.rgb24")); n != 640*360*3 {
		t.Errorf("%d bytes", n)
	}

	_, errs, status = w.command(t, "snapshot", "door", "-o", "no/such/folder/x.jpg")
	if status != 1 {
		t.Errorf("status %d", status)
	}
	contains(t, errs, "no/such/folder/x.jpg", "no such file or directory")
	if left, err := filepath.Glob(".frameport-*"); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestWatchCommand(t *testing.T) {
	site := e2e.NewSite(t, camsim.Config{})
	h := site.Camera("door", "h264_change_a", camsim.Camera{})
	w := startWorker(t)
	if _, errs, status := w.command(t, "camera", "add", "door", h.URL(), "--transport=tcp"); status != 0 {
		t.Fatal(errs)
	}
	begin := time.Now()
	out, errs, status := w.command(t, "watch", "door", "--width=320", "--duration=1500ms")
	if took := time.Since(begin); status != 0 || errs != "" || took < 1500*time.Millisecond {
		t.Errorf("status %d after %v: %s", status, took, errs)
	}
	contains(t, out, "CAMERA", "FPS", "AGE", "SKIPPED", "door", "320x180")

	out, errs, status = w.command(t, "watch", "--json", "--max-fps=5", "--duration=1500ms")
	if status != 0 || errs != "" {
		t.Errorf("status %d: %s", status, errs)
	}
	var l watchLine
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &l); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if l.Camera != "door" || l.Width != 640 || l.Height != 360 || l.FPS <= 0 || l.FPS > 10 || l.BytesPerFrame == 0 || l.AgeSeconds <= 0 || l.SkippedPolicy == 0 {
		t.Errorf("%+v", l)
	}
	// A camera that gives nothing is told, with the reason.
	if _, errs, status := w.command(t, "camera", "add", "lot", "rtsp://127.0.0.1:1025/x"); status != 0 {
		t.Fatal(errs)
	}
	out, errs, status = w.command(t, "watch", "lot", "--duration=1500ms")
	if status != 0 || errs != "" {
		t.Errorf("status %d: %s", status, errs)
	}
	contains(t, out, "lot", "no frames: FAILED UNREACHABLE")
	if _, errs, status = w.command(t, "watch", "nobody", "--duration=5s"); status != 1 {
		t.Errorf("status %d", status)
	}
	contains(t, errs, "nobody", "[NotFound CAMERA_NOT_FOUND]")
}
