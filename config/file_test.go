package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/config"
)

const example = `# two cameras
worker:
  grpc_address: 127.0.0.1:6000
  backend: cpu
  shared_memory: {dir: /dev/shm/x, limit: 512MiB, lease: 500ms, remote: true}
cameras:
  front-door:
    url: rtsp://192.0.2.10/stream1
    credentials: {username: viewer, password: 0123}
    decode:
      mode: keyframes
      max_fps: 2.5
      linger: 1m
    labels: {site: north}
  yard:
    url: rtsps://u:p@192.0.2.11/x
    transport: TRANSPORT_TCP
    tls: {mode: INSECURE}
    frame: {max_width: 640, ring_size: 8, color: {matrix: BT709, range: full}}
`

func TestParseFile(t *testing.T) {
	f, err := config.ParseFile([]byte(example), "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if f.Worker.GRPCAddress != "127.0.0.1:6000" || f.Worker.Backend != config.BackendCPU {
		t.Errorf("worker %+v", f.Worker)
	}
	if want := (config.SharedMemory{Dir: "/dev/shm/x", Limit: 512 << 20, Lease: 500 * time.Millisecond, Remote: true}); f.Worker.SharedMemory != want {
		t.Errorf("shared memory %+v", f.Worker.SharedMemory)
	}
	if len(f.Cameras) != 2 || f.Cameras[0].ID != "front-door" || f.Cameras[1].ID != "yard" {
		t.Fatalf("cameras %+v", f.Cameras)
	}
	door, yard := f.Cameras[0], f.Cameras[1]
	if door.Origin != "c.yaml:7" || yard.Origin != "c.yaml:15" {
		t.Errorf("origins %q %q", door.Origin, yard.Origin)
	}
	d := door.Spec
	if d.Username != "viewer" || d.Password.Reveal() != "0123" || d.Decode.Mode != config.DecodeKeyframes ||
		d.Decode.MaxFPS != 2.5 || d.Decode.Linger != time.Minute || d.Labels["site"] != "north" || d.Frame.RingSize != 4 {
		t.Errorf("door %+v, password %q", d, d.Password.Reveal())
	}
	y := yard.Spec
	if y.URL != "rtsps://192.0.2.11/x" || y.Username != "u" || y.Password.Reveal() != "p" || y.Transport != config.TransportTCP ||
		y.TLS.Mode != config.TLSInsecure || y.Frame.MaxWidth != 640 || y.Frame.RingSize != 8 {
		t.Errorf("yard %+v", y)
	}
}

func TestParseFileEmpty(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "cameras:\n", "---\n"} {
		if f, err := config.ParseFile([]byte(text), "c"); err != nil || len(f.Cameras) != 0 {
			t.Errorf("%q: %v %v", text, f, err)
		}
	}
}

func TestParseFileErrorsSayWhere(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"unknown key":   {"cameras:\n  a:\n    url: rtsp://h/\n    uri: x\n", "c.yaml:4:5: "},
		"unknown top":   {"camera:\n  a: {}\n", "c.yaml:1:1: "},
		"wrong type":    {"cameras:\n  a:\n    frame: {ring_size: many}\n", "c.yaml:3:"},
		"syntax":        {"cameras:\n  a: [\n", "c.yaml:2:"},
		"twice":         {"cameras:\n  a: {url: 'rtsp://h/'}\n  a: {url: 'rtsp://h/'}\n", "c.yaml:3:3: "},
		"enum":          {"cameras:\n  a:\n    url: rtsp://h/\n    transport: PIGEON\n", "PIGEON"},
		"duration":      {"cameras:\n  a:\n    decode: {linger: soon}\n", "soon"},
		"missing url":   {"cameras:\n  a:\n", "cameras.a.url: is empty"},
		"bad id":        {"cameras:\n  Front:\n    url: rtsp://h/\n", "cameras.Front: has character 'F'"},
		"two documents": {"cameras: {}\n---\ncameras: {}\n", "more than one"},
		"worker":        {"worker: {grpc_address: nowhere}\n", "worker.grpc_address"},
		"all at once":   {"cameras:\n  a: {url: 'http://h/'}\n  b: {url: 'rtsp://h/', frame: {ring_size: 99}}\n", "cameras.b.frame.ring_size"},
	} {
		_, err := config.ParseFile([]byte(tt.text), "c.yaml")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestFileErrorsHoldNoPassword(t *testing.T) {
	for _, text := range []string{
		"cameras:\n  a:\n    credentials: {username: u, password: c4n4ry, extra: 1}\n",
		"cameras:\n  a:\n    credentials: {username: u, password: [c4n4ry]}\n",
		"cameras:\n  a:\n    credentials: {username: u, password: \"c4n4ry}\n",
		"cameras:\n  a:\n    credentials: c4n4ry\n",
		"cameras:\n  a:\n    url: http://u:c4n4ry@h/\n",
		"cameras:\n  a:\n    url: u:c4n4ry@h/\n",
		"cameras:\n  a:\n    url: u:c4n4ry://h/\n",
	} {
		_, err := config.ParseFile([]byte(text), "c.yaml")
		if err == nil || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReadFileRefusesOpenPasswords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(example), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := config.ReadFile(path); err == nil || !strings.Contains(err.Error(), "chmod o-rwx "+path) {
		t.Errorf("open file: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := config.ReadFile(path); err != nil {
		t.Errorf("closed file: %v", err)
	}
	if _, err := config.ReadFile(path + "x"); err == nil {
		t.Error("missing file accepted")
	}
}

func TestFromEnviron(t *testing.T) {
	cameras, notes, err := config.FromEnviron([]string{
		"HOME=/root", "CAMERA_URL_2=rtsp://u:p@h/2", "CAMERA_URL_10=rtsp://h/10", "CAMERA_URL_11=", "CAMERA_URL=x",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(cameras) != 2 || cameras[0].ID != "camera-2" || cameras[0].Spec.Username != "u" || cameras[0].Spec.URL != "rtsp://h/2" ||
		cameras[1].ID != "camera-10" || cameras[1].Origin != "CAMERA_URL_10" {
		t.Errorf("%+v", cameras)
	}
	if got := strings.Join(notes, "\n"); !strings.Contains(got, "CAMERA_URL_1 is not set") ||
		!strings.Contains(got, "CAMERA_URL_3 to CAMERA_URL_9") || !strings.Contains(got, "CAMERA_URL_11 is empty") {
		t.Errorf("notes %q", notes)
	}
	_, _, err = config.FromEnviron([]string{"CAMERA_URL_x=rtsp://h/", "CAMERA_URL_01=rtsp://h/", "CAMERA_URL_3=http://u:c4n4ry@h/"})
	if list := problemsOf(t, err); len(list) != 3 || strings.Contains(err.Error(), "c4n4ry") {
		t.Errorf("%v", err)
	}
	if _, err := config.MergeDeclared(cameras, cameras[:1]); err == nil || !strings.Contains(err.Error(), "CAMERA_URL_2 and in CAMERA_URL_2") {
		t.Errorf("twice: %v", err)
	}
}

func TestWorkerValidate(t *testing.T) {
	var w config.Worker
	w.EnsureDefaults()
	if err := w.Validate(); err != nil {
		t.Fatal(err)
	}
	w = config.Worker{GRPCAddress: "0.0.0.0:50051", HTTPAddress: "x", LogFormat: "xml", LogLevel: "loud", MaxCameras: -1, Backend: 9}
	list := problemsOf(t, w.Validate())
	if len(list) != 6 || !strings.Contains(list[0].Text, "--insecure") {
		t.Errorf("%v", list)
	}
	w = config.Worker{SharedMemory: config.SharedMemory{Dir: "shm", Limit: 5, Lease: 5}}
	w.EnsureDefaults()
	for i, p := range problemsOf(t, w.Validate()) {
		if want := []string{"dir", "limit", "lease"}[i]; p.Field != "worker.shared_memory."+want {
			t.Errorf("%v, want %s", p, want)
		}
	}
	for _, n := range []int{-1, config.MaxDecodeIsolationCameras + 1} {
		w = config.Worker{DecodeIsolation: "vm", DecodeIsolationCameras: n}
		w.EnsureDefaults()
		list = problemsOf(t, w.Validate())
		if len(list) != 2 || list[0].Field != "worker.decode_isolation" || list[1].Field != "worker.decode_isolation_cameras" {
			t.Errorf("%v", list)
		}
	}
	w = config.Worker{GRPCAddress: "0.0.0.0:50051", Insecure: true}
	w.EnsureDefaults()
	if err := w.Validate(); err != nil {
		t.Errorf("insecure: %v", err)
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("cameras: {a: {url: 'rtsp://h/'}}"))
	f.Add([]byte("a: &x [*x]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := config.ParseFile(data, "f")
		if err != nil {
			return
		}
		for _, c := range file.Cameras {
			if err := c.Spec.Validate(); err != nil {
				t.Errorf("accepted %q: %v", c.ID, err)
			}
		}
	})
}
