package camsim

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestRespond(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{Respond: func(q Request, r *Reply) {
		switch q.Method {
		case "OPTIONS":
			r.Wire = func(text string) string { return strings.Replace(text, "200 OK", "200 ", 1) }
		case "DESCRIBE":
			r.Status, r.Header, r.Body = 300, append(r.Header, "X-Was: 200"), ""
		case "GET_PARAMETER":
			r.Silent = true
		case "SET_PARAMETER":
			r.Hangup = true
		}
	}}})
	c := dial(t, h)
	c.do(200, "OPTIONS", c.url)
	if a := c.do(300, "DESCRIBE", c.url); a.header.Get("X-Was") != "200" || a.body != "" {
		t.Errorf("%+v", a)
	}
	c.send("GET_PARAMETER", c.url)
	c.do(200, "OPTIONS", c.url)
	if a, err := c.try("SET_PARAMETER", c.url); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestChangedPackets(t *testing.T) {
	s := start(t, Config{})
	extension := []byte{0xBE, 0xDE, 0, 1, 1, 2, 3, 4}
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{
		Packets: func(p Picture, list []Packet) []Packet {
			extra := Packet{Payload: []byte{1, 2, 3}, Type: 97, SSRC: 5, Timestamp: 6, Extension: extension, Padding: 4, Channel: 9}
			return append([]Packet{extra, {Raw: []byte("raw")}}, list...)
		},
		Reports: func(report []byte) [][]byte { return [][]byte{{0x80}, report} },
	}})
	c := dial(t, h)
	c.play()
	var rtcp [][]byte
	f := c.next()
	for ; f.channel == 1; f = c.next() {
		rtcp = append(rtcp, f.data)
	}
	if len(rtcp) != 2 || !bytes.Equal(rtcp[0], []byte{0x80}) || len(rtcp[1]) < 28 {
		t.Errorf("reports: %v", rtcp)
	}
	want := append(append([]byte{}, extension...), 1, 2, 3, 0, 0, 0, 4)
	if f.channel != 9 || len(f.data) != 12+len(want) || f.data[0] != 0xB0 || f.data[1] != 97 || !bytes.Equal(f.data[12:], want) {
		t.Errorf("changed packet on channel %d: % x", f.channel, f.data)
	}
	number := uint16(f.data[2])<<8 | uint16(f.data[3])
	if f = c.next(); f.channel != 0 || string(f.data) != "raw" {
		t.Errorf("raw packet on channel %d: %q", f.channel, f.data)
	}
	if p := c.video(); p.sequence != number+1 { // the raw one has none
		t.Errorf("sequence %d after %d", p.sequence, number)
	}
}

func TestSessionLimit(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{MaxSessions: 1, Linger: time.Hour}})
	offer := "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
	first := dial(t, h)
	first.play()
	second := dial(t, h)
	second.do(453, "SETUP", second.url+"/trackID=0", offer)
	first.do(200, "TEARDOWN", first.url)
	second.do(200, "SETUP", second.url+"/trackID=0", offer)
	if err := second.conn.Close(); err != nil { // without TEARDOWN: the session lingers
		t.Fatal(err)
	}
	for s.Stats().Open > 1 {
		runtime.Gosched()
	}
	third := dial(t, h)
	third.do(453, "SETUP", third.url+"/trackID=0", offer)
	if n := h.Stats().Refused; n != 2 {
		t.Errorf("%d sessions refused", n)
	}
}

func TestTransportsNobodyAskedFor(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{AnswerTCP: true}})
	c := dial(t, h)
	a := c.do(200, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP;unicast;client_port=5000-5001")
	if !strings.HasPrefix(a.header.Get("Transport"), "RTP/AVP/TCP;unicast;interleaved=0-1") {
		t.Errorf("transport %q", a.header.Get("Transport"))
	}
	h.Set(func(b *Behaviour) { *b = Behaviour{ChannelShift: 10} })
	c = dial(t, h)
	c.play()
	if f := c.next(); f.channel != 10 && f.channel != 11 {
		t.Errorf("data on channel %d", f.channel)
	}
}

// A behaviour may send requests of its own; the answers are counted.
func TestRequestOfTheCamera(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{Freeze: true, Respond: func(q Request, r *Reply) {
		if q.Method == "PLAY" {
			r.Wire = func(text string) string { return text + "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" }
		}
	}}})
	c := dial(t, h)
	c.play()
	if line, err := c.r.ReadString('\n'); err != nil || line != "OPTIONS * RTSP/1.0\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := io.WriteString(c.conn, "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.r.Discard(len("CSeq: 1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	c.do(200, "GET_PARAMETER", c.url)
	if n := h.Stats().Answers; n != 1 {
		t.Errorf("%d answers counted", n)
	}
}
