package rtsp

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

func TestFreezeWithKeepaliveAnswers(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{
		frames: func(c *camConn) { c.pictures(c.ctx, 30) },
		script: func(c *camConn, r *camRequest) bool {
			if r.method == "SETUP" {
				c.reply(r, "200 OK", "Session: 1;timeout=2\r\nTransport: RTP/AVP/TCP;interleaved=0-1", "")
			}
			return r.method == "SETUP"
		},
	})
	s := newSource(t, camURL(t, cam), func(c *Config) { c.Timeouts.Bytes = 1500 * time.Millisecond; c.Timeouts.Units = time.Minute })
	start := time.Now()
	wantFault(t, s, fault.Stalled, "no media packet for 1.5s")
	if d := time.Since(start); d < 1500*time.Millisecond || d > patience {
		t.Errorf("noticed after %v, want soon after 1.8 s", d)
	}
	if len(cam.seen("GET_PARAMETER")) == 0 {
		t.Error("the test is void: no keepalive was answered meanwhile")
	}
	receive(t, cam.teardown, "TEARDOWN of the frozen session")
}

func TestNothingAfterPlay(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{TransportTCP, TransportUDP, TransportAuto} {
		t.Run(transport.String(), func(t *testing.T) {
			t.Parallel()
			cam := startCam(t, &fakeCam{frames: func(*camConn) {}})
			s := newSource(t, camURL(t, cam), func(c *Config) { quickly(c); c.Transport = transport })
			wantFault(t, s, fault.Stalled, "no media packet")
			if s.transport.Load() != 0 {
				t.Error("remembered a transport over which nothing came")
			}
		})
	}
}

// sendPackets sends one packet every 10 ms, as made by packet.
func sendPackets(c *camConn, packet func(i int) *rtp.Packet) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		p := packet(i)
		p.Version, p.SequenceNumber, p.SSRC = 2, uint16(i), 7
		b, _ := p.Marshal()
		if !c.packet(0, b) {
			return
		}
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return
		}
	}
}

func TestPacketsWithoutPictures(t *testing.T) {
	t.Parallel()
	endless := func(c *camConn) {
		sendPackets(c, func(int) *rtp.Packet { // the middle of a fragment that never begins
			return &rtp.Packet{Header: rtp.Header{PayloadType: 96, Timestamp: 1}, Payload: []byte{0x7c, 0x05, 1, 2, 3}}
		})
	}
	cam := startCam(t, &fakeCam{frames: endless})
	dry := func(c *Config) { c.Timeouts.Units = time.Second }
	wantFault(t, newSource(t, camURL(t, cam), dry), fault.Stalled, "no picture could be made")

	other := func(c *camConn) {
		sendPackets(c, func(i int) *rtp.Packet {
			return &rtp.Packet{Header: rtp.Header{PayloadType: 99, Timestamp: uint32(i)}, Payload: []byte{1}}
		})
	}
	cam = startCam(t, &fakeCam{frames: other})
	wantFault(t, newSource(t, camURL(t, cam), quickly), fault.Stalled, "of another kind than announced")
}

func TestNoKeyFrameIsNotDeath(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{frames: func(c *camConn) {
		sendPackets(c, func(i int) *rtp.Packet {
			return &rtp.Packet{Header: rtp.Header{PayloadType: 96, Timestamp: uint32(i * 900), Marker: true}, Payload: testP}
		})
	}})
	s := newSource(t, camURL(t, cam), func(c *Config) { c.Timeouts.Units = time.Second })
	ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond) // over three times the limit
	defer cancel()
	err := s.Run(ctx, func(*media.AccessUnit) error { return nil })
	if err != context.DeadlineExceeded { //nolint:errorlint // exactly the context's own
		t.Fatalf("got %v, want the stream to be left alone until the end", err)
	}
	if st := s.Stats(); st.Depay.DroppedUnits < 5 || st.Depay.AccessUnits != 0 {
		t.Errorf("%+v, want only dropped units", st.Depay)
	}
}

func TestSlowCameraAnnouncesItsRate(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{
		sdp:    strings.Replace(h264SDP(), "a=control:trackID=0", "a=framerate:1\r\na=control:trackID=0", 1),
		frames: func(c *camConn) { c.pictures(c.ctx, 1) },
	})
	wantFault(t, newSource(t, camURL(t, cam), quickly), fault.Stalled, "no media packet for 3s")
}

// TestHalfOpen puts a proxy in between that stops moving bytes, as a camera
// without power does.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{})
	var dark atomic.Bool
	s := newSource(t, camURL(t, cam), func(c *Config) {
		quickly(c)
		c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &darkConn{Conn: conn, dark: &dark, closed: make(chan struct{})}, err
		}
	})
	n := 0
	start := time.Now()
	err := s.Run(t.Context(), func(*media.AccessUnit) error {
		if n++; n == 5 {
			dark.Store(true)
		}
		return nil
	})
	if fault.ClassOf(err) != fault.Stalled {
		t.Fatalf("got %v, want stalled", err)
	}
	if d := time.Since(start); d > patience {
		t.Errorf("took %v", d)
	}
}

// darkConn neither reads nor writes once dark is set, until it is closed or a
// deadline passes.
type darkConn struct {
	net.Conn
	dark   *atomic.Bool
	closed chan struct{}
	once   atomic.Bool
}

func (c *darkConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.dark.Load() {
			return n, err
		}
	}
}

func (c *darkConn) Write(p []byte) (int, error) {
	if c.dark.Load() {
		<-c.closed
		return 0, io.ErrClosedPipe
	}
	return c.Conn.Write(p)
}

func (c *darkConn) Close() error {
	if !c.once.Swap(true) {
		close(c.closed)
	}
	return c.Conn.Close()
}

func TestServerRequestsAndOddities(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
		switch r.method {
		case "OPTIONS":
			c.reply(r, "501 Not Implemented", "", "")
		case "DESCRIBE": // no Content-Type, a Content-Base that leads elsewhere
			c.reply(r, "200 OK", "Content-Base: rtsp://192.168.7.7:9999/stream/", c.cam.sdp)
		case "SETUP":
			c.send([]byte("SET_PARAMETER rtsp://x/ RTSP/1.0\r\nCSeq: 9\r\n\r\n"))
			c.reply(r, "200 OK", "Session: 77 ; timeout=abc\r\nTransport: rtp/avp/tcp; unicast; interleaved=4-5;ssrc=garbage;mode=odd", "")
			c.channel = 4
		default:
			return false
		}
		return true
	}})
	wantPlay(t, newSource(t, camURL(t, cam), nil))
	if u := cam.seen("SETUP")[0].url; u != "rtsp://"+cam.addr()+"/stream/trackID=0" {
		t.Errorf("SETUP of %s, want the path of Content-Base at the camera's own address", u)
	}
}

func TestSetupFallsBackToRequestURL(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
		switch {
		case r.method == "DESCRIBE":
			c.reply(r, "200 OK", "Content-Type: application/sdp\r\nContent-Base: rtsp://x/internal/", c.cam.sdp)
		case strings.Contains(r.url, "internal"):
			c.reply(r, "404 Not Found", "", "")
		default:
			return false
		}
		return true
	}})
	wantPlay(t, newSource(t, camURL(t, cam), nil))
}

func TestKeepaliveMethodIsChanged(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
		switch r.method {
		case "SETUP":
			c.reply(r, "200 OK", "Session: 1;timeout=2\r\nTransport: RTP/AVP/TCP;interleaved=0-1", "")
		case "GET_PARAMETER":
			_ = c.Conn.Close()
		default:
			return false
		}
		return true
	}})
	s := newSource(t, camURL(t, cam), nil)
	wantFault(t, s, fault.Unreachable, "lost")
	ctx, cancel := context.WithTimeout(t.Context(), 1700*time.Millisecond)
	defer cancel()
	_ = s.Run(ctx, func(*media.AccessUnit) error { return nil })
	if len(cam.seen("GET_PARAMETER")) != 1 || len(cam.seen("OPTIONS")) < 3 {
		t.Errorf("%d GET_PARAMETER and %d OPTIONS, want OPTIONS after the first loss", len(cam.seen("GET_PARAMETER")), len(cam.seen("OPTIONS")))
	}
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ sdp, text string }{
		"no video":   {sdpHead + "m=audio 0 RTP/AVP 0\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n", "no video track, only audio payload type 0, application VND.ONVIF.METADATA"},
		"old codec":  {sdpHead + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n", "it offers video MP4V-ES"},
		"empty":      {"v=0\r\n", "without any track"},
		"no sdp":     {"<html>", "without any track"},
		"only audio": {sdpHead + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/44100\r\n", "audio MPEG4-GENERIC"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cam := startCam(t, &fakeCam{sdp: tc.sdp})
			wantFault(t, newSource(t, camURL(t, cam), nil), fault.Unsupported, tc.text)
		})
	}
}

// TestMemoryPerSource holds 100 playing sources and looks at what each costs.
func TestMemoryPerSource(t *testing.T) {
	cam := startCam(t, &fakeCam{frames: func(c *camConn) { c.pictures(c.ctx, 2); <-c.ctx.Done() }})
	const n = 100
	before := heap()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended, playing := make(chan error, n), make(chan struct{}, n)
	dials := NewDialLimiter(50, 50)
	for range n {
		s := newSource(t, camURL(t, cam), func(c *Config) { c.Timeouts = Timeouts{Bytes: time.Minute, Units: time.Minute}; c.Dials = dials })
		go func() {
			ended <- s.Run(ctx, func(u *media.AccessUnit) error {
				if !u.RandomAccess {
					return nil
				}
				playing <- struct{}{}
				return nil
			})
		}()
	}
	for range n {
		select {
		case <-playing:
		case err := <-ended:
			t.Fatal(err)
		}
	}
	each := int64(heap()-before) / n
	t.Logf("%d bytes of heap and stacks per source, the test camera's side included", each)
	if each > 150_000 {
		t.Errorf("%d bytes per source, want at most 150000", each)
	}
	cancel()
	for range n {
		<-ended
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
