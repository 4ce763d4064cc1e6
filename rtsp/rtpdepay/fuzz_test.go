package rtpdepay

import (
	"bytes"
	"encoding/binary"
	"image/jpeg"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/nal"
)

// Fuzz inputs are packets, one after the other: a byte of flags, a byte of
// length (in fours if flag 0x80 is set), the payload.
const (
	fuzzMarker = 1 << iota
	fuzzNewTime
	fuzzGap
	fuzzLost
	fuzzOtherSource
	fuzzBack
)

func fuzzPackets(b []byte) (out []*rtp.Packet, lost []bool) {
	seq, ts, ssrc := uint16(65500), uint32(1<<32-8000), uint32(0)
	for len(b) >= 2 && len(out) < 300 {
		flags, n := b[0], int(b[1])
		if flags&0x80 != 0 {
			n *= 4
		}
		b = b[2:]
		n = min(n, len(b))
		if flags&fuzzNewTime != 0 {
			ts += tick
		}
		seq++
		if flags&fuzzGap != 0 {
			seq += uint16(n)
		}
		if flags&fuzzBack != 0 {
			seq -= 3
		}
		if flags&fuzzOtherSource != 0 {
			ssrc++
		}
		out = append(out, &rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, SSRC: ssrc, Marker: flags&fuzzMarker != 0},
			Payload: b[:n],
		})
		lost = append(lost, flags&fuzzLost != 0)
		b = b[n:]
	}
	return out, lost
}

func fuzzInput(pkts []*rtp.Packet) (b []byte) {
	for i, p := range pkts {
		flags, n := byte(0), len(p.Payload)
		if p.Marker {
			flags |= fuzzMarker
		}
		if i > 0 && p.Timestamp != pkts[i-1].Timestamp {
			flags |= fuzzNewTime
		}
		payload := p.Payload
		if n > 255 {
			flags |= 0x80
			n = (n + 3) / 4
			payload = append(bytes.Clone(payload), make([]byte, n*4-len(payload))...)
		}
		b = append(append(b, flags, byte(n)), payload...)
	}
	return b
}

// fuzzStream pushes and checks what holds for every unit of every input.
func fuzzStream(t *testing.T, cfg Config, b []byte, check func(*media.AccessUnit)) {
	cfg.MaxBytes, cfg.MaxNALUs = 4096, 20
	s := newStream(t, cfg)
	units, seen := uint64(0), uint64(0)
	var format *media.Format
	pkts, lost := fuzzPackets(b)
	for i, p := range pkts {
		if lost[i] {
			s.Lost(1)
		}
		err := s.Push(p, epoch.Add(time.Duration(i)*10*time.Millisecond), func(au *media.AccessUnit) error {
			units++
			if au.Format == nil || len(au.Data) == 0 || len(au.Data) > 4096+maxSetsBytes || au.PTS < 0 {
				t.Fatalf("unit %+v", au)
			}
			if units == 1 && !au.RandomAccess {
				t.Fatal("the first unit is no random-access point")
			}
			if au.Format != format && !au.RandomAccess {
				t.Fatal("the format changes at a unit that is no random-access point")
			}
			format = au.Format
			if n := s.Stats().PacketsLost; n > seen {
				if !au.RandomAccess {
					t.Fatal("the first unit after a loss is no random-access point")
				}
				seen = n
			}
			check(au)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if after := s.Stats(); after.AccessUnits != units || after.RandomAccess > units {
			t.Fatalf("%d units, %+v", units, after)
		}
	}
}

func fuzzNAL(f *testing.F, codec media.Codec, clips []string, check func(t *testing.T, unit []byte)) {
	hevc := codec == media.CodecH265
	for _, name := range clips {
		pics := clip(f, name)
		f.Add(fuzzInput(pack(&packer{hevc: hevc, mtu: 150}, pics[:3])))
		f.Add(fuzzInput(pack(&packer{hevc: hevc, mtu: 900, aggregate: true}, pics[:2])))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzStream(t, Config{Codec: codec}, b, func(au *media.AccessUnit) {
			if !bytes.HasPrefix(au.Data, []byte(nal.StartCode)) || len(au.Data)-len(nal.Trim(au.Data)) > 0 {
				t.Fatalf("unit % x", au.Data)
			}
			units := splitUnit(au.Data)
			size := 0
			for _, u := range units {
				size += len(u) + 4
				check(t, u)
			}
			if size != len(au.Data) {
				t.Fatalf("%d bytes, of which NAL units with four-byte start codes are %d", len(au.Data), size)
			}
			if au.RandomAccess {
				if au.Format.Parameters == nil || units[0][0] == 0 {
					t.Fatal("random-access point without parameter sets")
				}
			}
		})
	})
}

func FuzzH264(f *testing.F) {
	fuzzNAL(f, media.CodecH264, []string{"h264_slices_b.h264", "h264_plain.h264"}, func(t *testing.T, u []byte) {
		if typ := u[0] & 31; typ == 0 || typ == 9 || typ > 11 {
			t.Fatalf("NAL unit type %d", typ)
		}
	})
}

func FuzzH265(f *testing.F) {
	fuzzNAL(f, media.CodecH265, []string{"h265_layers.h265"}, func(t *testing.T, u []byte) {
		if typ := u[0] >> 1 & 63; len(u) < 2 || typ > 40 || typ == 35 || typ == 38 {
			t.Fatalf("NAL unit type %d", typ)
		}
	})
}

func FuzzMJPEG(f *testing.F) {
	file := encode(f, 40, 24, 1, 40)
	for _, q := range []uint8{40, 140, 255} {
		j := jpegPacker{q: q, packer: packer{mtu: 200}}
		f.Add(fuzzInput(append(j.picture(0, takeApart(f, file)), j.picture(tick, takeApart(f, file))...)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzStream(t, Config{Codec: media.CodecMJPEG}, b, func(au *media.AccessUnit) {
			if !bytes.HasPrefix(au.Data, []byte{0xff, 0xd8}) || bytes.LastIndex(au.Data, []byte{0xff, 0xd9}) < 0 {
				t.Fatalf("picture % x", au.Data)
			}
			if c, err := jpeg.DecodeConfig(bytes.NewReader(au.Data)); err == nil && au.Format.Width != 0 &&
				(c.Width != au.Format.Width || c.Height != au.Format.Height) {
				t.Fatalf("picture of %dx%d, format %+v", c.Width, c.Height, au.Format)
			}
		})
	})
}

// FuzzPacketSequence does to good packets what networks and cameras do. Only
// pictures that went in come out, in order, and none without its references.
func FuzzPacketSequence(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5}, uint16(3), true)
	f.Add([]byte("\x00\x00\x00\x00\x09\x00\x00\x00\x05\x00\x00\x03"), uint16(60), false)
	pics := clip(f, "h264_slices_b.h264")
	all := pack(&packer{mtu: 250, seq: 65000}, pics)
	f.Fuzz(func(t *testing.T, ops []byte, start uint16, markers bool) {
		var pkts []*rtp.Packet
		from := make(map[*rtp.Packet]int) // which packet of all each is
		shift, ssrc := start, uint32(1)
		for i, orig := range all {
			p := orig.Clone()
			from[p] = i
			p.SequenceNumber += shift
			p.SSRC = ssrc
			p.Marker = p.Marker && markers
			op := byte(0)
			if i < len(ops) {
				op = ops[i]
			}
			switch op & 15 {
			case 1: // lost
				continue
			case 2, 3: // again
				pkts = append(pkts, p.Clone())
			case 4: // late
				if len(pkts) > 0 {
					pkts = append(pkts[:len(pkts)-1], p, pkts[len(pkts)-1])
					continue
				}
			case 5: // other source
				ssrc++
				p.SSRC = ssrc
			case 6: // jump
				shift += uint16(op) << 6
				p.SequenceNumber += uint16(op) << 6
			case 7: // back a little
				shift -= uint16(op >> 4)
				p.SequenceNumber -= uint16(op >> 4)
			case 8: // stray
				q := p.Clone()
				q.SSRC = binary.BigEndian.Uint32([]byte{9, 9, 9, op})
				from[q] = i // with many of them it is this source that is followed
				pkts = append(pkts, q)
			case 9: // unmarked
				p.Marker = false
			}
			pkts = append(pkts, p)
		}
		if hidesLoss(pkts, from) {
			return
		}
		s := newStream(t, Config{Codec: media.CodecH264})
		checkOrder(t, pics, feed(t, s, pkts), false)
	})
}

// hidesLoss says whether sequence numbers went back by just as many packets as were lost
// before: no receiver can see that.
func hidesLoss(pkts []*rtp.Packet, from map[*rtp.Packet]int) bool {
	type place struct {
		ssrc uint32
		seq  uint16
	}
	at := make(map[place][]int)
	lasts := make(map[uint32]*rtp.Packet)
	for _, p := range pkts {
		i, ok := from[p]
		if !ok { // the same packet again
			continue
		}
		last := lasts[p.SSRC]
		if last != nil && p.SequenceNumber == last.SequenceNumber+1 && i > from[last]+1 {
			return true
		}
		lasts[p.SSRC] = p
		here := place{p.SSRC, p.SequenceNumber}
		at[here] = append(at[here], i)
	}
	for p, here := range at { // packets that came late are sorted in
		next := at[place{p.ssrc, p.seq + 1}]
		if len(here) == 1 && len(next) == 1 && next[0] > here[0]+1 {
			return true
		}
	}
	return false
}
