//go:build peers

package peers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

// Every codec over every transport: the pictures are those that were sent, the
// session ends with a TEARDOWN and the next one can begin at once.
func TestPeerGStreamer(t *testing.T) {
	for _, c := range []struct {
		name, path string
		codec      media.Codec
		transport  config.Transport
		using      string
	}{
		{"H264 over TCP", "/h264", media.CodecH264, config.TransportTCP, "TCP"},
		{"H264 over UDP", "/h264", media.CodecH264, config.TransportUDP, "UDP"},
		{"H264 over AUTO", "/h264", media.CodecH264, config.TransportAuto, "UDP"},
		{"H264 by multicast", "/multicast", media.CodecH264, config.TransportMulticast, "MULTICAST"},
		{"H264 over HTTP", "/h264", media.CodecH264, config.TransportHTTP, "HTTP"},
		{"H265 over TCP", "/h265", media.CodecH265, config.TransportTCP, "TCP"},
		{"H265 over UDP", "/h265", media.CodecH265, config.TransportUDP, "UDP"},
		{"VP8 over TCP", "/vp8", media.CodecVP8, config.TransportTCP, "TCP"},
		{"VP8 over UDP", "/vp8", media.CodecVP8, config.TransportUDP, "UDP"},
		{"VP9 over TCP", "/vp9", media.CodecVP9, config.TransportTCP, "TCP"},
		{"VP9 over UDP", "/vp9", media.CodecVP9, config.TransportUDP, "UDP"},
		{"MJPEG over TCP", "/mjpeg", media.CodecMJPEG, config.TransportTCP, "TCP"},
		{"MJPEG over UDP", "/mjpeg", media.CodecMJPEG, config.TransportUDP, "UDP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, site := startGStreamer(t), newSite(t)
			spec := config.Camera{URL: server.url(c.path), Transport: c.transport}
			want := gstStream(c.codec)

			reader := site.add("cam", spec)
			pictures := reader.collect(60)
			if c.transport == config.TransportMulticast {
				pictures = afterCollision(t, reader, pictures)
			}
			want.check(t, pictures)
			checkPixels(t, pictures)
			checkCapture(t, reader)
			want.checkCamera(t, site.until("cam", "running", running), c.using)
			site.remove("cam")
			server.awaitEvent(0, "teardown", c.path)

			again := server.mark()
			want.check(t, site.add("cam", spec).collect(5))
			site.remove("cam")
			server.awaitEvent(again, "teardown", c.path)
			checkFirst(t, site.firsts(spec.URL), 2)
		})
	}
}

// afterCollision returns pictures of one epoch. On one machine the server hears its
// own first report to the group, takes it for a collision and changes its SSRC in
// the middle of a GOP (RFC 3550, 8.2). For us that is a new source: the epoch ends
// without a reconnect.
func afterCollision(t *testing.T, r *reader, pictures []picture) []picture {
	t.Helper()
	last := pictures[len(pictures)-1]
	i := slices.IndexFunc(pictures, func(p picture) bool { return p.Epoch == last.Epoch })
	if i == 0 {
		return pictures
	}
	if last.Epoch != pictures[0].Epoch+1 {
		t.Errorf("frame %v follows %v", last.ID, pictures[0].ID)
	}
	return append(pictures[i:], r.collect(60)...)
}

// checkCapture waits for sender reports, the second of which gives the error bound,
// and holds the capture times made from them against the time in the pictures. Both
// clocks are this machine's. GStreamer's reports speak of sending, for which its
// sinks allow 20 ms. A fraction of an NTP time read as nanoseconds would be off by
// up to 3.3 s.
func checkCapture(t *testing.T, r *reader) {
	t.Helper()
	// The server may be set aside between drawing the time and sending.
	const tolerance = 250 * time.Millisecond
	deadline := time.Now().Add(patience)
	p := r.next()
	for p.Source != media.ClockRTCP || p.CaptureError == 0 {
		if p = r.next(); time.Now().After(deadline) {
			t.Fatalf("no two sender reports in %v: %+v", patience, r.feed.Snapshot().Clock)
		}
	}
	var least, most time.Duration
	for i := range 25 {
		off := p.Capture.Sub(p.taken())
		if off < -tolerance || off > tolerance {
			t.Errorf("frame %v: capture time %v is off by %v", p.ID, p.Capture, off)
		}
		if p.Source != media.ClockRTCP || p.CaptureError <= 0 || p.CaptureError > time.Second {
			t.Errorf("frame %v: capture time from %v with error %v after a sender report", p.ID, p.Source, p.CaptureError)
		}
		if i == 0 {
			least, most = off, off
		}
		least, most = min(least, off), max(most, off)
		p = r.next()
	}
	t.Logf("capture times are off by %v to %v, error bound %v", least, most, p.CaptureError)
}

// A second viewer joins a running stream in the middle of a GOP, over another
// transport. It gets clean pictures only, and the same ones as the first.
func TestPeerGStreamerSecondViewer(t *testing.T) {
	t.Parallel()
	server, site := startGStreamer(t), newSite(t)
	url := server.url("/h264")
	first := site.add("first", config.Camera{URL: url, Transport: config.TransportTCP})
	first.collect(10)
	second := site.add("second", config.Camera{URL: url, Transport: config.TransportUDP})
	pictures := second.collect(50)
	want := gstStream(media.CodecH264)
	want.check(t, pictures)
	checkPixels(t, pictures)
	if pictures[0].camera == 0 {
		t.Error("the stream began anew for the second viewer")
	}
	p, q := first.next(), second.next()
	if diff := p.camera - q.camera; diff < -5 || diff > 5 {
		t.Errorf("one shows picture %d, the other %d", p.camera, q.camera)
	}
	checkFirst(t, site.firsts(url), 2)
}

func TestPeerGStreamerLogin(t *testing.T) {
	for _, scheme := range []string{"basic", "digest"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			const password = "p:a ss/ä@1"
			server, site := startGStreamer(t, "--"+scheme, "viewer:"+password), newSite(t)
			spec := config.Camera{
				URL: server.url("/h264"), Transport: config.TransportTCP,
				Username: "viewer", Password: secret.New("wrong"),
			}
			site.add("wrong", spec)
			snap := site.until("wrong", "refused", func(c camera.Snapshot) bool { return c.State == camera.StateFailed })
			if snap.Fault.Class != fault.Auth || snap.LastFrameID.Epoch != 0 {
				t.Errorf("with a wrong password: %+v", snap)
			}
			site.remove("wrong")

			spec.Password = secret.New(password)
			gstStream(media.CodecH264).check(t, site.add("right", spec).collect(10))
			site.remove("right")
			server.awaitEvent(0, "teardown", "/h264")
		})
	}
}

// RTSP over TLS with the server's certificate pinned.
func TestPeerGStreamerTLS(t *testing.T) {
	t.Parallel()
	file, pin := certificate(t)
	server, site := startGStreamer(t, "--tls", file), newSite(t)
	server.scheme = "rtsps"
	spec := config.Camera{URL: server.url("/h264"), TLS: config.TLS{Mode: config.TLSPin, PinSHA256: pin}}
	pictures := site.add("pinned", spec).collect(50)
	want := gstStream(media.CodecH264)
	want.check(t, pictures)
	want.checkCamera(t, site.until("pinned", "running", running), "TCP")
	site.remove("pinned")
	server.awaitEvent(0, "teardown", "/h264")
	checkFirst(t, site.firsts(spec.URL), 1)

	spec.TLS = config.TLS{}
	site.add("verified", spec)
	snap := site.until("verified", "refused", func(c camera.Snapshot) bool { return c.State == camera.StateFailed })
	if snap.Fault.Class != fault.Policy {
		t.Errorf("a certificate of nobody known: %+v", snap.Fault)
	}
}

// The server dies in the middle and comes back: so does the camera, by itself.
func TestPeerGStreamerRestart(t *testing.T) {
	for name, transport := range map[string]config.Transport{"TCP": config.TransportTCP, "UDP": config.TransportUDP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, site := startGStreamer(t), newSite(t)
			url := server.url("/h264")
			r := site.add("cam", config.Camera{URL: url, Transport: transport})
			before := r.collect(25)
			server.stop()
			snap := site.until("cam", "failed", func(c camera.Snapshot) bool { return c.State == camera.StateFailed })
			if snap.Fault.Class != fault.Unreachable {
				t.Errorf("with the server gone: %+v", snap.Fault)
			}
			startGStreamer(t, "--port", fmt.Sprint(server.port))
			checkRecovery(t, site, r, before[len(before)-1], gstStream(media.CodecH264))
			checkFirst(t, site.firsts(url), 2)
		})
	}
}

// checkRecovery wants the camera to deliver again, in a new epoch.
func checkRecovery(t *testing.T, s *site, r *reader, last picture, want stream) {
	t.Helper()
	r.last.Sequence = 1 << 62 // no more of the old epoch
	after := r.collect(25)
	if after[0].Epoch != last.Epoch+1 {
		t.Errorf("frame %v follows %v", after[0].ID, last.ID)
	}
	want.check(t, after)
	if snap := s.until(r.feed.ID(), "running", running); snap.Counters.Reconnects != 1 {
		t.Errorf("%d reconnects, want 1", snap.Counters.Reconnects)
	}
}
