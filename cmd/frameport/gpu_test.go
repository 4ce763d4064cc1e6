package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/e2e"
)

// The doctor and the demo with the driver that a flag names. Package internal/e2e looks
// closer at what they say and show.
func TestDoctorAndDemoWithGPU(t *testing.T) {
	gputest.Open(t) // at the end nothing may be left
	flag := "--gpu-library-path=" + gputest.LibraryPath(t)
	out, errs, status := command(t, "", "doctor", flag, "--backend=cuda")
	if status != 0 || errs != "" {
		t.Errorf("status %d, %s", status, errs)
	}
	contains(t, out, "backend", "CUDA", "video decoders", "compute capability", "JPEG", "nvJPEG", "MiB free", "context", "kernels")

	dir := filepath.Join(t.TempDir(), "pictures")
	for _, duration := range []string{"5s", "40s"} { // the latter for a machine that is busy with other things
		out, errs, status = command(t, "", "demo", flag, "--backend=cuda", "--duration="+duration, "--output-dir="+dir,
			"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--rtsp-address=127.0.0.1:0")
		if status == 0 || !strings.Contains(errs, "no picture from") {
			break
		}
	}
	if mishap := besidesSlow(errs); status != 0 || mishap != "" {
		t.Errorf("status %d, %s\n%s", status, mishap, out)
	}
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
