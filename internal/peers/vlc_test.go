//go:build peers

package peers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// startVLC has VLC serve a clip at /cam, many times over but in one piece: with
// --loop it would change its session description at every turn. ffmpeg gives the
// pictures their times, which VLC guesses wrong for a bare H.264 stream. VLC takes
// nobody's account when we are root, because it refuses to run as root.
func startVLC(t *testing.T, clip *testvideo.Clip) string {
	t.Helper()
	program, err := exec.LookPath("vlc")
	if err != nil {
		t.Fatalf("%v; run make deps-peers", err)
	}
	// Not t.TempDir: it is closed to other accounts.
	home, err := os.MkdirTemp("", "frameport-vlc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(home, "cam.mkv")
	writeLong(t, clip, file)
	port := freePort(t)
	cmd := exec.Command(program, "--intf", "dummy", "--no-plugins-cache", "--verbose", "2", "--no-color",
		"--rtsp-host", "127.0.0.1", "--rtsp-port", strconv.Itoa(port),
		"--sout", "#rtp{sdp=rtsp://:"+strconv.Itoa(port)+"/cam}", file)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		uid, gid := nobody(t)
		for _, path := range []string{home, file} {
			if err := os.Chown(path, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // account numbers
	}
	p := startProcess(t, cmd)
	p.await(0, "RTSP: adding", "/cam/trackID=0")
	return fmt.Sprintf("rtsp://127.0.0.1:%d/cam", port)
}

// writeLong writes a file that shows the clip for a minute.
func writeLong(t *testing.T, clip *testvideo.Clip, file string) {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-framerate", fmt.Sprint(clip.FPS),
		"-i", "-", "-t", "60", "-c", "copy", file)
	cmd.Stdin = bytes.NewReader(bytes.Repeat(clip.Samples, int(time.Minute/clip.Duration())+1))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v; run make deps-test\n%s", err, text)
	}
}

func nobody(t *testing.T) (uid, gid int) {
	t.Helper()
	account, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err = strconv.Atoi(account.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err = strconv.Atoi(account.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

// VLC sends over UDP only: what go2rtc does not do. AUTO must end there too.
func TestPeerVLC(t *testing.T) {
	for _, c := range []struct {
		name, clip string
		transport  config.Transport
	}{
		{"H264 over UDP", "h264_720p", config.TransportUDP},
		{"H264 over AUTO", "h264_720p", config.TransportAuto},
		{"H265 over UDP", "h265_720p", config.TransportUDP},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clip, err := testvideo.Load(c.clip)
			if err != nil {
				t.Fatal(err)
			}
			url, site := startVLC(t, clip), newSite(t)
			spec := config.Camera{URL: url, Transport: c.transport}
			want := clipStream(t, clip)
			r := site.add("cam", spec)
			pictures := r.collect(60)
			want.check(t, pictures)
			want.checkCamera(t, site.until("cam", "running", running), "UDP")
			for last := pictures[len(pictures)-1]; last.Source != media.ClockRTCP; last = r.next() {
			}
			checkNow(t, r.next())
			site.remove("cam")

			want.check(t, site.add("cam", spec).collect(5))
			site.remove("cam")
			checkFirst(t, site.firsts(url), 2)
		})
	}
}

// checkNow wants a capture time close to now. VLC does not say when it sends
// which picture, and buffers some.
func checkNow(t *testing.T, p picture) {
	t.Helper()
	off := p.Capture.Sub(p.Received)
	if off < -500*time.Millisecond || off > 500*time.Millisecond {
		t.Errorf("captured %v after it was received (%v)", off, p.Source)
	}
	t.Logf("capture times by %v are %v from arrival, error bound %v", p.Source, off, p.CaptureError)
}

// TCP and nothing else cannot be had from VLC, and the status says so.
func TestPeerVLCTCP(t *testing.T) {
	t.Parallel()
	clip, err := testvideo.Load("h264_720p")
	if err != nil {
		t.Fatal(err)
	}
	url, site := startVLC(t, clip), newSite(t)
	site.add("cam", config.Camera{URL: url, Transport: config.TransportTCP})
	snap := site.until("cam", "refused", func(c camera.Snapshot) bool { return c.State == camera.StateFailed })
	if snap.Fault.Class != fault.Unsupported || !strings.Contains(snap.Fault.Message, "461") {
		t.Errorf("%+v", snap.Fault)
	}
}
