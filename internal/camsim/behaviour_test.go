package camsim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/frameport/frameport/media"
)

func TestAnswers(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "a/b", Camera{Clip: load(t, "color_red")})
	c := dial(t, h)
	c.do(404, "DESCRIBE", strings.Replace(c.url, "a/b", "a/c", 1))
	c.do(501, "RECORD", c.url)
	c.do(455, "PLAY", c.url)
	for _, code := range []int{403, 404, 453, 454, 503} {
		h.Set(func(b *Behaviour) { b.Status = map[string]int{"DESCRIBE": code} })
		c.do(code, "DESCRIBE", c.url)
		c.do(200, "OPTIONS", c.url)
	}
	h.Set(func(b *Behaviour) { b.Status = map[string]int{"": 503} })
	c.do(503, "OPTIONS", c.url)
	h.Set(func(b *Behaviour) { *b = Behaviour{RedirectTo: "rtsp://192.0.2.1/x"} })
	if a := c.do(302, "DESCRIBE", c.url); a.header.Get("Location") != "rtsp://192.0.2.1/x" {
		t.Errorf("location %q", a.header.Get("Location"))
	}
	h.Set(func(b *Behaviour) { *b = Behaviour{NoTCP: true} })
	c.do(461, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
	h.Set(func(b *Behaviour) { *b = Behaviour{NoUDP: true, NoMulticast: true} })
	c.do(461, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP;unicast;client_port=5000-5001")
	c.do(461, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP;multicast")
	a := c.do(200, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=6-7")
	if !strings.HasPrefix(a.header.Get("Transport"), "RTP/AVP/TCP;unicast;interleaved=6-7") {
		t.Errorf("transport %q", a.header.Get("Transport"))
	}
	c.do(200, "PLAY", c.url)
	if f := c.next(); f.channel != 7 && f.channel != 6 {
		t.Errorf("data on channel %d", f.channel)
	}
	c.session = "other"
	c.do(454, "GET_PARAMETER", c.url)
}

func TestNoAnswer(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{NoAnswer: []string{"GET_PARAMETER"}}})
	c := dial(t, h)
	c.send("GET_PARAMETER", c.url)
	if a := c.do(200, "OPTIONS", c.url); a.header.Get("Cseq") != "2" {
		t.Errorf("the answer is to request %s", a.header.Get("Cseq"))
	}
	h.Set(func(b *Behaviour) { b.Hang = true })
	c.send("OPTIONS", c.url)
	if err := c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := c.r.ReadByte(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v, want silence", err)
	}
}

func TestDelay(t *testing.T) {
	s := start(t, Config{})
	const delay = 60 * time.Millisecond
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{Delay: delay}})
	c := dial(t, h)
	begin := time.Now()
	c.do(200, "OPTIONS", c.url)
	if took := time.Since(begin); took < delay {
		t.Errorf("answered after %v, want %v", took, delay)
	}
	h.Set(func(b *Behaviour) { b.Delay = time.Hour }) // Close must not wait for it
	c.send("OPTIONS", c.url)
}

func TestRefuseAndDrop(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_change_b")})
	c := dial(t, h)
	c.play()
	c.unit()
	h.Drop(DropFIN)
	if _, err := io.Copy(io.Discard, c.r); err != nil {
		t.Errorf("after FIN: %v", err)
	}
	c = dial(t, h)
	c.play()
	h.Drop(DropRST)
	if _, err := io.Copy(io.Discard, c.r); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after RST: %v", err)
	}
	h.Set(func(b *Behaviour) { b.Refuse = true })
	c = dial(t, h)
	if _, err := c.try("OPTIONS", c.url); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("refused: %v", err)
	}
	if err := s.SetListening(false); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", s.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("down: %v", err)
	}
	if err := s.SetListening(true); err != nil {
		t.Fatal(err)
	}
	h.Set(func(b *Behaviour) { b.Refuse = false })
	c = dial(t, h)
	c.play()
	c.unit()
	if st := s.Stats(); st.Accepted != 4 {
		t.Errorf("%d connections accepted, want 4", st.Accepted)
	}
	s.Remove(h)
	c = dial(t, h)
	c.do(404, "DESCRIBE", c.url)
}

func TestFreeze(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_change_b"), FPS: 100})
	c := dial(t, h)
	c.play()
	c.unit()
	h.Set(func(b *Behaviour) { b.Freeze = true })
	c.do(200, "GET_PARAMETER", c.url) // what was on its way has come
	c.do(200, "GET_PARAMETER", c.url)
	before := h.Stats().Units
	c.do(200, "GET_PARAMETER", c.url)
	if after := h.Stats(); after.Units > before+1 || after.Keepalives != 3 {
		t.Errorf("counters: %+v, %d pictures before", after, before)
	}
	h.Set(func(b *Behaviour) { b.Freeze = false })
	for h.Stats().Units < before+3 {
		c.unit()
	}
}

func TestDisturbedPackets(t *testing.T) {
	list := make([]Packet, 10000)
	for i := range list {
		list[i].sequence = uint16(i)
	}
	s := rand.New(rand.NewPCG(7, 7))
	count := func(b Behaviour) (n, swapped int) {
		out := disturb(list, &b, s)
		for i := 1; i < len(out); i++ {
			if out[i].sequence < out[i-1].sequence {
				swapped++
			}
		}
		return len(out), swapped
	}
	if n, swapped := count(Behaviour{}); n != 10000 || swapped != 0 {
		t.Errorf("good: %d packets, %d swapped", n, swapped)
	}
	if n, _ := count(Behaviour{Loss: 0.1}); n < 8800 || n > 9200 {
		t.Errorf("loss: %d packets", n)
	}
	if n, _ := count(Behaviour{Duplicate: 0.1}); n < 10800 || n > 11200 {
		t.Errorf("duplicates: %d packets", n)
	}
	if n, swapped := count(Behaviour{Reorder: 0.1}); n != 10000 || swapped < 700 || swapped > 1100 {
		t.Errorf("reordered: %d packets, %d swapped", n, swapped)
	}
}

func TestLossIsRepeatable(t *testing.T) {
	s := start(t, Config{})
	run := func(path string) []uint16 {
		h := add(t, s, path, Camera{Clip: load(t, "h264_slices"), FPS: 100, Behaviour: Behaviour{Loss: 0.3, Seed: 5, Marker: MarkerNever}})
		c := dial(t, h)
		c.play()
		var seqs []uint16
		for len(seqs) < 200 {
			seqs = append(seqs, c.video().sequence)
		}
		for i := range seqs[1:] {
			seqs[i] = seqs[i+1] - seqs[i]
		}
		return seqs[:len(seqs)-1]
	}
	a, b := run("a"), run("b")
	if !slices.Equal(a, b) {
		t.Error("one seed loses different packets")
	}
	if !slices.ContainsFunc(a, func(gap uint16) bool { return gap > 1 }) {
		t.Error("nothing was lost")
	}
}

func TestJumps(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "h264_change_b"), FPS: 100})
	c := dial(t, h)
	c.play()
	was := c.unit()[0]
	h.Set(func(b *Behaviour) { b.SSRC, b.SequenceOffset, b.TimestampOffset = 0xABCD, 5000, 1<<30 })
	for {
		p := c.unit()[0]
		if p.ssrc != 0xABCD {
			was = p
			continue
		}
		if d := p.sequence - was.sequence; d < 5000 || d > 5100 {
			t.Errorf("sequence number jumped by %d", d)
		}
		if d := p.timestamp - was.timestamp; d < 1<<30 || d > 1<<30+90000 {
			t.Errorf("time stamp jumped by %d", d)
		}
		return
	}
}

func TestMarkersAndParameters(t *testing.T) {
	s := start(t, Config{})
	clip := load(t, "h264_slices")
	h := add(t, s, "cam", Camera{Clip: clip, FPS: 100, Behaviour: Behaviour{Marker: MarkerEvery}})
	c := dial(t, h)
	c.play()
	for range 100 {
		p := c.video()
		if fu := p.payload[0]&0x1F == 28; p.marker != (!fu || p.payload[1]&0x40 != 0) {
			t.Fatalf("marker is %v on % x", p.marker, p.payload[:2])
		}
	}
	strip := add(t, s, "strip", Camera{Clip: clip, FPS: 100, Behaviour: Behaviour{StripParameters: true}})
	c = dial(t, strip)
	c.play()
	for range 2 * len(clip.Units) {
		for _, n := range assemble(t, media.CodecH264, c.unit()) {
			if k := n[0] & 0x1F; k == 7 || k == 8 {
				t.Fatal("parameter set in band")
			}
		}
	}
}

func TestChangeClip(t *testing.T) {
	s := start(t, Config{})
	a, b := load(t, "h264_change_a"), load(t, "h264_change_b")
	h := add(t, s, "cam", Camera{Clip: a, FPS: 100})
	c := dial(t, h)
	c.play()
	last := c.unit()
	h.Set(func(x *Behaviour) { x.Clip = b })
	for {
		unit := c.unit()
		if d := int32(unit[0].timestamp - last[0].timestamp); d <= 0 {
			t.Fatalf("time stamp went back by %d", -d)
		}
		last = unit
		nalus := assemble(t, media.CodecH264, unit)
		if slices.ContainsFunc(nalus, func(n []byte) bool { return bytes.Equal(n, b.SPS) }) {
			if !slices.EqualFunc(nalus, b.Units[0].NALUs, bytes.Equal) {
				t.Error("the new clip does not begin with its first picture")
			}
			return
		}
	}
}

func TestReports(t *testing.T) {
	s := start(t, Config{})
	for _, tc := range []struct {
		name string
		b    Behaviour
		want func(now time.Time) time.Time
	}{
		{"1970", Behaviour{Report: Report1970}, func(time.Time) time.Time { return time.Unix(0, 0) }},
		{"ahead", Behaviour{Report: ReportShifted, ReportOffset: time.Hour}, func(now time.Time) time.Time { return now.Add(time.Hour) }},
	} {
		h := add(t, s, tc.name, Camera{Clip: load(t, "color_red"), Behaviour: tc.b})
		c := dial(t, h)
		c.play()
		f := c.next()
		if f.channel != 1 || f.data[1] != 200 {
			t.Fatalf("%s: no sender report first", tc.name)
		}
		seconds := int64(binary.BigEndian.Uint32(f.data[8:])) - 2208988800
		if d := tc.want(time.Now()).Unix() - seconds; d < -5 || d > 5 {
			t.Errorf("%s: off by %d s", tc.name, d)
		}
	}
	h := add(t, s, "none", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{Report: ReportNone}})
	c := dial(t, h)
	c.play()
	for range 5 {
		if f := c.next(); f.channel != 0 {
			t.Error("sender report")
		}
	}
}
