package rtpdepay

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
)

// quirk is what one kind of camera does to a good stream. Each takes the NAL
// units of pictures and makes packets; the same pictures must come out.
type quirk struct {
	name string
	file string
	// pack makes the packets of one picture.
	pack func(p *packer, ts uint32, units [][]byte) []*rtp.Packet
	// cfg changes the stream's configuration.
	cfg func(*Config, [][][]byte)
}

func join(units [][]byte, sep ...byte) []byte { return bytes.Join(units, sep) }

// fu makes fragmentation units of the pieces of a NAL unit.
func fu(p *packer, ts uint32, unit []byte, cuts [][]byte, flags []byte, don bool) (out []*rtp.Packet) {
	for i, c := range cuts {
		head := []byte{unit[0]&0xe0 | 28, flags[i] | unit[0]&0x1f}
		if don && i == 0 {
			head[0]++
			head = append(head, 0, byte(i))
		}
		out = append(out, p.packet(ts, false, append(head, c...)))
	}
	return out
}

func marked(pkts []*rtp.Packet) []*rtp.Packet {
	pkts[len(pkts)-1].Marker = true
	return pkts
}

// each packs unit by unit.
func each(f func(p *packer, ts uint32, unit []byte) []*rtp.Packet) func(*packer, uint32, [][]byte) []*rtp.Packet {
	return func(p *packer, ts uint32, units [][]byte) (out []*rtp.Packet) {
		for _, u := range units {
			out = append(out, f(p, ts, u)...)
		}
		return marked(out)
	}
}

func quirks() []quirk {
	const sliced = "h264_slices_b.h264"
	single := each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
		return []*rtp.Packet{p.packet(ts, false, u)}
	})
	return []quirk{
		{name: "start and end in one FU-A (CostarHD)", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			return fu(p, ts, u, [][]byte{u[1:]}, []byte{0xc0}, false)
		})},
		{name: "FU-A without an end bit", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			return fu(p, ts, u, [][]byte{u[1:2], u[2:]}, []byte{0x80, 0}, false)
		})},
		{name: "FU-A with empty and tiny fragments", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			n := min(3, len(u))
			return fu(p, ts, u, [][]byte{nil, u[1:2], nil, u[2:n], u[n:], nil}, []byte{0x80, 0, 0, 0, 0, 0x40}, false)
		})},
		{name: "FU-A whose type changes inside a unit", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			out := fu(p, ts, u, [][]byte{u[1:2], u[2:]}, []byte{0x80, 0x40}, false)
			out[1].Payload[1] ^= 0x03
			return out
		})},
		{name: "FU-A with the unit repeated in Annex B form", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			b := append([]byte{0, 0, 0, 1}, u...)
			return fu(p, ts, u, [][]byte{b[:6], b[6:]}, []byte{0x80, 0x40}, false)
		})},
		{name: "whole picture in Annex B form in one FU-A (Anpviz, Tiandy)", file: sliced, pack: func(p *packer, ts uint32, units [][]byte) []*rtp.Packet {
			b := join(units, 0, 0, 0, 1)
			return marked(fu(p, ts, b, [][]byte{b[1:10], b[10:]}, []byte{0x80, 0x40}, false))
		}},
		{name: "whole picture in Annex B form in one packet", file: sliced, pack: func(p *packer, ts uint32, units [][]byte) []*rtp.Packet {
			return marked([]*rtp.Packet{p.packet(ts, false, append([]byte{0, 0, 1}, join(units, 0, 0, 1)...))})
		}},
		{name: "Annex B after the first unit (V380)", file: sliced, pack: func(p *packer, ts uint32, units [][]byte) []*rtp.Packet {
			return marked([]*rtp.Packet{p.packet(ts, false, join(units, 0, 0, 0, 0, 1))})
		}},
		{name: "zero bytes at the end of units (V380)", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			return []*rtp.Packet{p.packet(ts, false, append(bytes.Clone(u), 0, 0, 0))}
		})},
		{name: "STAP-B", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			b := append([]byte{25, 0, 0, byte(len(u) >> 8), byte(len(u))}, u...)
			return []*rtp.Packet{p.packet(ts, false, b)}
		})},
		{name: "FU-B", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			return fu(p, ts, u, [][]byte{u[1:2], u[2:]}, []byte{0x80, 0x40}, true)
		})},
		{name: "STAP-A with zero sizes and a stray byte", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			b := append([]byte{24, 0, 0, byte(len(u) >> 8), byte(len(u))}, u...)
			return []*rtp.Packet{p.packet(ts, false, append(b, 0, 0, 0))}
		})},
		{name: "delimiters, filler and private types between slices (Geovision, yi)", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			return []*rtp.Packet{
				p.packet(ts, false, []byte{0x0c, 0xff, 0xff, 0x80}), p.packet(ts, false, []byte{0x1e, 1, 2, 3}),
				p.packet(ts, false, []byte{0x1f}), p.packet(ts, false, []byte{0, 9}), p.packet(ts, false, nil),
				p.packet(ts, false, u),
			}
		})},
		{name: "SEI in the middle of a picture", file: sliced, pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			return []*rtp.Packet{p.packet(ts, false, []byte{6, 240, 2, 1, 2, 0x80}), p.packet(ts, false, u)}
		})},
		{name: "marker on SEI and parameter sets (Reolink)", file: sliced, pack: func(p *packer, ts uint32, units [][]byte) []*rtp.Packet {
			out := single(p, ts, units)
			for _, pkt := range out {
				pkt.Marker = pkt.Marker || pkt.Payload[0]&31 > 5
			}
			return out
		}},
		{name: "timestamp changes inside a picture (FLIR)", file: sliced, pack: func(p *packer, ts uint32, units [][]byte) []*rtp.Packet {
			out := single(p, ts, units)
			for i := range out {
				out[i].Timestamp += uint32(i) * 90
			}
			return out
		}},
		{name: "parameter sets in the SDP only (Axis)", file: sliced, pack: func(p *packer, ts uint32, units [][]byte) []*rtp.Packet {
			return single(p, ts, vclOf(units, false))
		}, cfg: func(c *Config, pics [][][]byte) {
			for _, u := range pics[0] {
				if typ := u[0] & 31; typ == 7 || typ == 8 {
					c.ParameterSets = append(c.ParameterSets, append([]byte{0, 0, 0, 1}, u...))
				}
			}
		}},
		{name: "both sets in one SDP value, with rubbish", file: sliced, pack: func(p *packer, ts uint32, units [][]byte) []*rtp.Packet {
			return single(p, ts, vclOf(units, false))
		}, cfg: func(c *Config, pics [][][]byte) {
			var sets [][]byte
			for _, u := range pics[0] {
				if typ := u[0] & 31; typ == 7 || typ == 8 {
					sets = append(sets, u)
				}
			}
			c.ParameterSets = [][]byte{nil, {0}, {0, 0, 1}, {0x67}, {0x68}, []byte("rubbish"), append(join(sets, 0, 0, 1), 0, 0)}
		}},
		{name: "wrong sets in the SDP, right ones in band", file: sliced, pack: single, cfg: func(c *Config, _ [][][]byte) {
			c.ParameterSets = [][]byte{paffSPS(), simplePPS(0, 3), {0x67, 77, 0, 30, 0xff, 0xff}}
		}},
		{name: "decoding order numbers announced (H.265)", file: "h265_slices.h265", pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			b := append([]byte{u[0], u[1], 0, 7}, u[2:]...)
			return []*rtp.Packet{p.packet(ts, false, b)}
		}), cfg: func(c *Config, _ [][][]byte) { c.DONL = true }},
		{name: "decoding order numbers in aggregates, not announced (H.265)", file: "h265_slices.h265", pack: func(p *packer, ts uint32, units [][]byte) []*rtp.Packet {
			b := []byte{48 << 1, 1, 0}
			for i, u := range units {
				b = append(b, byte(i), byte(len(u)>>8), byte(len(u)))
				b = append(b, u...)
			}
			return marked([]*rtp.Packet{p.packet(ts, false, b)})
		}},
		{name: "private types and higher layers (H.265)", file: "h265_slices.h265", pack: each(func(p *packer, ts uint32, u []byte) []*rtp.Packet {
			return []*rtp.Packet{
				p.packet(ts, false, []byte{63 << 1, 1, 9}), p.packet(ts, false, []byte{1 << 1, 1<<3 | 1, 0x80, 3}),
				p.packet(ts, false, []byte{38 << 1, 1, 0xff, 0x80}), p.packet(ts, false, u),
				p.packet(ts, false, []byte{40 << 1, 1, 0xff, 0x80}),
			}
		})},
	}
}

func TestQuirksAreTolerated(t *testing.T) {
	for _, q := range quirks() {
		t.Run(q.name, func(t *testing.T) {
			pics := clip(t, q.file)
			cfg := Config{Codec: media.CodecH264}
			hevc := q.file[:4] == "h265"
			if hevc {
				cfg.Codec = media.CodecH265
			}
			if q.cfg != nil {
				q.cfg(&cfg, pics)
			}
			p := &packer{hevc: hevc, mtu: 1400}
			var pkts []*rtp.Packet
			for i, pic := range pics {
				pkts = append(pkts, q.pack(p, uint32(i)*tick, pic)...)
			}
			s := newStream(t, cfg)
			out := feed(t, s, pkts)
			if len(out.units) < len(pics)-1 {
				t.Fatalf("%d units of %d: %+v", len(out.units), len(pics), s.Stats())
			}
			for i, u := range out.units {
				if !equalUnits(vclOf(u.units, hevc), vclOf(pics[i], hevc)) {
					t.Fatalf("picture %d differs", i)
				}
				if u.RandomAccess {
					checkSets(t, u, hevc)
				}
				if w := out.units[0].Format.Width; w != 96 && w != 192 {
					t.Fatalf("width %d", w)
				}
			}
			if st := s.Stats(); st.DroppedUnits != 0 || st.Malformed != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// What can't be read taints its picture, and only good pictures come after.
func TestUnreadablePayloadsTaint(t *testing.T) {
	payloads := map[media.Codec][][]byte{
		media.CodecH264: {
			{24, 0, 9, 0x41}, {24, 0, 2, 28, 1}, {25, 0}, {28}, {29, 0x85, 0}, {26, 1, 2, 3}, {27, 1}, {0x41, 0, 0, 0, 0},
		},
		media.CodecH265: {
			{1}, {48 << 1, 1, 0, 9, 1}, {48 << 1, 1}, {49 << 1, 1}, {50 << 1, 1, 0, 0, 2, 1, 3}, {1 << 1, 1, 0, 0, 0, 0, 0},
		},
	}
	for _, c := range clipCases()[:4] {
		for _, bad := range payloads[c.codec] {
			hevc := c.codec == media.CodecH265
			pics := clip(t, c.name)
			p := &packer{hevc: hevc, mtu: 200}
			var pkts []*rtp.Packet
			for i, pic := range pics {
				one := p.picture(uint32(i)*tick, pic)
				if i == 6 {
					one[len(one)-1].Marker = false
					one = append(one, p.packet(uint32(i)*tick, true, bad))
				}
				pkts = append(pkts, one...)
			}
			s := newStream(t, Config{Codec: c.codec})
			out := feed(t, s, pkts)
			checkOrder(t, pics, out, hevc)
			st := s.Stats()
			if st.Tainted != 1 || st.Malformed+st.Unsupported != 1 {
				t.Errorf("%s % x: %+v", c.name, bad, st)
			}
			if n := len(out.units); n < 12 || n >= len(pics) {
				t.Errorf("%s % x: %d units", c.name, bad, n)
			}
		}
	}
}

// A fragment that begins nowhere is an error only where nothing is missing.
func TestFragmentWithoutStart(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	p := &packer{mtu: 100}
	pkts := pack(p, pics[:1])
	s := newStream(t, Config{Codec: media.CodecH264})
	out := &sink{t: t}
	feedTo(t, s, pkts, out)
	feedTo(t, s, []*rtp.Packet{p.packet(tick, false, []byte{0x7c, 0x05, 1, 2, 3})}, out)
	feedTo(t, s, []*rtp.Packet{p.packet(tick, false, []byte{0x7c, 0x05, 1, 2, 3})}, out)
	if got := s.Stats().Malformed; got != 1 {
		t.Errorf("malformed %d, want 1: the second is expected after the first", got)
	}
}
