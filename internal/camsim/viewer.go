package camsim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// outlet is where one track of a session goes.
type outlet struct {
	udp       bool
	multicast bool              // udp, but one packet for all viewers
	channels  [2]byte           // of RTP and RTCP, interleaved
	peers     [2]netip.AddrPort // of RTP and RTCP, over UDP
}

// viewer is one session. Its tracks do not change once it plays.
type viewer struct {
	conn   *conn
	camera *Handle
	id     string
	tracks [2]*outlet // by track number, nil when not set up
}

func (v *viewer) interleaved() bool {
	for _, o := range v.tracks {
		if o != nil && !o.udp {
			return true
		}
	}
	return false
}

// join adds a viewer to the stream and starts it for the first. It returns the
// answer's RTP-Info, and false when the server is closing.
func (h *Handle) join(v *viewer) (info string, ok bool) {
	h.server.mu.Lock()
	defer h.server.mu.Unlock()
	if h.server.closed {
		return "", false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.viewers) == 0 {
		h.restart, h.since = true, h.stats.Units
	}
	h.viewers[v] = struct{}{}
	h.stats.Plays++
	h.reportDue = time.Time{} // a report for the newcomer
	if !h.running {
		h.running = true
		h.server.wg.Go(func() { newStream(h).run() })
	}
	var parts []string
	for track, o := range v.tracks {
		if o != nil {
			seq := h.sequence[track] + h.behaviour.SequenceOffset
			parts = append(parts, fmt.Sprintf("url=%s/trackID=%d;seq=%d", h.URL(), track, seq))
		}
	}
	return strings.Join(parts, ","), true
}

// full reports whether a behaviour allows no further session, and counts a refusal.
func (h *Handle) full(b *Behaviour) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.lingering = slices.DeleteFunc(h.lingering, now.After)
	full := b.MaxSessions > 0 && h.sessions+len(h.lingering) >= b.MaxSessions
	if full {
		h.stats.Refused++
	}
	return full
}

func (h *Handle) beginSession() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions++
}

// endSession notes the end of a session, by TEARDOWN or with its connection.
func (h *Handle) endSession(teardown bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions--
	if linger := h.behaviour.Linger; !teardown && linger > 0 {
		h.lingering = append(h.lingering, time.Now().Add(linger))
	}
}

// leave takes a viewer out of the stream; the last one ends it.
func (h *Handle) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v)
	if len(h.viewers) == 0 {
		select {
		case h.wake <- struct{}{}:
		default: // it has not heard of an earlier one yet
		}
	}
}

// send gives a viewer one picture's packets. It returns the bytes sent and whether
// the picture was lost because the viewer is too far behind.
func (v *viewer) send(b *batch, silentUDP bool) (sent int, overflow bool) {
	if v.conn.silent.Load() {
		return 0, false
	}
	data := b.buf
	if !v.takesAll(b) {
		data = nil
		for i, p := range b.packets {
			o := v.tracks[p.track]
			switch {
			case o == nil || o.udp && silentUDP || o.multicast && p.onAir:
			case o.udp:
				b.packets[i].onAir = p.onAir || o.multicast
				body := b.buf[p.start+interleavedHeader : p.end]
				v.conn.server.udp.send(p.control, body, o.peers[kind(p.control)])
				sent += len(body)
			default:
				at := len(data)
				data = append(data, b.buf[p.start:p.end]...)
				if p.channelOf == 0 {
					data[at+1] = o.channels[kind(p.control)]
				}
			}
		}
	}
	if len(data) == 0 {
		return sent, false
	}
	select {
	case v.conn.queue <- data:
		return sent + len(data), false
	default:
		return sent, true
	}
}

// takesAll reports whether a viewer takes a batch as it is, so that all viewers
// can share its bytes.
func (v *viewer) takesAll(b *batch) bool {
	for _, p := range b.packets {
		o := v.tracks[p.track]
		if o == nil || o.udp || o.channels[kind(p.control)] != p.channel() {
			return false
		}
	}
	return true
}

// kind is 0 for RTP and 1 for RTCP.
func kind(control bool) int {
	if control {
		return 1
	}
	return 0
}
