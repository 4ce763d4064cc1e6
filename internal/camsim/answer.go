package camsim

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// silent reports whether a request gets no answer.
func (b *Behaviour) silent(method string) bool {
	return b.Hang || slices.Contains(b.NoAnswer, method)
}

// answer does what a request asks, PLAY apart, and returns the answer.
func (c *conn) answer(h *Handle, b *Behaviour, req *request, track int) *response {
	h.count(func(s *Stats) {
		switch req.method {
		case "DESCRIBE":
			s.Describes++
		case "OPTIONS", "GET_PARAMETER", "SET_PARAMETER":
			if c.playing {
				s.Keepalives++
			}
		}
	})
	if resp := c.login(h, b, req); resp != nil {
		return resp
	}
	for _, method := range []string{req.method, ""} {
		if code := b.Status[method]; code != 0 {
			return &response{status: code}
		}
	}
	if id := sessionID(req); id != "" && !b.AnySession && (c.viewer == nil || c.viewer.id != id) {
		return &response{status: 454}
	}
	switch req.method {
	case "OPTIONS":
		resp := c.ok()
		resp.add("Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN")
		return resp
	case "DESCRIBE":
		return c.describe(h, b, req)
	case "SETUP":
		return c.setup(h, b, req, track)
	case "PLAY":
		if c.viewer == nil {
			return &response{status: 455}
		}
		return c.ok()
	case "GET_PARAMETER", "SET_PARAMETER":
		return c.ok()
	case "TEARDOWN":
		h.count(func(s *Stats) { s.Teardowns++ })
		resp := c.ok()
		if c.viewer != nil {
			h.leave(c.viewer)
			h.endSession(true)
			c.viewer, c.playing = nil, false
		}
		return resp
	default:
		return &response{status: 501}
	}
}

// ok is a good answer, with the session if there is one.
func (c *conn) ok() *response {
	resp := &response{status: 200}
	if c.viewer != nil {
		resp.add("Session: %s;timeout=%d", c.viewer.id, int(c.viewer.camera.cfg.Timeout.Seconds()))
	}
	return resp
}

// login returns nil if the request may be done. OPTIONS outside a session is free,
// as on most cameras.
func (c *conn) login(h *Handle, b *Behaviour, req *request) *response {
	if h.cfg.Auth == 0 && !b.RejectLogins || req.method == "OPTIONS" && c.viewer == nil {
		return nil
	}
	scheme := h.cfg.Auth
	if scheme == 0 {
		scheme = AuthDigestMD5
	}
	was := c.nonce
	if c.nonce.uses++; b.StaleAfter > 0 && c.nonce.uses > b.StaleAfter || b.NonceLife > 0 && time.Since(c.nonce.made) > b.NonceLife {
		c.nonce = newNonce()
		was = c.nonce
	}
	if auth := req.header.Get("Authorization"); len(auth) > 5 && strings.EqualFold(auth[:5], "Basic") {
		h.count(func(s *Stats) { s.BasicLogins++ })
	}
	v := scheme.check(req.header.Get("Authorization"), req.method, h.cfg.Username, h.cfg.Password, was)
	if b.RejectLogins && v != loginMissing {
		v = loginWrong
	}
	switch v {
	case loginRight:
		return nil
	case loginWrong:
		h.count(func(s *Stats) { s.FailedLogins++ })
	case loginMissing, loginStale:
	}
	resp := &response{status: 401}
	if !b.BareChallenge {
		resp.header = scheme.challenges(c.nonce, v == loginStale)
	}
	c.nonce.uses = 0
	return resp
}

func (c *conn) describe(h *Handle, b *Behaviour, req *request) *response {
	if b.RedirectTo != "" {
		h.count(func(s *Stats) { s.Redirects++ })
		resp := &response{status: 302}
		resp.add("Location: %s", b.RedirectTo)
		return resp
	}
	resp := &response{status: 200}
	base := *req.url
	base.User = nil // some clients leave the password in
	resp.add("Content-Base: %s/", strings.TrimSuffix(base.String(), "/"))
	resp.add("Content-Type: application/sdp")
	host := c.server.addr.IP.String()
	resp.body = sdp(host, h.clip(b), h.cfg.FPS, h.cfg.Audio, b)
	return resp
}

func (c *conn) setup(h *Handle, b *Behaviour, req *request, track int) *response {
	if track != trackVideo && track != trackAudio {
		return &response{status: 404}
	}
	if c.playing || c.viewer != nil && c.viewer.camera != h {
		return &response{status: 455}
	}
	if c.viewer == nil && h.full(b) {
		return &response{status: 453}
	}
	for _, offer := range strings.Split(req.header.Get("Transport"), ",") {
		o, text, err := c.transport(h, b, offer, track)
		if err != nil {
			continue
		}
		if c.viewer == nil {
			c.viewer = &viewer{conn: c, camera: h, id: strings.ToLower(rand.Text())[:16]}
			h.beginSession()
		}
		c.viewer.tracks[track] = o
		resp := c.ok()
		resp.add("Transport: %s;ssrc=%08X", text, h.ssrc[track])
		return resp
	}
	return &response{status: 461}
}

var errTransport = errors.New("transport not offered")

// transport reads one offer of a Transport header (RFC 2326, 12.39) and returns
// where the track goes and the answer's text.
func (c *conn) transport(h *Handle, b *Behaviour, offer string, track int) (*outlet, string, error) {
	fields := strings.Split(strings.TrimSpace(offer), ";")
	param := map[string]string{}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(strings.TrimSpace(f), "=")
		param[strings.ToLower(key)] = value
	}
	_, multicast := param["multicast"]
	switch strings.ToUpper(fields[0]) {
	case "RTP/AVP/TCP":
		if b.NoTCP {
			return nil, "", errTransport
		}
		first, second, err := pair(param["interleaved"])
		if err != nil {
			first, second = 2*track, 2*track+1
		}
		if first > 255 || second > 255 {
			return nil, "", errTransport
		}
		first, second = first+b.ChannelShift, second+b.ChannelShift
		if first < 0 || second > 255 {
			return nil, "", errTransport
		}
		return &outlet{channels: [2]byte{byte(first), byte(second)}},
			fmt.Sprintf("RTP/AVP/TCP;unicast;interleaved=%d-%d", first, second), nil
	case "RTP/AVP", "RTP/AVP/UDP":
		if b.AnswerTCP {
			return &outlet{channels: [2]byte{byte(2 * track), byte(2*track + 1)}},
				fmt.Sprintf("RTP/AVP/TCP;unicast;interleaved=%d-%d", 2*track, 2*track+1), nil
		}
		if multicast && !b.NoMulticast {
			return c.multicast(h, track)
		}
		first, second, err := pair(param["client_port"])
		if b.NoUDP || multicast || err != nil || first == 0 || second == 0 {
			return nil, "", errTransport
		}
		if err := c.server.udp.open(c.server.addr.IP, &c.server.wg); err != nil {
			return nil, "", err
		}
		peer, ok := c.raw.RemoteAddr().(*net.TCPAddr)
		if !ok {
			return nil, "", errTransport
		}
		ip := peer.AddrPort().Addr()
		rtp, rtcp := c.server.udp.ports()
		return &outlet{
				udp:   true,
				peers: [2]netip.AddrPort{netip.AddrPortFrom(ip, uint16(first)), netip.AddrPortFrom(ip, uint16(second))},
			},
			fmt.Sprintf("RTP/AVP;unicast;client_port=%d-%d;server_port=%d-%d", first, second, rtp, rtcp), nil
	default:
		return nil, "", errTransport
	}
}

// pair reads "4-5".
func pair(s string) (first, second int, err error) {
	a, b, ok := strings.Cut(s, "-")
	if !ok {
		return 0, 0, errTransport
	}
	x, err1 := strconv.ParseUint(a, 10, 16)
	y, err2 := strconv.ParseUint(b, 10, 16)
	return int(x), int(y), errors.Join(err1, err2)
}

func sessionID(req *request) string {
	id, _, _ := strings.Cut(req.header.Get("Session"), ";")
	return strings.TrimSpace(id)
}
