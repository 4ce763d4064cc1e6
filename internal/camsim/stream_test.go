package camsim

import (
	"bytes"
	"encoding/binary"
	"image/jpeg"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// assemble puts an access unit's NAL units together again.
func assemble(t *testing.T, codec media.Codec, packets []rtpPacket) [][]byte {
	t.Helper()
	header, kind := 1, func(b []byte) byte { return b[0] & 0x1F }
	aggregate, fragment := byte(24), byte(28)
	if codec == media.CodecH265 {
		header, kind = 2, func(b []byte) byte { return b[0] >> 1 & 0x3F }
		aggregate, fragment = 48, 49
	}
	var out [][]byte
	for _, p := range packets {
		b := p.payload
		switch kind(b) {
		case aggregate:
			for b = b[header:]; len(b) > 2; {
				n := int(binary.BigEndian.Uint16(b))
				out = append(out, b[2:2+n])
				b = b[2+n:]
			}
		case fragment:
			fu := b[header]
			if fu&0x80 != 0 {
				first := []byte{b[0]&0xE0 | fu&0x1F}
				if codec == media.CodecH265 {
					first = []byte{b[0]&0x81 | fu&0x3F<<1, b[1]}
				}
				out = append(out, first)
			}
			out[len(out)-1] = append(out[len(out)-1], b[header+1:]...)
		default:
			out = append(out, b)
		}
	}
	return out
}

func TestSendsTheClip(t *testing.T) {
	s := start(t, Config{})
	for _, name := range []string{"h264_720p", "h264_bframes", "h264_slices", "h265_720p", "h265_main10"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clip := load(t, name)
			// Not faster: what is made up for after a pause must fit into a viewer's queue.
			h := add(t, s, name, Camera{Clip: clip, FPS: 100})
			c := dial(t, h)
			c.play()
			seq, first := uint16(0), true
			for round := range 2 {
				for i, u := range clip.Units {
					packets := c.unit()
					for _, p := range packets {
						if !first && p.sequence != seq+1 {
							t.Fatalf("sequence number %d after %d", p.sequence, seq)
						}
						seq, first = p.sequence, false
						if p.timestamp != packets[0].timestamp || p.payloadType != 96 || len(p.payload) > maxPayload {
							t.Fatalf("packet %+v of %d bytes", p.rtp, len(p.payload))
						}
					}
					got := assemble(t, clip.Codec, packets)
					if !slices.EqualFunc(got, u.NALUs, bytes.Equal) {
						t.Fatalf("round %d, unit %d: %d NAL units differ from the clip's %d", round, i, len(got), len(u.NALUs))
					}
				}
			}
			c.do(200, "TEARDOWN", h.URL())
			st := h.Stats()
			if st.Dials != 1 || st.Plays != 1 || st.Teardowns != 1 || st.OpenSessions != 0 || st.Units < uint64(2*len(clip.Units)) {
				t.Errorf("counters: %+v", st)
			}
			// The sender counts a picture after it has written it, so the last ones may
			// be here before they are counted.
			for deadline := time.Now().Add(time.Minute); h.Stats().BytesSent < uint64(2*len(clip.Samples)); runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatalf("%d bytes counted for twice %d", h.Stats().BytesSent, len(clip.Samples))
				}
			}
		})
	}
}

// The scan is what RTP carries; headers are the receiver's.
func TestSendsJPEG(t *testing.T) {
	s := start(t, Config{})
	for _, tc := range []struct {
		name       string
		kind, w, h byte
	}{
		{"mjpeg_480p", 1, 80, 60},
		{"mjpeg_422", 0, 80, 45},
		{"mjpeg_restart", 65, 80, 60},
		{"mjpeg_1440p", 1, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			clip := load(t, tc.name)
			h := add(t, s, tc.name, Camera{Clip: clip, FPS: 30})
			c := dial(t, h)
			c.play()
			for i, u := range clip.Units {
				var scan []byte
				for k, p := range c.unit() {
					b := p.payload
					if b[4] != tc.kind || b[5] != 255 || b[6] != tc.w || b[7] != tc.h || p.payloadType != 26 {
						t.Fatalf("header % x of payload type %d", b[:8], p.payloadType)
					}
					if at := int(b[1])<<16 | int(b[2])<<8 | int(b[3]); at != len(scan) {
						t.Fatalf("fragment at %d, want %d", at, len(scan))
					}
					b = b[8:]
					if tc.kind >= 64 {
						if !bytes.Equal(b[:4], []byte{0, 40, 0xFF, 0xFF}) {
							t.Fatalf("restart header % x", b[:4])
						}
						b = b[4:]
					}
					if k == 0 {
						if !bytes.Contains(u.Data, b[4:68]) || !bytes.Contains(u.Data, b[68:132]) {
							t.Fatal("quantization tables are not the picture's")
						}
						b = b[132:]
					}
					scan = append(scan, b...)
				}
				if !bytes.HasSuffix(u.Data, append(scan, 0xFF, 0xD9)) || len(scan) < len(u.Data)/2 {
					t.Fatalf("picture %d: %d bytes differ from the clip's scan", i, len(scan))
				}
			}
			for _, u := range clip.Units { // now that nobody waits to be read
				if _, err := jpeg.Decode(bytes.NewReader(u.Data)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestTimestampsFollowTheClock(t *testing.T) {
	s := start(t, Config{})
	clip := load(t, "h264_change_b")
	var mu sync.Mutex
	var told []Sent
	h := add(t, s, "cam", Camera{Clip: clip, FPS: 100, OnSend: func(x Sent) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, x)
	}})
	play := func(n int) (stamps []uint32, report []byte) {
		c := dial(t, h)
		c.play()
		for len(stamps) < n {
			f := c.next()
			if f.channel == 1 {
				report = f.data
				continue
			}
			if p := parseRTP(t, f.data); p.marker {
				stamps = append(stamps, p.timestamp)
			}
		}
		c.do(200, "TEARDOWN", h.URL())
		return stamps, report
	}
	first, report := play(30)
	for i := 1; i < len(first); i++ {
		// 10 ms, or more after the machine was busy for long.
		if d := int32(first[i] - first[i-1]); d < 899 {
			t.Errorf("step %d is %d ticks across a loop of %d pictures", i, d, len(clip.Units))
		}
	}
	second, _ := play(2)
	if d := int32(second[0] - first[len(first)-1]); d <= 0 {
		t.Errorf("time stamps went back by %d after a reconnect", -d)
	}
	mu.Lock()
	defer mu.Unlock()
	if told[0].Timestamp != first[0] || told[29].Timestamp != first[29] || told[29].Frame != 29%len(clip.Units) {
		t.Errorf("OnSend told %+v and %+v for %v", told[0], told[29], first)
	}
	if late := told[0].Left.Sub(told[0].Time); late < 0 || late > maxLate+time.Second {
		t.Errorf("left %v after it was due", late)
	}
	// RFC 3550, 4: seconds since 1900 in 32.32 bits.
	ntpTime := float64(binary.BigEndian.Uint64(report[8:])) / (1 << 32)
	unix := float64(told[0].Time.UnixNano())/1e9 + 2208988800
	if math.Abs(ntpTime-unix) > 1e-5 || binary.BigEndian.Uint32(report[16:]) != told[0].Timestamp {
		t.Errorf("sender report says %.6f at %d, want %.6f at %d", ntpTime, binary.BigEndian.Uint32(report[16:]), unix, told[0].Timestamp)
	}
}

// B pictures are sent after the reference they need and stamped before it.
func TestReorderedTimestamps(t *testing.T) {
	s := start(t, Config{})
	clip := load(t, "h264_bframes")
	h := add(t, s, "cam", Camera{Clip: clip, FPS: 90})
	c := dial(t, h)
	c.play()
	base := c.unit()[0].timestamp
	for i, u := range clip.Units[1:20] {
		want := uint32(u.Frame) * 1000
		if got := c.unit()[0].timestamp - base; got-want+1 > 2 {
			t.Fatalf("unit %d: time stamp %d, want %d", i+1, got, want)
		}
	}
}

func TestManyViewers(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_change_a"), FPS: 100})
	var clients []*client
	for range 5 {
		c := dial(t, h)
		c.play()
		clients = append(clients, c)
	}
	for _, c := range clients {
		for range 10 {
			c.unit()
		}
	}
	if n := h.Stats().OpenSessions; n != 5 {
		t.Errorf("%d open sessions, want 5", n)
	}
}

func TestPacketizeEveryClip(t *testing.T) {
	for _, name := range testvideo.Names() {
		p, err := packetize(load(t, name), true)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, list := range p.units {
			if !list[len(list)-1].last || !list[len(list)-1].endNAL {
				t.Errorf("%s: last packet is not marked", name)
			}
		}
	}
}
