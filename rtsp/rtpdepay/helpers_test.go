package rtpdepay

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/nal"
)

// epoch is when the first packet of every test arrives.
var epoch = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

const tick = 3600 // RTP ticks of a picture at 25 fps

// clip reads NAL units from testdata, one slice per picture: what comes before
// its first slice, and its slices.
func clip(t testing.TB, name string) [][][]byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return pictures(b, filepath.Ext(name) == ".h265")
}

// pictures groups an elementary stream that has no quirks.
func pictures(b []byte, hevc bool) (out [][][]byte) {
	var prefix [][]byte
	for unit, rest := nal.Next(b); len(unit) > 0; unit, rest = nal.Next(rest) {
		vcl, first := isSlice(unit, hevc)
		switch {
		case !vcl:
			prefix = append(prefix, unit)
		case first:
			out = append(out, append(prefix, unit))
			prefix = nil
		default:
			out[len(out)-1] = append(out[len(out)-1], unit)
		}
	}
	return out
}

func isSlice(unit []byte, hevc bool) (vcl, first bool) {
	if hevc {
		vcl = unit[0]>>1 < 32
		return vcl, vcl && unit[2]&0x80 != 0
	}
	vcl = unit[0]&31 == 1 || unit[0]&31 == 5
	return vcl, vcl && unit[1]&0x80 != 0
}

// vclOf leaves the slices of a unit, without what a stream may add or leave out.
func vclOf(units [][]byte, hevc bool) [][]byte {
	var out [][]byte
	for _, u := range units {
		if vcl, _ := isSlice(u, hevc); vcl {
			out = append(out, u)
		}
	}
	return out
}

func splitUnit(b []byte) (out [][]byte) {
	for unit, rest := nal.Next(b); len(unit) > 0; unit, rest = nal.Next(rest) {
		out = append(out, unit)
	}
	return out
}

// packer makes packets as a well-behaved camera does.
type packer struct {
	hevc      bool
	mtu       int
	aggregate bool
	seq       uint16
	ssrc      uint32
}

func (p *packer) packet(ts uint32, marker bool, payload []byte) *rtp.Packet {
	p.seq++
	return &rtp.Packet{
		Header: rtp.Header{
			Version: 2, PayloadType: 96, SequenceNumber: p.seq, Timestamp: ts, SSRC: p.ssrc, Marker: marker,
		},
		Payload: payload,
	}
}

// picture packs the NAL units of a picture; the last packet is marked.
func (p *packer) picture(ts uint32, units [][]byte) (out []*rtp.Packet) {
	n := 1
	if p.hevc {
		n = 2
	}
	var group [][]byte
	size := 0
	flush := func() {
		switch len(group) {
		case 0:
		case 1:
			out = append(out, p.packet(ts, false, group[0]))
		default:
			b := []byte{24}
			if p.hevc {
				b = []byte{48 << 1, 1}
			}
			for _, u := range group {
				b = append(b, byte(len(u)>>8), byte(len(u)))
				b = append(b, u...)
			}
			out = append(out, p.packet(ts, false, b))
		}
		group, size = nil, n
	}
	for _, u := range units {
		if len(u) <= p.mtu {
			if !p.aggregate || size+len(u)+2 > p.mtu {
				flush()
			}
			group, size = append(group, u), size+len(u)+2
			continue
		}
		flush()
		rest := u[n:]
		for first := true; len(rest) > 0; first = false {
			k := min(len(rest), p.mtu-n-1)
			flags := byte(0)
			if first {
				flags |= 0x80
			}
			if k == len(rest) {
				flags |= 0x40
			}
			var head []byte
			if p.hevc {
				head = []byte{u[0]&0x81 | 49<<1, u[1], flags | u[0]>>1&0x3f}
			} else {
				head = []byte{u[0]&0xe0 | 28, flags | u[0]&0x1f}
			}
			out = append(out, p.packet(ts, false, append(head, rest[:k]...)))
			rest = rest[k:]
		}
	}
	flush()
	out[len(out)-1].Marker = true
	return out
}

// got is a delivered unit, copied.
type got struct {
	media.AccessUnit
	units [][]byte
}

// sink collects what a stream delivers and checks what holds for every unit.
type sink struct {
	t     testing.TB
	units []got
}

func (s *sink) emit(au *media.AccessUnit) error {
	s.t.Helper()
	c := got{AccessUnit: *au}
	c.Data = bytes.Clone(au.Data)
	if au.Format == nil {
		s.t.Fatal("unit without a format")
	}
	if codec := au.Format.Codec; codec == media.CodecH264 || codec == media.CodecH265 {
		c.units = splitUnit(c.Data)
		if !bytes.HasPrefix(c.Data, []byte(nal.StartCode)) {
			s.t.Errorf("unit begins with % x", c.Data[:min(8, len(c.Data))])
		}
	}
	if len(s.units) == 0 && !au.RandomAccess {
		s.t.Error("the first unit is no random-access point")
	}
	if au.PTS < 0 {
		s.t.Errorf("PTS %v", au.PTS)
	}
	s.units = append(s.units, c)
	return nil
}

func newStream(t testing.TB, cfg Config) *Stream {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// feed pushes packets, 40 ms a picture by their timestamps.
func feed(t testing.TB, s *Stream, pkts []*rtp.Packet) *sink {
	t.Helper()
	out := &sink{t: t}
	feedTo(t, s, pkts, out)
	return out
}

func feedTo(t testing.TB, s *Stream, pkts []*rtp.Packet, out *sink) {
	t.Helper()
	at := epoch
	for i, p := range pkts {
		if i > 0 && p.Timestamp != pkts[i-1].Timestamp {
			at = at.Add(40 * time.Millisecond)
		}
		before := p.Clone()
		if err := s.Push(p, at, out.emit); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before.Payload, p.Payload) {
			t.Fatal("the packet was changed")
		}
	}
}

// pack packs whole pictures, one tick apart.
func pack(p *packer, pics [][][]byte) (out []*rtp.Packet) {
	for i, pic := range pics {
		out = append(out, p.picture(uint32(i)*tick, pic)...)
	}
	return out
}

func equalUnits(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
