package rtsp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// bigKeyFrames sends a key frame in four fragments and a small picture, in turns. Over
// UDP, large packets get lost as keep says.
func bigKeyFrames(keep func(picture int, large bool) bool) func(*camConn) {
	body := bytes.Repeat([]byte{0x55}, 1200)
	indicator, kind := testIDR[0]&0xe0|28, testIDR[0]&0x1f
	return func(c *camConn) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		seq := uint16(0)
		for i := 0; ; i++ {
			parts := [][]byte{testP}
			if i%2 == 0 {
				parts = [][]byte{
					testSPS, testPPS, append([]byte{indicator, kind | 0x80}, testIDR[1:]...),
					append([]byte{indicator, kind}, body...), append([]byte{indicator, kind}, body...),
					{indicator, kind | 0x40, 1},
				}
			}
			for j, part := range parts {
				p := &rtp.Packet{
					Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Timestamp: uint32(i * 900), SSRC: 7, Marker: j == len(parts)-1},
					Payload: part,
				}
				seq++
				b, _ := p.Marshal()
				if c.udp[0] != nil && !keep(i, len(part) > 1000) {
					continue
				}
				if !c.packet(0, b) {
					return
				}
			}
			select {
			case <-tick.C:
			case <-c.ctx.Done():
				return
			}
		}
	}
}

// Where UDP loses what key frames are made of, and nothing else, AUTO takes TCP, within
// the same run, and stays with it.
func TestAutoLeavesUDPThatLosesLargePackets(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{frames: bigKeyFrames(func(_ int, large bool) bool { return !large })})
	auto := func(c *Config) { c.Transport = TransportAuto; c.Timeouts.Units = time.Minute }
	s := newSource(t, camURL(t, cam), auto)
	wantPlay(t, s)
	if n, got := cam.dials(), Transport(s.transport.Load()); n != 2 || got != TransportTCP {
		t.Errorf("%d connections, remembered %v", n, got)
	}
	if st := s.Stats(); st.Depay.PacketsLost < minHoles {
		t.Errorf("%+v: the test is void", st.Depay)
	}
	wantPlay(t, s)
	if n := cam.dials(); n != 3 {
		t.Errorf("%d connections after the second run", n)
	}
}

// So it does when nothing can be made of what comes over UDP.
func TestAutoLeavesUDPWithoutPictures(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{frames: func(c *camConn) {
		if c.udp[0] == nil {
			c.pictures(c.ctx, 0)
			return
		}
		sendPackets(c, func(int) *rtp.Packet { // the middle of a fragment that never begins
			return &rtp.Packet{Header: rtp.Header{PayloadType: 96, Timestamp: 1}, Payload: []byte{0x7c, 0x05, 1, 2, 3}}
		})
	}})
	s := newSource(t, camURL(t, cam), func(c *Config) {
		c.Transport, c.Timeouts.UDPWhole, c.Timeouts.Units = TransportAuto, time.Minute, time.Second
	})
	wantPlay(t, s)
	if n := cam.dials(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// UDP that was asked for is kept, and so is UDP that delivers now and then, or that lost
// one picture of a stream with rare key frames.
func TestUDPIsKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		transport Transport
		keep      func(second int) (large bool)
		key       int // seconds between key frames
		leaves    bool
	}{
		"loses all":         {TransportAuto, func(int) bool { return false }, 2, true},
		"asked for":         {TransportUDP, func(int) bool { return false }, 2, false},
		"delivers at times": {TransportAuto, func(s int) bool { return s%4 == 0 }, 1, false},
		"rare key frames":   {TransportAuto, func(s int) bool { return s != 20 }, 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, _, err := ParseURL("rtsp://h/x")
				if err != nil {
					t.Fatal(err)
				}
				s := newSource(t, u, func(c *Config) { c.Transport, c.Timeouts = tt.transport, Timeouts{} })
				a := newAttempt(s, &runState{}, u, TransportUDP, func(*media.AccessUnit) error { return nil })
				a.begun = time.Now()
				push := a.receiver(&videoFormat{payloadType: 96, codec: media.CodecH264, clockRate: 90000})
				seq := uint16(0)
				var seen watched
				left := false
				for second := range 100 {
					nals := [][]byte{testP, testP}
					if second%tt.key == 0 {
						nals = [][]byte{testSPS, testPPS, {0x7c, 0x85, 0x88, 0x84, 0x00, 0x10}, {0x7c, 0x05, 1, 2}, {0x7c, 0x45, 3}, testP}
					}
					for i, nal := range nals {
						seq++
						h := rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Timestamp: uint32(second) * 90000, SSRC: 7, Marker: i == len(nals)-2}
						if i == len(nals)-1 {
							h.Timestamp, h.Marker = h.Timestamp+45000, true
						}
						if i != 3 || tt.keep(second) {
							push(&rtp.Packet{Header: h, Payload: nal})
						}
					}
					time.Sleep(time.Second)
					err := a.inspect(&seen)
					if _, left = errors.AsType[*switchTransport](err); left {
						break
					}
					if err != nil {
						t.Fatalf("after %d s: %v", second, err)
					}
				}
				if left != tt.leaves {
					t.Errorf("left %v: %+v", left, a.stream.Load().Stats())
				}
			})
		})
	}
}

// A camera that answers a wrong password with 403, or hangs up, is asked as rarely as
// one that answers 401; with a login that has worked, the user's other streams go on.
func TestLoginsThatEndOtherwise(t *testing.T) {
	t.Parallel()
	forbid := func(c *camConn, r *camRequest) { c.reply(r, "403 Forbidden", "", "") }
	hangUp := func(c *camConn, _ *camRequest) { _ = c.Close() }
	for name, tt := range map[string]struct {
		end   func(*camConn, *camRequest)
		class fault.Class
	}{
		"403": {forbid, fault.Auth}, "hang-up": {hangUp, fault.Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			digest := digestCam("right")
			cam := startCam(t, &fakeCam{script: func(c *camConn, r *camRequest) bool {
				if r.header.Get("Authorization") != "" && strings.Contains(r.url, "/stream") {
					tt.end(c, r)
					return true
				}
				return digest(c, r)
			}})
			budget := NewLoginBudget()
			login := func(password string) func(*Config) {
				return func(c *Config) { credentials("admin", password)(c); c.Logins = budget }
			}
			s := newSource(t, camURL(t, cam), login("wrong"))
			for range maxUnprovenFailures {
				wantFault(t, s, tt.class, "")
			}
			dials := cam.dials()
			wantFault(t, s, fault.Auth, "not trying again before")
			if cam.dials() != dials {
				t.Error("dialled although the login budget is used up")
			}
			other := camURL(t, cam)
			other.path = "/other"
			wantPlay(t, newSource(t, other, login("right")))
			denied := newSource(t, camURL(t, cam), login("right"))
			for range 2 * maxFailedLogins {
				wantFault(t, denied, tt.class, "")
			}
			wantPlay(t, newSource(t, other, login("right")))
		})
	}
}
