//go:build peers

package peers

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/frameport/frameport/media"
)

// gstServer is GStreamer's RTSP server with the cameras of testdata/gstserver.py.
type gstServer struct {
	*process
	port   int
	scheme string
}

// startGStreamer starts the server; args are those of the script.
func startGStreamer(t *testing.T, args ...string) gstServer {
	t.Helper()
	// Debian's own Python: the bindings are packages of it, not of another one in PATH.
	cmd := exec.Command("/usr/bin/python3", append([]string{"testdata/gstserver.py"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	p := startProcess(t, cmd)
	var event struct{ Port int }
	line := p.await(0, `"event": "listening"`)
	if err := json.Unmarshal([]byte(line), &event); err != nil || event.Port == 0 {
		t.Fatalf("%q: %v", line, err)
	}
	return gstServer{process: p, port: event.Port, scheme: "rtsp"}
}

func (g gstServer) url(path string) string {
	return fmt.Sprintf("%s://127.0.0.1:%d%s", g.scheme, g.port, path)
}

// awaitEvent waits for a client to do something with a path.
func (g gstServer) awaitEvent(from int, event, path string) {
	g.t.Helper()
	g.await(from, fmt.Sprintf(`"event": %q`, event), fmt.Sprintf(`"path": %q`, path))
}

// gstStream is what the script sends.
func gstStream(codec media.Codec) stream {
	return stream{
		codec: codec, width: 320, height: 240, fps: 25, modulus: 1 << 16,
		number: func(p picture) int { return p.camera },
	}
}

// taken is when the picture was taken, as its bar code says: in milliseconds
// modulo 2^24, which is 4.7 hours.
func (p picture) taken() time.Time {
	const modulus = 1 << 24
	ago := (p.Received.UnixMilli() - int64(p.number)) & (modulus - 1)
	if ago > modulus/2 { // after it was received
		ago -= modulus
	}
	return time.UnixMilli(p.Received.UnixMilli() - ago)
}

// checkPixels wants the colour that every picture has below its bar code, and PTS as
// far apart as the times in the bar codes.
func checkPixels(t *testing.T, pictures []picture) {
	t.Helper()
	want := [3]byte{120, 180, 70}
	first := pictures[0]
	for _, p := range pictures {
		off := p.PTS - first.PTS - p.taken().Sub(first.taken())
		if off < -100*time.Millisecond || off > 100*time.Millisecond {
			t.Errorf("frame %v at %v was taken %v after frame %v at %v", p.ID, p.PTS, p.taken().Sub(first.taken()), first.ID, first.PTS)
		}
		for i, v := range p.body {
			if v < want[i]-5 || v > want[i]+5 {
				t.Fatalf("frame %v has Y, Cb, Cr %v, want %v", p.ID, p.body, want)
			}
		}
	}
}
