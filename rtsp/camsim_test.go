package rtsp_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// startSim starts a server with one camera that shows a clip.
func startSim(t *testing.T, cfg camsim.Config, clip string, change func(*camsim.Camera)) (*camsim.Server, *camsim.Handle) {
	t.Helper()
	c, err := testvideo.Load(clip)
	if err != nil {
		t.Fatal(err)
	}
	server, err := camsim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	camera := camsim.Camera{Clip: c, Audio: true, Username: "admin", Password: "p@ss/w:rd"}
	if change != nil {
		change(&camera)
	}
	h, err := server.Add("/live", camera)
	if err != nil {
		t.Fatal(err)
	}
	return server, h
}

func simSource(t *testing.T, h *camsim.Handle, change func(*rtsp.Config)) *rtsp.Source {
	t.Helper()
	u, info, err := rtsp.ParseURL(h.URL())
	if err != nil {
		t.Fatal(err)
	}
	cfg := rtsp.Config{URL: u, Username: "admin", Password: secret.New("p@ss/w:rd"), Transport: rtsp.TransportTCP}
	if info != nil {
		cfg.Username, cfg.Password = info.Username, info.Password
	}
	cfg.Timeouts = rtsp.Timeouts{
		Dial: patience, Response: patience, Handshake: patience, UDPStart: 500 * time.Millisecond, Bytes: patience, Units: patience,
	}
	if change != nil {
		change(&cfg)
	}
	s, err := rtsp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var errDone = errors.New("done")

// patience is how long tests wait for what has to come, on a busy machine too.
const patience = time.Minute

// TestSimulatedCameras plays every codec over every transport from a peer that
// shares no code with us, and holds the capture times against the true ones.
func TestSimulatedCameras(t *testing.T) {
	t.Parallel()
	for clip, codec := range map[string]media.Codec{"h264_720p": media.CodecH264, "h265_720p": media.CodecH265, "mjpeg_restart": media.CodecMJPEG, "vp8_360p": media.CodecVP8, "vp9_hidden": media.CodecVP9} {
		for _, transport := range []rtsp.Transport{rtsp.TransportTCP, rtsp.TransportUDP, rtsp.TransportMulticast} {
			t.Run(clip+" "+transport.String(), func(t *testing.T) {
				t.Parallel()
				var mu sync.Mutex
				sent := map[int64]time.Time{} // by microsecond
				_, h := startSim(t, camsim.Config{}, clip, func(c *camsim.Camera) {
					c.OnSend = func(s camsim.Sent) {
						mu.Lock()
						defer mu.Unlock()
						sent[s.Time.UnixMicro()/100] = s.Time
					}
				})
				s := simSource(t, h, func(c *rtsp.Config) { c.Transport = transport })
				n, exact := 0, 0
				var last time.Duration
				ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
				defer cancel()
				err := s.Run(ctx, func(u *media.AccessUnit) error {
					if n == 0 && !u.RandomAccess || u.Format.Codec != codec {
						t.Errorf("unit %d: random access %v, codec %v", n, u.RandomAccess, u.Format.Codec)
					}
					begins := map[media.Codec]string{media.CodecH264: "\x00\x00\x00\x01", media.CodecH265: "\x00\x00\x00\x01", media.CodecMJPEG: "\xff\xd8"}
					if !bytes.HasPrefix(u.Data, []byte(begins[codec])) { // frames of VP8 and VP9 have a size, read by now
						t.Errorf("unit %d begins with %x", n, u.Data[:4])
					}
					last = u.PTS
					if u.Source == media.ClockRTCP {
						mu.Lock()
						at := u.Capture.UnixMicro() / 100
						for d := int64(-3); d <= 3; d++ { // rounding to 90 kHz
							if _, ok := sent[at+d]; ok {
								exact++
								break
							}
						}
						mu.Unlock()
					}
					if n++; n == 25 {
						return errDone
					}
					return nil
				})
				if !errors.Is(err, errDone) {
					t.Fatalf("%d units, then %v", n, err)
				}
				if exact < 20 {
					t.Errorf("%d of %d capture times are those at which the camera sent", exact, n)
				}
				if last < 500*time.Millisecond {
					t.Errorf("25 pictures within %v", last)
				}
			})
		}
	}
}

func TestSimulatedFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		behaviour camsim.Behaviour
		transport rtsp.Transport
		class     fault.Class // None = plays
	}{
		"silent UDP":         {camsim.Behaviour{UDPSilent: true}, rtsp.TransportAuto, fault.None},
		"no UDP":             {camsim.Behaviour{NoUDP: true}, rtsp.TransportAuto, fault.None},
		"loss and disorder":  {camsim.Behaviour{Loss: 0.002, Reorder: 0.05, Duplicate: 0.05, Seed: 1}, rtsp.TransportUDP, fault.None},
		"bad login":          {camsim.Behaviour{RejectLogins: true}, rtsp.TransportTCP, fault.Auth},
		"bare challenge":     {camsim.Behaviour{BareChallenge: true}, rtsp.TransportTCP, fault.Auth},
		"other host":         {camsim.Behaviour{RedirectTo: "rtsp://192.0.2.1/live"}, rtsp.TransportTCP, fault.Policy},
		"reset":              {camsim.Behaviour{Refuse: true}, rtsp.TransportTCP, fault.Unreachable},
		"frozen":             {camsim.Behaviour{Freeze: true}, rtsp.TransportTCP, fault.Stalled},
		"busy":               {camsim.Behaviour{Status: map[string]int{"SETUP": 453}}, rtsp.TransportTCP, fault.Busy},
		"audio only":         {camsim.Behaviour{SDP: camsim.SDPAudioOnly}, rtsp.TransportTCP, fault.Unsupported},
		"other codec":        {camsim.Behaviour{SDP: camsim.SDPUnsupported}, rtsp.TransportTCP, fault.Unsupported},
		"empty":              {camsim.Behaviour{SDP: camsim.SDPEmpty}, rtsp.TransportTCP, fault.Unsupported},
		"rubbish sets":       {camsim.Behaviour{SDP: camsim.SDPInvalidParameters}, rtsp.TransportTCP, fault.None},
		"no teardown answer": {camsim.Behaviour{NoAnswer: []string{"TEARDOWN"}}, rtsp.TransportTCP, fault.None},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, h := startSim(t, camsim.Config{}, "h264_720p", func(c *camsim.Camera) { c.Behaviour = tc.behaviour })
			s := simSource(t, h, func(c *rtsp.Config) {
				c.Transport = tc.transport
				if tc.class == fault.Stalled {
					c.Timeouts.Bytes = 1500 * time.Millisecond
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			n := 0
			err := s.Run(ctx, func(*media.AccessUnit) error {
				if n++; n == 5 {
					return errDone
				}
				return nil
			})
			if tc.class == fault.None && !errors.Is(err, errDone) || tc.class != fault.None && fault.ClassOf(err) != tc.class {
				t.Fatalf("%d units, then %v %v, want %v", n, fault.ClassOf(err), err, tc.class)
			}
		})
	}
}

// TestSimulatedTLS plays over rtsps with the server's certificate pinned.
func TestSimulatedTLS(t *testing.T) {
	t.Parallel()
	server, h := startSim(t, camsim.Config{TLS: true}, "h264_720p", nil)
	s := simSource(t, h, func(c *rtsp.Config) {
		c.Transport = rtsp.TransportAuto
		c.TLS = rtsp.TLS{Mode: rtsp.TLSPin, PinSHA256: server.CertificateSHA256()}
	})
	if err := s.Run(t.Context(), func(*media.AccessUnit) error { return errDone }); !errors.Is(err, errDone) {
		t.Fatal(err)
	}
}
