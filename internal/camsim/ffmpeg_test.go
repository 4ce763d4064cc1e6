package camsim

import (
	"bytes"
	"os/exec"
	"testing"
	"time"

	"github.com/frameport/frameport/internal/testvideo"
)

// A client that shares nothing with this project reads every kind of stream, and
// what it decodes carries the right bar codes.
func TestFFmpegReads(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("the ffmpeg program is not installed; install it to check the cameras with an independent client")
	}
	s := start(t, Config{})
	for _, name := range []string{"h264_720p", "h264_interlaced", "h265_720p", "mjpeg_480p", "mjpeg_restart", "mjpeg_422", "vp8_360p", "vp9_360p", "vp9_hidden"} {
		for _, transport := range []string{"tcp", "udp", "http"} {
			t.Run(name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				clip := load(t, name)
				h := add(t, s, name+transport, Camera{Clip: clip, FPS: 50, Username: "admin", Password: "p@ss:word", Audio: transport == "tcp"})
				const want = 6
				cmd := exec.Command("ffmpeg", "-v", "error", "-rtsp_transport", transport, "-i", withLogin(h, "admin", "p%40ss%3Aword"),
					"-map", "0:v", "-frames:v", "6", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-")
				cmd.WaitDelay = time.Second
				var text bytes.Buffer
				cmd.Stderr = &text
				raw, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v: %s", err, text.String())
				}
				w, height := clip.Width, clip.Height
				if len(raw) != want*w*height {
					t.Fatalf("%d bytes, want %d pictures of %dx%d: %s", len(raw), want, w, height, text.String())
				}
				last := -1
				for i := range want {
					camera, frame, err := testvideo.ReadBarcodeLuma(raw[i*w*height:], w, height, w)
					if err != nil || camera != clip.Camera || last >= 0 && frame != (last+1)%clip.Frames {
						t.Errorf("picture %d: camera %d, frame %d after %d: %v", i, camera, frame, last, err)
					}
					last = frame
				}
				if st := h.Stats(); st.FailedLogins != 0 || st.Plays != 1 {
					t.Errorf("counters: %+v", st)
				}
			})
		}
	}
}

func withLogin(h *Handle, user, password string) string {
	return "rtsp://" + user + ":" + password + "@" + h.server.Addr() + h.path
}
