//go:build peers

package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

const (
	login    = "relay"
	password = "p%ss/w@rd"
	// escaped is password in a URL.
	escaped = "p%25ss%2Fw%40rd"
)

// go2rtc is a go2rtc process that relays simulated cameras, or what ffmpeg pushes
// to it.
type go2rtc struct {
	*process
	port   int
	config string // file
}

// startGo2rtc starts go2rtc with the streams, "name: source" each.
func startGo2rtc(t *testing.T, streams ...string) go2rtc {
	t.Helper()
	g := go2rtc{port: freePort(t), config: filepath.Join(t.TempDir(), "go2rtc.yaml")}
	text := fmt.Sprintf(`
log: {format: text, level: info, rtsp: trace}
api: {listen: ""}
webrtc: {listen: ""}
srtp: {listen: ""}
rtsp: {listen: "127.0.0.1:%d"}
streams:
  %s
`, g.port, strings.Join(streams, "\n  "))
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g.process = g.run(t)
	return g
}

// run starts go2rtc with its configuration: once more after it was stopped.
func (g go2rtc) run(t *testing.T) *process {
	t.Helper()
	program := os.Getenv("GO2RTC")
	if program == "" {
		t.Fatal("GO2RTC does not name the go2rtc program; run make test-peers, which builds it")
	}
	cmd := exec.Command(program, "-config", g.config)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	p := startProcess(t, cmd)
	p.awaitListening(g.port)
	return p
}

func (g go2rtc) url(name string) string { return fmt.Sprintf("rtsp://127.0.0.1:%d/%s", g.port, name) }

// simulate starts a simulated camera with a login and returns it, its clip and
// the URL to give to go2rtc.
func simulate(t *testing.T, name string) (*camsim.Handle, *testvideo.Clip, string) {
	t.Helper()
	clip, err := testvideo.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	server, err := camsim.Start(camsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	h, err := server.Add("cam", camsim.Camera{Clip: clip, Username: login, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the simulated camera: %+v", h.Stats())
		}
	})
	return h, clip, strings.Replace(h.URL(), "rtsp://", "rtsp://"+login+":"+escaped+"@", 1)
}

// A camera behind go2rtc: go2rtc reads the simulated camera, and we read go2rtc.
// It sends over TCP only and says so, which AUTO must understand.
func TestPeerGo2rtc(t *testing.T) {
	for _, c := range []struct {
		name, clip string
		transport  config.Transport
	}{
		{"H264 over TCP", "h264_720p", config.TransportTCP},
		{"H264 over AUTO", "h264_720p", config.TransportAuto},
		{"H265 over TCP", "h265_720p", config.TransportTCP},
		{"MJPEG over TCP", "mjpeg_480p", config.TransportTCP},
		{"VP8 over TCP", "vp8_360p", config.TransportTCP},
		{"VP9 over TCP", "vp9_hidden", config.TransportTCP},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			simulated, clip, url := simulate(t, c.clip)
			server, site := startGo2rtc(t, "cam: "+url), newSite(t)
			spec := config.Camera{URL: server.url("cam"), Transport: c.transport}
			want := clipStream(t, clip)

			want.check(t, site.add("cam", spec).collect(50))
			want.checkCamera(t, site.until("cam", "running", running), "TCP")
			if c.transport == config.TransportAuto {
				server.await(0, "RTSP/1.0 461")
			}
			site.remove("cam")
			server.await(0, "TEARDOWN")

			again := server.mark()
			want.check(t, site.add("cam", spec).collect(5))
			site.remove("cam")
			server.await(again, "TEARDOWN")
			checkFirst(t, site.firsts(spec.URL), 2)
			if n := simulated.Stats(); n.FailedLogins != 0 || n.Plays == 0 {
				t.Errorf("go2rtc and the simulated camera: %+v", n)
			}
		})
	}
}

// UDP and nothing else cannot be had from go2rtc, and the status says so.
func TestPeerGo2rtcUDP(t *testing.T) {
	t.Parallel()
	_, _, url := simulate(t, "h264_720p")
	server, site := startGo2rtc(t, "cam: "+url), newSite(t)
	site.add("cam", config.Camera{URL: server.url("cam"), Transport: config.TransportUDP})
	snap := site.until("cam", "refused", func(c camera.Snapshot) bool { return c.State == camera.StateFailed })
	if snap.Fault.Class != fault.Unsupported || !strings.Contains(snap.Fault.Message, "461") {
		t.Errorf("%+v", snap.Fault)
	}
	t.Log(snap.Fault.Message)
}

// ffmpeg publishes a clip to go2rtc, which starts it when the first viewer comes.
func TestPeerGo2rtcFFmpeg(t *testing.T) {
	for _, name := range []string{"h264_720p", "h265_720p", "vp8_360p", "vp9_360p", "vp9_hidden"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clip, err := testvideo.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), clip.File)
			if err := os.WriteFile(file, clip.Samples, 0o600); err != nil {
				t.Fatal(err)
			}
			rate := fmt.Sprintf("-framerate %g ", clip.FPS)
			if strings.HasSuffix(file, ".ivf") { // it says so itself
				rate = ""
			}
			server, site := startGo2rtc(t, fmt.Sprintf(
				"cam: exec:ffmpeg -v error -re -stream_loop -1 %s-i %s -c copy -strict experimental -rtsp_transport tcp -f rtsp {output}",
				rate, file)), newSite(t)
			url := server.url("cam")
			want := clipStream(t, clip)
			want.check(t, site.add("cam", config.Camera{URL: url}).collect(60))
			want.checkCamera(t, site.until("cam", "running", running), "TCP")
			site.remove("cam")
			server.await(0, "TEARDOWN")
			checkFirst(t, site.firsts(url), 1)
		})
	}
}

// go2rtc dies in the middle and comes back: so does the camera, by itself.
func TestPeerGo2rtcRestart(t *testing.T) {
	t.Parallel()
	_, clip, url := simulate(t, "h264_720p")
	server, site := startGo2rtc(t, "cam: "+url), newSite(t)
	r := site.add("cam", config.Camera{URL: server.url("cam")})
	before := r.collect(25)
	server.stop()
	snap := site.until("cam", "failed", func(c camera.Snapshot) bool { return c.State == camera.StateFailed })
	if snap.Fault.Class != fault.Unreachable {
		t.Errorf("with the server gone: %+v", snap.Fault)
	}
	server.run(t)
	checkRecovery(t, site, r, before[len(before)-1], clipStream(t, clip))
	checkFirst(t, site.firsts(server.url("cam")), 2)
}
