//go:build cgo

package faults

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/media"
)

// packets makes a camera that changes its packets.
func packets(f func(of camsim.Picture, list []camsim.Packet) []camsim.Packet) camsim.Camera {
	return camsim.Camera{Behaviour: camsim.Behaviour{Packets: f}}
}

// plays waits for n frames of a camera that is to keep its first connection, and to
// lose and damage nothing.
func plays(s *Scene, v *Victim, n uint64) {
	s.Helper()
	first := v.Runs()
	v.Shows(n)
	v.Steady(first)
	now := v.Now()
	if now.Counters.Dropped.Network != 0 || v.Damaged() != 0 {
		s.Errorf("%s: %d dropped, %d damaged: %+v", v.ID, now.Counters.Dropped.Network, v.Damaged(), now.Counters)
	}
	if d := dropsAt(v); d != "" {
		s.Error(d)
	}
}

// dropsAt compares what the pictures show with how the frames are numbered.
func dropsAt(v *Victim) string {
	n := Neighbour{Watch: v.Watch, pictures: v.Sim.Clip().Frames}
	if err := n.rows(); err != nil {
		return err.Error()
	}
	return ""
}

// One, five and thirty packets in a hundred, over TCP and UDP, reordered and doubled.
func row43(s *Scene) {
	var wg sync.WaitGroup
	for _, over := range []config.Transport{config.TransportTCP, config.TransportUDP} {
		for _, loss := range []float64{0.01, 0.05, 0.3} {
			b := camsim.Behaviour{Loss: loss, Duplicate: 0.05, Seed: s.Seed}
			v := s.Add(s.Sim(nil, "h264_change_a", camsim.Camera{FPS: 25, Behaviour: b}), Over(over), "h264_change_a")
			wg.Go(func() {
				v.Until("losses", func(c camera.Snapshot) bool { return c.Counters.PacketsLost > 5 && c.Counters.Dropped.Network > 0 })
				v.Sim.Set(func(b *camsim.Behaviour) { b.Loss = 0 })
				v.Shows(20)
			})
		}
	}
	wg.Wait()
	// What only changes places is put back: nothing is lost.
	late := s.Add(s.Sim(nil, "h264_change_a", camsim.Camera{Behaviour: camsim.Behaviour{Reorder: 0.2, Duplicate: 0.2, Seed: s.Seed}}), Over(config.TransportUDP), "h264_change_a")
	plays(s, late, 30)
}

// Numbers wrap on the way, then jump; timestamps likewise.
func row44(s *Scene) {
	v := s.Victim(small, camsim.Camera{})
	first := v.Runs()
	for _, jump := range []func(*camsim.Behaviour){
		func(b *camsim.Behaviour) { b.SequenceOffset += 20000 },
		func(b *camsim.Behaviour) { b.SequenceOffset -= 5000 },
		func(b *camsim.Behaviour) { b.TimestampOffset += 1 << 31 },
		func(b *camsim.Behaviour) { b.TimestampOffset -= 90000 * 3600 },
		func(b *camsim.Behaviour) { b.SequenceOffset, b.TimestampOffset = 3, 1<<30 },
	} {
		v.Sim.Set(jump)
		v.Shows(15)
		v.Steady(first)
	}
	wrap := s.Victim(small, packetsCounted(func(n uint64, p *camsim.Packet) { p.Timestamp = uint32(1<<32 - 90000 + n*9000) }))
	plays(s, wrap, 30)
}

// packetsCounted makes a camera whose packets are changed with the number of their
// picture in this session.
func packetsCounted(f func(n uint64, p *camsim.Packet)) camsim.Camera {
	return packets(func(of camsim.Picture, list []camsim.Packet) []camsim.Packet {
		for i := range list {
			f(of.Since, &list[i])
		}
		return list
	})
}

// Another SSRC in the middle, and one with every key frame.
func row45(s *Scene) {
	v := s.Victim(small, camsim.Camera{})
	first := v.Runs()
	v.Sim.Set(func(b *camsim.Behaviour) { b.SSRC = 77 })
	v.Shows(20)
	v.Steady(first)
	plays(s, s.Victim("h264_change_a", packetsCounted(func(n uint64, p *camsim.Packet) { p.SSRC = uint32(1 + n/25) })), 60)
}

// Absurd clocks. That PTS rise is invariant I1; that frames keep coming is asked here.
func row46(s *Scene) {
	for name, clock := range map[string]func(n uint64) uint32{
		"hours to and fro": func(n uint64) uint32 { return uint32(n*9000) + uint32(n/10%2)*90000*36000 },
		"backwards":        func(n uint64) uint32 { return uint32(1<<31 - n*9000) },
		"zero":             func(uint64) uint32 { return 0 },
		"pairs":            func(n uint64) uint32 { return uint32(n / 2 * 18000) },
		"stands still":     func(n uint64) uint32 { return uint32(min(n, 15) * 9000) },
		"random":           func(n uint64) uint32 { return uint32((n*2654435761 + s.Seed) * 40503) },
	} {
		v := s.Victim(small, packetsCounted(func(n uint64, p *camsim.Packet) { p.Timestamp = clock(n) }))
		first := v.Runs()
		v.Shows(40)
		v.Steady(first)
		_ = name
	}
}

// Clocks of cameras.
func row47(s *Scene) {
	none := s.Victim(small, camsim.Camera{Behaviour: camsim.Behaviour{Report: camsim.ReportNone}})
	old := s.Victim(small, camsim.Camera{ReportInterval: time.Second, Behaviour: camsim.Behaviour{Report: camsim.Report1970}})
	step := s.Victim(small, camsim.Camera{ReportInterval: time.Second, Behaviour: camsim.Behaviour{Report: camsim.ReportShifted}})
	for _, v := range []*Victim{none, old} {
		plays(s, v, 20)
		f := v.Recent()
		if last := f[len(f)-1]; last.Source == media.ClockRTCP || time.Since(last.Capture).Abs() > time.Hour {
			s.Errorf("%s: capture time %v from %v", v.ID, last.Capture, last.Source)
		}
	}
	first := step.Runs()
	step.Shows(15)
	for _, by := range []time.Duration{time.Hour, -2 * time.Hour, 0} {
		step.Sim.Set(func(b *camsim.Behaviour) { b.ReportOffset = by })
		step.Shows(25)
		step.Steady(first)
	}
}

// Reports that are too short, too long, of another version, and padded wrongly.
func row48(s *Scene) {
	c := camsim.Camera{ReportInterval: 200 * time.Millisecond, Behaviour: camsim.Behaviour{Reports: func(report []byte) [][]byte {
		long := slices.Clone(report)
		binary.BigEndian.PutUint16(long[2:], 0xffff)
		padded := slices.Clone(report)
		padded[0] |= 0x20
		padded[len(padded)-1] = 255
		version := slices.Clone(report)
		version[0] &= 0x3f
		many := slices.Clone(report)
		many[0] |= 31
		return [][]byte{{}, {0x80}, report[:7], long, padded, version, many, {0x81, 203, 0, 1, 0, 0, 0, 0}, report}
	}}}
	for _, over := range []config.Transport{config.TransportTCP, config.TransportUDP} {
		plays(s, s.Add(s.Sim(nil, small, c), Over(over), small), 20)
	}
}

// Padding, extensions, nothing at all, and headers that promise more than there is.
func row49(s *Scene) {
	plays(s, s.Victim("h264_change_a", packetsCounted(func(n uint64, p *camsim.Packet) {
		p.Padding = int(n % 200)
		if n%2 == 0 {
			p.Extension = []byte{0xBE, 0xDE, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}
		}
	})), 20)
	empty := s.Victim("h264_change_a", packets(func(_ camsim.Picture, list []camsim.Packet) []camsim.Packet {
		nothing := list[0]
		nothing.Payload, nothing.Marker = []byte{}, false
		out := []camsim.Packet{nothing}
		for _, p := range list {
			out = append(out, p)
			if p.Payload[0]&0x1f == 28 && p.Payload[1]&0x40 == 0 { // in the middle of a unit
				fragment := p
				fragment.Payload = []byte{p.Payload[0], p.Payload[1] & 0x1f}
				out = append(out, fragment)
			}
		}
		return out
	}))
	plays(s, empty, 20)
	broken := s.Victim(small, packets(func(_ camsim.Picture, list []camsim.Packet) []camsim.Packet {
		for _, raw := range [][]byte{
			{},
			{0x80},
			{0xA0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 255},
			{0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 255, 255},
			{0x8f, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1},
			{0x40, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x41},
		} {
			list = append(list, camsim.Packet{Raw: raw})
		}
		return list
	}))
	first := broken.Runs()
	broken.Shows(20)
	broken.Steady(first)
}

// Markers on everything, on nothing; a second timestamp in the middle of a picture.
func row50(s *Scene) {
	for _, clip := range []string{"h264_change_a", "h264_slices", "h265_bframes"} {
		for _, m := range []camsim.MarkerVariant{camsim.MarkerEvery, camsim.MarkerNever} {
			plays(s, s.Victim(clip, camsim.Camera{Behaviour: camsim.Behaviour{Marker: m}}), 20)
		}
	}
	plays(s, s.Victim("h264_slices", packets(func(_ camsim.Picture, list []camsim.Packet) []camsim.Packet {
		for i := len(list) / 2; i < len(list); i++ {
			list[i].Timestamp++
		}
		return list
	})), 20)
}

// units changes the packets that hold one H.264 unit each.
func units(f func(p camsim.Packet, nal []byte) []camsim.Packet) camsim.Camera {
	return packets(func(_ camsim.Picture, list []camsim.Packet) []camsim.Packet {
		var out []camsim.Packet
		for _, p := range list {
			if kind := p.Payload[0] & 0x1f; kind == 1 || kind == 5 {
				out = append(out, f(p, p.Payload)...)
			} else {
				out = append(out, p)
			}
		}
		return out
	})
}

// Whole units as one fragment, start codes in payloads, zeros at the end.
func row51(s *Scene) {
	for _, f := range []func(p camsim.Packet, nal []byte) []camsim.Packet{
		func(p camsim.Packet, nal []byte) []camsim.Packet { // start and end in one
			p.Payload = append([]byte{nal[0]&0xe0 | 28, 0xc0 | nal[0]&0x1f}, nal[1:]...)
			return []camsim.Packet{p}
		},
		func(p camsim.Packet, nal []byte) []camsim.Packet { // with a start code in front
			p.Payload = append([]byte{0, 0, 0, 1}, nal...)
			return []camsim.Packet{p}
		},
		func(p camsim.Packet, nal []byte) []camsim.Packet { // zeros behind
			p.Payload = append(slices.Clone(nal), 0, 0)
			return []camsim.Packet{p}
		},
		func(p camsim.Packet, nal []byte) []camsim.Packet { // another type in the second half
			if len(nal) < 20 {
				return []camsim.Packet{p}
			}
			first, second := p, p
			first.Marker = false
			first.Payload = append([]byte{nal[0]&0xe0 | 28, 0x80 | nal[0]&0x1f}, nal[1:len(nal)/2]...)
			second.Payload = append([]byte{nal[0]&0xe0 | 28, 0x40 | 7}, nal[len(nal)/2:]...)
			return []camsim.Packet{first, second}
		},
	} {
		plays(s, s.Victim("h264_slices", units(f)), 20)
	}
}

// Key frames of three megabytes, then units beyond the limit of sixteen.
func row52(s *Scene) {
	// A message that decoders skip, in a packet of its own: type 5, its length in bytes
	// of 255.
	const message = 60000
	sei := append([]byte{6, 5}, slices.Repeat([]byte{255}, message/255)...)
	sei = append(append(sei, message%255), slices.Repeat([]byte{'x'}, message)...)
	sei = append(sei, 0x80)
	large := func(size int) func(camsim.Picture, []camsim.Packet) []camsim.Packet {
		return func(of camsim.Picture, list []camsim.Packet) []camsim.Packet {
			if !of.Key {
				return list
			}
			var out []camsim.Packet
			for n := size; n > 0; n -= message {
				p := list[0]
				p.Marker, p.Payload = false, sei
				out = append(out, p)
			}
			// behind the parameter sets, in front of the picture
			return slices.Concat(list[:1], out, list[1:])
		}
	}
	c := packets(large(3 << 20))
	c.FPS = 5
	v := s.Victim("h264_change_a", c)
	first := v.Runs()
	v.Shows(30)
	v.Steady(first)
	if now := v.Now().Counters; now.BytesReceived < 3<<20 || now.Dropped.Network != 0 {
		s.Errorf("%+v", now)
	}
	before := v.Now().Counters
	v.Sim.Set(func(b *camsim.Behaviour) { b.Packets = large(20 << 20) })
	v.Until("drops", func(c camera.Snapshot) bool { return c.Counters.Dropped.Network > before.Dropped.Network })
	if held := v.Now().Memory.Host; held > 96<<20 {
		s.Errorf("%d MiB are held", held>>20)
	}
	v.Sim.Set(func(b *camsim.Behaviour) { b.Packets = nil })
	v.Shows(10)
}

// Fifty-two slices, and every slice in a packet with a marker.
func row53(s *Scene) {
	plays(s, s.Victim("h264_slices", camsim.Camera{}), 30)
	udp := s.Add(s.Sim(nil, "h264_slices", camsim.Camera{}), Over(config.TransportUDP), "h264_slices")
	first := udp.Runs()
	udp.Shows(20)
	udp.Steady(first)
}
