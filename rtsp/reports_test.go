package rtsp

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// TestReportsOfANewSource has a camera that changes its SSRC and reports the new
// one once only: before its first packet, or amid those that are held back until
// the source is believed.
func TestReportsOfANewSource(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int{"before its first packet": 0, "after its first packet": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const change = 5 // in pictures
			cam := startCam(t, &fakeCam{frames: func(c *camConn) {
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				seq, shift := uint16(10), uint32(0)
				for i := range 60 {
					p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SSRC: 7}}
					if i >= change {
						p.SSRC, shift = 8, 1<<30
					}
					if i == change {
						seq = 40000
					}
					p.Timestamp = shift + uint32(i)*900
					nals := [][]byte{testP}
					if i%change == 0 {
						nals = [][]byte{testSPS, testPPS, testIDR}
					}
					for j, unit := range nals {
						if i%change == 0 && i <= change && j == at {
							sr, _ := (&rtcp.SenderReport{SSRC: p.SSRC, NTPTime: ntpNow(), RTPTime: p.Timestamp}).Marshal()
							c.packet(1, sr)
						}
						p.SequenceNumber, p.Marker, p.Payload = seq, j == len(nals)-1, unit
						seq++
						b, _ := p.Marshal()
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
				<-c.ctx.Done()
			}})
			got, err := runUnits(t, newSource(t, camURL(t, cam), nil), 40)
			if err != errEnough { //nolint:errorlint // the sink's own
				t.Fatalf("%d units, then %v", len(got), err)
			}
			i := slices.IndexFunc(got[1:], func(u media.AccessUnit) bool { return u.Discontinuity })
			if i < 0 {
				t.Fatal("the test is void: no new source was adopted")
			}
			for n, u := range got[i+3:] {
				if u.Source != media.ClockRTCP {
					t.Fatalf("unit %d of the new source has its capture time from %v, although the camera sent a report", n+2, u.Source)
				}
			}
		})
	}
}

// TestReportsAreNoMedia has a camera whose RTCP comes through over UDP and whose
// packets, which are larger, do not.
func TestReportsAreNoMedia(t *testing.T) {
	t.Parallel()
	cam := startCam(t, &fakeCam{frames: func(c *camConn) {
		if c.udp[0] == nil {
			c.pictures(c.ctx, 0)
			return
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for c.ctx.Err() == nil {
			sr, _ := (&rtcp.SenderReport{SSRC: 7, NTPTime: ntpNow()}).Marshal()
			c.packet(1, sr)
			select {
			case <-tick.C:
			case <-c.ctx.Done():
			}
		}
	}})
	s := newSource(t, camURL(t, cam), func(c *Config) { c.Transport = TransportAuto })
	if got, err := runUnits(t, s, 3); err != errEnough { //nolint:errorlint // the sink's own
		t.Fatalf("%d units, then %v %v, want a change to TCP", len(got), fault.ClassOf(err), err)
	}
	if s.firstTransport() != TransportTCP {
		t.Errorf("remembered %v", s.firstTransport())
	}
}
