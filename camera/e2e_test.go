//go:build cgo

package camera_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// site is simulated cameras, and a manager that reads them with the real source
// and the real decoder.
type site struct {
	t       *testing.T
	server  *camsim.Server
	m       *camera.Manager
	account *frame.Account
	cancel  context.CancelFunc
	done    chan error
}

func newSite(t *testing.T) *site {
	t.Helper()
	server, err := camsim.Start(camsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	logins, dials := rtsp.NewLoginBudget(), rtsp.NewDialLimiter(0, 0)
	s := &site{t: t, server: server, account: &frame.Account{}, done: make(chan error, 1)}
	s.m = camera.NewManager(camera.ManagerConfig{
		NewSource: func(c config.Camera, log *slog.Logger) (camera.Source, error) {
			u, _, err := rtsp.ParseURL(c.URL)
			if err != nil {
				return nil, err
			}
			return rtsp.New(rtsp.Config{
				URL: u, Username: c.Username, Password: c.Password, Transport: rtsp.Transport(c.Transport),
				Logger: log, Logins: logins, Dials: dials,
			})
		},
		NewDecoder: func(r camera.DecoderRequest) (decoder.Decoder, error) {
			r.Chosen(camera.BackendInfo{Name: "CPU"})
			return avcodec.New(r.Config)
		},
		Account: s.account,
	})
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.done <- s.m.Run(ctx) }()
	return s
}

// close stops everything and checks that nothing is left.
func (s *site) close() {
	s.t.Helper()
	s.cancel()
	if err := <-s.done; !errors.Is(err, context.Canceled) {
		s.t.Errorf("Run: %v", err)
	}
	if s.account.Frames() != 0 || s.account.Bytes() != 0 {
		s.t.Errorf("left: %d frames, %d bytes", s.account.Frames(), s.account.Bytes())
	}
	if err := s.server.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *site) simulate(path string, c camsim.Camera, clip string) *camsim.Handle {
	s.t.Helper()
	var err error
	if c.Clip, err = testvideo.Load(clip); err != nil {
		s.t.Fatal(err)
	}
	h, err := s.server.Add(path, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

func (s *site) add(id string, spec config.Camera) {
	s.t.Helper()
	spec.Transport = config.TransportTCP
	if _, err := s.m.Add(s.t.Context(), id, spec); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for a camera to be as ok says.
func (s *site) until(id, what string, ok func(camera.Snapshot) bool) camera.Snapshot {
	s.t.Helper()
	nudge := make(chan struct{}, 1)
	defer s.m.Watch(nudge)()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		snap, err := s.m.Get(id)
		if err != nil {
			s.t.Fatal(err)
		}
		if ok(snap) {
			return snap
		}
		select {
		case <-nudge:
		case <-deadline.C:
			s.t.Fatalf("%s: not %s: %+v", id, what, snap)
		}
	}
}

// next returns the frame after last, read as its bar code says.
func (s *site) next(id string, last frame.ID) (info frame.Info, number, picture int) {
	s.t.Helper()
	feed, err := s.m.Feed(id)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	f, err := feed.Ring().Wait(ctx, last)
	if err != nil {
		s.t.Fatalf("%s: no frame after %v: %v, %+v", id, last, err, feed.Snapshot())
	}
	defer f.Release()
	number, picture, err = testvideo.ReadBarcodeLuma(f.Planes[0].Data, f.Width, f.Height, f.Planes[0].Pitch)
	if err != nil {
		s.t.Fatalf("%s: frame %v: %v", id, f.ID, err)
	}
	return f.Info, number, picture
}

// Real sources and decoders: each codec's frames are the pictures that were sent,
// with the codec's first one clean.
func TestEndToEnd(t *testing.T) {
	s := newSite(t)
	defer s.close()
	for id, clip := range map[string]string{"h264": "h264_720p", "bframes": "h264_bframes", "h265": "h265_720p", "mjpeg": "mjpeg_480p"} {
		h := s.simulate(id, camsim.Camera{Username: "u", Password: "p/ä@1"}, clip)
		s.add(id, config.Camera{URL: h.URL(), Username: "u", Password: secret.New("p/ä@1")})
	}
	for _, id := range []string{"h264", "bframes", "h265", "mjpeg"} {
		info, number, _ := s.next(id, frame.ID{})
		if info.Corrupt || info.Epoch != 1 {
			t.Errorf("%s: first frame %+v", id, info)
		}
		for range 5 {
			later, same, _ := s.next(id, info.ID)
			if same != number || later.PTS <= info.PTS || later.Published <= info.Published {
				t.Errorf("%s: %+v of camera %d follows %+v of camera %d", id, later, same, info, number)
			}
			info = later
		}
		snap := s.until(id, "running", func(c camera.Snapshot) bool { return c.State == camera.StateRunning })
		if snap.Codec == media.CodecUnknown || snap.Transport != "TCP" || snap.Counters.PacketsReceived == 0 || snap.Memory.Host <= 0 || snap.Width != info.Width {
			t.Errorf("%s: %+v", id, snap)
		}
	}
}

// A camera loses its power and comes back with another picture size.
func TestEndToEndReboot(t *testing.T) {
	s := newSite(t)
	defer s.close()
	h := s.simulate("cam", camsim.Camera{}, "h264_change_a")
	s.add("a", config.Camera{URL: h.URL()})
	first, _, _ := s.next("a", frame.ID{})
	s.until("a", "running", func(c camera.Snapshot) bool { return c.State == camera.StateRunning })

	clip, err := testvideo.Load("h264_change_b")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.server.SetListening(false); err != nil {
		t.Fatal(err)
	}
	s.until("a", "failed", func(c camera.Snapshot) bool {
		return c.State == camera.StateFailed && c.Fault.Class == fault.Unreachable
	})
	h.Set(func(b *camsim.Behaviour) { b.Clip = clip })
	if err := s.server.SetListening(true); err != nil {
		t.Fatal(err)
	}
	info, _, _ := s.next("a", frame.ID{Epoch: first.Epoch, Sequence: 1 << 62})
	if info.Epoch <= first.Epoch || info.Width == first.Width || info.Corrupt {
		t.Errorf("%+v follows %+v", info, first)
	}
	snap := s.until("a", "running", func(c camera.Snapshot) bool { return c.State == camera.StateRunning })
	if snap.Counters.Reconnects != 1 || snap.Width != info.Width {
		t.Errorf("%+v", snap)
	}
	if err := s.m.Remove(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if n := h.Stats(); n.Teardowns != 1 || n.OpenSessions != 0 {
		t.Errorf("the camera was left without a TEARDOWN: %+v", n)
	}
}

// A picture of 16384 x 16384 pixels is refused with the numbers, before anything is
// allocated for it.
func TestEndToEndHugePicture(t *testing.T) {
	s := newSite(t)
	defer s.close()
	h := s.simulate("cam", camsim.Camera{Behaviour: camsim.Behaviour{HugePicture: true}}, "h264_720p")
	s.add("a", config.Camera{URL: h.URL()})
	snap := s.until("a", "refused", func(c camera.Snapshot) bool { return c.State == camera.StateFailed })
	if snap.Fault.Class != fault.Limit || snap.Fault.NextAttempt.IsZero() || s.account.Bytes() != 0 {
		t.Errorf("%+v, %d bytes", snap.Fault, s.account.Bytes())
	}
	t.Log(snap.Fault.Message)
}
