//go:build cgo

package faults

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
)

// respond makes a camera that changes its answers.
func respond(f func(q camsim.Request, r *camsim.Reply)) camsim.Camera {
	return camsim.Camera{Behaviour: camsim.Behaviour{Respond: f}}
}

// UDP is taken and never used.
func row14(s *Scene) {
	h := s.Sim(nil, small, camsim.Camera{Behaviour: camsim.Behaviour{UDPSilent: true}})
	v := s.Add(h, Over(config.TransportAuto), small)
	before := v.Runs()
	if before.Transport != "TCP" || h.Stats().Plays != 2 {
		s.Errorf("transport %s after %d sessions", before.Transport, h.Stats().Plays)
	}
	h.Drop(camsim.DropRST)
	if now := v.Back(before); now.Transport != "TCP" || h.Stats().Plays != 3 {
		s.Errorf("transport %s after %d sessions: what worked is forgotten", now.Transport, h.Stats().Plays)
	}
}

// One is refused, then the other.
func row15(s *Scene) {
	for _, refused := range []int{406, 459, 461} {
		h := s.Sim(nil, small, camsim.Camera{})
		refuse := func(udp bool) func(*camsim.Behaviour) {
			return func(b *camsim.Behaviour) {
				b.NoUDP, b.NoTCP = udp, !udp
				b.Respond = func(_ camsim.Request, r *camsim.Reply) {
					if r.Status == 461 {
						r.Status = refused
					}
				}
			}
		}
		h.Set(refuse(true))
		v := s.Add(h, Over(config.TransportAuto), small)
		before := v.Runs()
		if before.Transport != "TCP" {
			s.Errorf("status %d: transport %s", refused, before.Transport)
		}
		h.Set(refuse(false))
		h.Drop(camsim.DropFIN)
		if now := v.Back(before); now.Transport != "UDP" {
			s.Errorf("status %d: transport %s, want UDP", refused, now.Transport)
		}
	}
}

// A TCP answer to a question for UDP, and channels that nobody asked for.
func row16(s *Scene) {
	other := s.Add(s.Sim(nil, small, camsim.Camera{Behaviour: camsim.Behaviour{AnswerTCP: true}}), Over(config.TransportAuto), small)
	shifted := s.Victim(small, camsim.Camera{Behaviour: camsim.Behaviour{ChannelShift: 20}})
	if now := other.Runs(); now.Transport != "TCP" {
		s.Errorf("transport %s", now.Transport)
	}
	shifted.Runs()
}

// GET_PARAMETER ends the session, is never answered, or is not known.
func row17(s *Scene) {
	play := func(f func(r *camsim.Reply)) *Victim {
		c := respond(func(q camsim.Request, r *camsim.Reply) {
			if q.Method == "GET_PARAMETER" {
				f(r)
			}
		})
		c.Timeout = 4 * time.Second
		return s.Victim(small, c)
	}
	hangup := play(func(r *camsim.Reply) { r.Hangup = true })
	silent := play(func(r *camsim.Reply) { r.Silent = true })
	unknown := play(func(r *camsim.Reply) { r.Status = 501 })
	before := hangup.Runs()
	silent.Runs()
	unknown.Runs()
	now := hangup.Back(before)
	for _, v := range []*Victim{hangup, silent, unknown} {
		since := v.Now()
		if v == hangup {
			since = now
		}
		from := v.Sim.Stats().Keepalives
		s.Wait("keepalives", func() bool { return v.Sim.Stats().Keepalives >= from+3 })
		v.Steady(since)
	}
}

// Sessions of four seconds, announced, announced too long, and not announced.
func row18(s *Scene) {
	short := s.Victim(small, camsim.Camera{Timeout: 4 * time.Second})
	hidden := s.Victim(small, camsim.Camera{Timeout: 28 * time.Second, Behaviour: camsim.Behaviour{
		Respond: func(_ camsim.Request, r *camsim.Reply) {
			for i, h := range r.Header {
				if strings.HasPrefix(h, "Session:") {
					r.Header[i], _, _ = strings.Cut(h, ";")
				}
			}
		},
	}})
	announced, silent := short.Runs(), hidden.Runs()
	s.Wait("keepalives", func() bool { return short.Sim.Stats().Keepalives >= 4 && hidden.Sim.Stats().Keepalives >= 1 })
	short.Steady(announced)
	hidden.Shows(50) // beyond the timeout
	hidden.Steady(silent)
}

// Every request is answered, and nothing comes.
func row19(s *Scene) {
	v := s.Victim(small, camsim.Camera{Timeout: 4 * time.Second})
	before := v.Runs()
	keepalives := v.Sim.Stats().Keepalives
	v.Sim.Set(func(b *camsim.Behaviour) { b.Freeze = true })
	v.Fails(camera.StateStalled, fault.Stalled)
	if v.Sim.Stats().Keepalives == keepalives {
		s.Errorf("no keepalive was answered while the media was frozen")
	}
	v.Sim.Set(func(b *camsim.Behaviour) { b.Freeze = false })
	v.Back(before)
}

// Nothing is answered and nothing comes, and the connection stays open.
func row20(s *Scene) {
	v := s.Victim(small, camsim.Camera{})
	before := v.Runs()
	v.Sim.Set(func(b *camsim.Behaviour) { b.Hang = true })
	v.Fails(camera.StateStalled, fault.Stalled)
	v.Sim.Set(func(b *camsim.Behaviour) { b.Hang = false })
	v.Back(before)
	v.Sim.Set(func(b *camsim.Behaviour) { b.Hang = true })
	asked := time.Now()
	v.Remove()
	if took := time.Since(asked); took > 20*time.Second {
		s.Errorf("removing a dead camera took %v", took)
	}
}

// Power off, boot, web server without a stream, no session yet, good.
func row21(s *Scene) {
	host := s.Host(camsim.Config{})
	v := s.Add(s.Sim(host, small, camsim.Camera{}), nil, small)
	before := v.Runs()
	lines := len(s.Worker.Log.Of(v.ID))
	if err := host.SetListening(false); err != nil {
		s.Fatal(err)
	}
	v.Fails(camera.StateFailed, fault.Unreachable)
	answers := func(status int) { v.Sim.Set(func(b *camsim.Behaviour) { b.Status = map[string]int{"": status} }) }
	answers(404)
	if err := host.SetListening(true); err != nil {
		s.Fatal(err)
	}
	for _, step := range []struct {
		status int
		class  fault.Class
	}{{404, fault.NotFound}, {503, fault.Busy}} {
		answers(step.status)
		snap := v.Fails(camera.StateFailed, step.class)
		if wait := time.Until(snap.Fault.NextAttempt); wait > 5*time.Second {
			s.Errorf("status %d while starting up: next attempt in %v", step.status, wait)
		}
	}
	v.Sim.Set(func(b *camsim.Behaviour) { b.Status = nil })
	now := v.Back(before)
	if n := now.Counters.ConnectAttempts - before.Counters.ConnectAttempts; n > 200 {
		s.Errorf("%d attempts", n)
	}
	if n := len(s.Worker.Log.Of(v.ID)) - lines; n > 20 {
		s.Errorf("%d lines in the log", n)
	}
}

// One session at a time; a lost one holds its place for four seconds.
func row22(s *Scene) {
	v := s.Victim(small, camsim.Camera{Behaviour: camsim.Behaviour{MaxSessions: 1, Linger: 4 * time.Second}})
	before := v.Runs()
	v.Sim.Drop(camsim.DropRST)
	v.Fails(camera.StateFailed, fault.Busy)
	before = v.Back(before)
	// The worker ends it this time, and its place is free at once.
	refused := v.Sim.Stats().Refused
	v.Sim.Set(func(b *camsim.Behaviour) { b.Freeze, b.Linger = true, time.Hour })
	v.Fails(camera.StateStalled, fault.Stalled)
	v.Sim.Set(func(b *camsim.Behaviour) { b.Freeze = false })
	v.Back(before)
	if n := v.Sim.Stats(); n.Refused != refused || n.Teardowns == 0 {
		s.Errorf("the session was not given back: %+v", n)
	}
}

// Packets of another source come first, with the numbers and times of the old session.
func row23(s *Scene) {
	v := s.Victim(small, camsim.Camera{})
	before := v.Runs()
	v.Sim.Set(func(b *camsim.Behaviour) {
		b.Packets = func(of camsim.Picture, list []camsim.Packet) []camsim.Packet {
			if of.Since >= 5 {
				return list
			}
			ghost := list[len(list)-1]
			ghost.SSRC, ghost.Timestamp, ghost.Channel = ghost.SSRC+1, ghost.Timestamp-900000, 8
			second := ghost
			second.Channel = 0
			second.Raw = []byte{0x80, 96, 1, 2, 0, 0, 0, 1, 9, 9, 9, byte(of.Since), 0x41, 0x9a}
			return append([]camsim.Packet{{Raw: second.Raw}, {Raw: second.Raw, Channel: 8}}, list...)
		}
	})
	v.Sim.Drop(camsim.DropRST)
	now := v.Back(before)
	v.Shows(10)
	v.Steady(now)
	if v.Damaged() != 0 {
		s.Errorf("%d damaged frames", v.Damaged())
	}
}

// Channels that were never set up, and blank lines before every answer.
func row24(s *Scene) {
	c := respond(func(_ camsim.Request, r *camsim.Reply) {
		r.Wire = func(text string) string { return "\r\n" + text }
	})
	c.Timeout = 4 * time.Second
	blank := s.Victim(small, c)
	stray := s.Victim(small, camsim.Camera{Behaviour: camsim.Behaviour{Packets: func(_ camsim.Picture, list []camsim.Packet) []camsim.Packet {
		return append([]camsim.Packet{{Raw: []byte("what is this"), Channel: 200}, {Raw: []byte{}, Channel: 7}}, list...)
	}}})
	first := stray.Runs()
	stray.Shows(20)
	stray.Steady(first)
	first = blank.Runs()
	s.Wait("keepalives", func() bool { return blank.Sim.Stats().Keepalives >= 3 })
	blank.Shows(3)
	blank.Steady(first)
}

// The camera asks whether the client is alive, in four ways.
func row25(s *Scene) {
	for _, method := range []string{"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"} {
		v := s.Victim(small, respond(func(q camsim.Request, r *camsim.Reply) {
			if q.Method == "PLAY" {
				r.Wire = func(text string) string { return text + method + " " + q.URL + " RTSP/1.0\r\nCSeq: 1\r\n\r\n" }
			}
		}))
		first := v.Runs()
		s.Wait("an answer to "+method, func() bool { return v.Sim.Stats().Answers == 1 })
		v.Shows(10)
		v.Steady(first)
	}
}

// Answers as no standard wants them.
func row26(s *Scene) {
	for _, c := range []struct {
		name string
		wire func(string) string
	}{
		{"no reason", func(t string) string { return strings.Replace(t, "200 OK", "200", 1) }},
		{"empty reason", func(t string) string { return strings.Replace(t, "200 OK", "200 ", 1) }},
		{"blanks", func(t string) string { return strings.Replace(t, "CSeq:", "CSeq :", 1) }},
		{"trailing", func(t string) string { return strings.Replace(t, "Frameport simulated camera", "x  \t ", 1) }},
		{"no type", func(t string) string { return strings.Replace(t, "Content-Type: application/sdp\r\n", "", 1) }},
		{"other type", func(t string) string { return strings.Replace(t, "application/sdp", "application/sdp;charset=utf8", 1) }},
		{"odd case", func(t string) string { return strings.Replace(t, "Content-Length", "content-length", 1) }},
		{"line feeds", func(t string) string {
			head, body, _ := strings.Cut(t, "\r\n\r\n")
			return strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + body
		}},
		{"no CSeq", func(t string) string { return strings.Replace(t, "CSeq", "X-CSeq", 1) }},
		{"long header", func(t string) string { return strings.Replace(t, "Server: ", "Server: "+strings.Repeat("x", 900), 1) }},
		{"empty headers", func(t string) string { return strings.Replace(t, "Server: ", "X-Empty:\r\nServer: ", 1) }},
	} {
		v := s.Victim(small, respond(func(_ camsim.Request, r *camsim.Reply) { r.Wire = c.wire }))
		v.Until("RUNNING with "+c.name, func(c camera.Snapshot) bool { return c.State == camera.StateRunning })
		v.Shows(3)
	}
}

// Answers to SETUP.
func row27(s *Scene) {
	for _, over := range []config.Transport{config.TransportTCP, config.TransportUDP} {
		for _, with := range []string{"ssrc=ABC", "ssrc= 12345678901", "ssrc=", "source=camera.local", "mode=\"PLAY\";ssrc=zz", "ttl=;layers=2;x", "server_port=0-0"} {
			if over == config.TransportTCP && with == "server_port=0-0" {
				continue
			}
			v := s.Add(s.Sim(nil, small, respond(func(q camsim.Request, r *camsim.Reply) {
				for i, h := range r.Header {
					if before, _, ok := strings.Cut(h, ";ssrc="); ok && q.Method == "SETUP" {
						if with == "server_port=0-0" {
							before, _, _ = strings.Cut(before, ";server_port")
						}
						r.Header[i] = before + ";" + with
					}
				}
			})), Over(over), small)
			v.Until(fmt.Sprintf("RUNNING with %q over %v", with, over), func(c camera.Snapshot) bool { return c.State == camera.StateRunning })
		}
	}
}

// Another name of the session in every answer; the camera itself takes any.
func row28(s *Scene) {
	var n atomic.Int64
	c := respond(func(_ camsim.Request, r *camsim.Reply) {
		for _, h := range r.Header {
			if strings.HasPrefix(h, "Session:") {
				header(r, "Session", fmt.Sprintf("%d;timeout=4", n.Add(1)))
			}
		}
	})
	c.Audio, c.Timeout, c.Behaviour.AnySession = true, 4*time.Second, true
	v := s.Victim(small, c)
	v.Runs()
	v.outlives(3)
	v.Shows(3)
}

// outlives waits for a session that has had so many keepalives. A machine that stands still
// for seconds costs a camera its session, so a later one will do; where keepalives don't
// count, none gets there.
func (v *Victim) outlives(keepalives uint64) {
	v.s.Helper()
	attempts := func(c camera.Snapshot) uint64 { return c.Counters.ConnectAttempts + c.Counters.Reconnects }
	var session, before uint64
	v.Until(fmt.Sprintf("%d keepalives in one session", keepalives), func(c camera.Snapshot) bool {
		sent := v.Sim.Stats().Keepalives
		if c.State != camera.StateRunning || attempts(c) != session || attempts(v.Now()) != session {
			session, before = attempts(c), sent
			return false
		}
		return sent >= before+keepalives
	})
}

// TEARDOWN is not answered.
func row29(s *Scene) {
	v := s.Victim(small, camsim.Camera{Behaviour: camsim.Behaviour{NoAnswer: []string{"TEARDOWN"}}})
	v.Runs()
	asked := time.Now()
	v.Remove()
	// About a second by itself; the rest is for machines that are busy.
	if took := time.Since(asked); took > 15*time.Second || v.Sim.Stats().Teardowns != 1 {
		s.Errorf("removing took %v, %d TEARDOWN", took, v.Sim.Stats().Teardowns)
	}
}

// Three cameras of one host send to groups of their own from the same port.
func row30(s *Scene) {
	host := s.Host(camsim.Config{})
	var victims []*Victim
	for _, clip := range []string{small, "color_bars_bt601_full", "h264_change_b"} {
		victims = append(victims, s.Add(s.Sim(host, clip, camsim.Camera{}), Over(config.TransportMulticast), clip))
	}
	for _, v := range victims {
		if now := v.Runs(); now.Transport != "MULTICAST" {
			s.Errorf("transport %s", now.Transport)
		}
		v.Shows(20) // of its own pictures: I2
	}
}

// Only the cameras' web servers can be reached, plain and encrypted: pictures come
// through both kinds of tunnels, and again when these break. No tunnel is taken
// unasked, and the addresses of tunnels are refused with what to write instead.
func row31(s *Scene) {
	for _, scheme := range []string{"http", "https", "ws", "wss", "rtsph"} {
		_, err := s.Worker.Manager.Add(s.Context(), "row31-"+scheme, config.Camera{URL: scheme + "://127.0.0.1:1/cam"})
		if err == nil || !strings.Contains(err.Error(), "rtsp://host:80/path") || !strings.Contains(err.Error(), "transport HTTP or WEBSOCKET") {
			s.Errorf("%s: %v", scheme, err)
		}
	}
	type tunnel struct {
		*Victim
		over   config.Transport
		host   *camsim.Server
		before camera.Snapshot
	}
	var tunnels []*tunnel
	for _, over := range []config.Transport{config.TransportHTTP, config.TransportWebSocket} {
		for _, encrypted := range []bool{false, true} {
			host := s.Host(camsim.Config{TunnelsOnly: true, TLS: encrypted})
			h := s.Sim(host, small, camsim.Camera{Username: "viewer", Password: "pw", Audio: true, Timeout: 4 * time.Second})
			v := s.Add(h, func(c *config.Camera) {
				Login("viewer", "pw")(c)
				c.Transport = over
				if encrypted {
					c.TLS = config.TLS{Mode: config.TLSPin, PinSHA256: host.CertificateSHA256()}
				}
			}, small)
			tunnels = append(tunnels, &tunnel{Victim: v, over: over, host: host})
		}
	}
	for _, v := range tunnels {
		if v.before = v.Runs(); v.before.Transport != v.over.String() {
			s.Errorf("transport %s instead of %v", v.before.Transport, v.over)
		}
	}
	for _, v := range tunnels {
		v.outlives(3) // every 2 s
		v.Shows(3)
		v.before = v.Now()
		v.Sim.Drop(camsim.DropRST)
	}
	for _, v := range tunnels {
		v.before = v.Back(v.before)
		v.Sim.Set(func(b *camsim.Behaviour) { b.Freeze = true })
	}
	for _, v := range tunnels {
		v.Fails(camera.StateStalled, fault.Stalled)
		v.Sim.Set(func(b *camsim.Behaviour) { b.Freeze = false })
	}
	for _, v := range tunnels {
		v.Back(v.before)
		got := v.host.Stats()
		asked, other := got.HTTPTunnels, got.WebSockets
		if v.over == config.TransportWebSocket {
			asked, other = other, asked
		}
		if asked < 3 || other != 0 {
			s.Errorf("%v: %+v", v.over, got)
		}
	}
	host := s.Host(camsim.Config{TunnelsOnly: true})
	unasked := s.Add(s.Sim(host, small, camsim.Camera{}), Over(config.TransportAuto))
	unasked.Fails(camera.StateFailed, fault.Unreachable)
	if got := host.Stats(); got.HTTPTunnels+got.WebSockets != 0 {
		s.Errorf("a tunnel that nobody asked for: %+v", got)
	}
}

// A back channel is described, and Require is refused wherever it stands.
func row32(s *Scene) {
	var required atomic.Int64
	h := s.Sim(nil, small, camsim.Camera{Audio: true})
	h.Set(func(b *camsim.Behaviour) {
		b.Respond = func(q camsim.Request, r *camsim.Reply) {
			if q.Header.Get("Require") != "" {
				required.Add(1)
				r.Status = 551
			}
			if q.Method == "DESCRIBE" {
				back := "m=audio 0 RTP/AVP 0\r\na=control:trackID=5\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\n"
				r.Body = strings.Replace(r.Body, "m=video", back+"m=video", 1) + back
			}
		}
	})
	v := s.Add(h, nil, small)
	v.Runs()
	if n := required.Load(); n != 0 {
		s.Errorf("Require was sent %d times", n)
	}
}

// RTP-Info that lies, and PLAY that insists on a range.
func row33(s *Scene) {
	for _, info := range []string{"url=x;seq=0;rtptime=0", "url=rtsp://192.0.2.1/;seq=1;rtptime=1", ";;;seq=999999;rtptime=-1", ""} {
		v := s.Victim(small, respond(func(q camsim.Request, r *camsim.Reply) {
			if q.Method == "PLAY" {
				header(r, "RTP-Info", info)
			}
		}))
		v.Runs()
		for _, f := range v.Recent() {
			if f.PTS < 0 || f.PTS > time.Minute {
				s.Errorf("RTP-Info %q: PTS %v", info, f.PTS)
				break
			}
		}
	}
	ranged := s.Victim(small, respond(func(q camsim.Request, r *camsim.Reply) {
		if q.Method == "PLAY" && q.Header.Get("Range") == "" {
			r.Status = 457
		}
	}))
	ranged.Runs()
}
