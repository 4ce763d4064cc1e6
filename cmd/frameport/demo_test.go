package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/e2e"
)

// The demo ends by itself and succeeds when all four cameras delivered.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pictures")
	out, errs, status := command(t, "", "demo", "--backend=cpu", "--duration=5s", "--output-dir="+dir,
		"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--rtsp-address=127.0.0.1:0")
	if mishap := besidesSlow(errs); status != 0 || mishap != "" {
		t.Errorf("status %d, %s\n%s", status, mishap, out)
	}
	contains(t, out, "H264", "H265", "MJPEG", "1280x720", "1920x1080", "One JPEG per camera is in "+dir,
		"snapshot street", "camera add copy", "grpcurl", "curl", "Ctrl-C")
	for i, c := range demoCameras() {
		data, err := os.ReadFile(filepath.Join(dir, c[0]+".jpg"))
		if err != nil {
			t.Fatal(err)
		}
		if camera, _, err := e2e.ReadJPEG(data); err != nil || camera != i+1 {
			t.Errorf("%s shows camera %d: %v", c[0], camera, err)
		}
	}
}

// besidesSlow is what the demo says but for its warnings that this machine is slow.
func besidesSlow(errs string) string {
	var out strings.Builder
	for line := range strings.Lines(errs) {
		slow := strings.Contains(line, "decoding is slower than the camera") || strings.Contains(line, "decoding can't keep up") ||
			strings.Contains(line, "more is decoded again of cameras")
		if !slow || !strings.Contains(line, " WRN ") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// It fails, and names them, when cameras did not deliver.
func TestDemoFails(t *testing.T) {
	_, errs, status := command(t, "", "demo", "--backend=cpu", "--duration=1ms", "--output-dir="+t.TempDir(),
		"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--rtsp-address=127.0.0.1:0")
	if status != 1 {
		t.Errorf("status %d", status)
	}
	contains(t, errs, "street", "parking", "entrance", "workshop")

	// The same view on a worker whose fourth camera is dead.
	site := e2e.NewSite(t, camsim.Config{})
	var declared []config.Declared
	for i, c := range demoCameras() {
		h := site.Camera(c[0], "h264_change_a", camsim.Camera{Behaviour: camsim.Behaviour{Refuse: i == 3}})
		spec := config.Camera{URL: h.URL(), Transport: config.TransportTCP}
		spec.EnsureDefaults()
		declared = append(declared, config.Declared{ID: c[0], Spec: spec, Origin: "test"})
	}
	w := startWorker(t, declared...)
	var out output
	view := demoView{io: streams{nil, &out, &out}, dir: t.TempDir(), grpc: w.grpc, http: w.http, rtsp: site.Addr()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- view.run(ctx) }()
	until(t, "a table", func() bool { return strings.Contains(out.String(), "FAILED") })
	cancel()
	err := <-done
	if err == nil || !strings.Contains(err.Error(), "no picture from workshop") || strings.Contains(err.Error(), "street") {
		t.Errorf("%v", err)
	}
}
