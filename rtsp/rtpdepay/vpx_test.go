package rtpdepay

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// vpxPacker makes packets of VP8 and VP9 frames in the ways that senders have.
type vpxPacker struct {
	packer
	codec media.Codec
	// way is how: "short" as FFmpeg, "long" with everything in the descriptor,
	// "flexible" (VP9) with the distances of references.
	way       string
	droppable bool
	id        uint16
}

func (p *vpxPacker) frame(ts uint32, data []byte, key bool) (out []*rtp.Packet) {
	p.id++
	for rest := data; len(rest) > 0; {
		part := rest[:min(len(rest), p.mtu)]
		first := len(rest) == len(data)
		rest = rest[len(part):]
		last := len(rest) == 0
		head := p.vp8(first)
		if p.codec == media.CodecVP9 {
			head = p.vp9(first, last, key)
		}
		out = append(out, p.packet(ts, last, append(head, part...)))
	}
	return out
}

func bit(on bool, b byte) byte {
	if on {
		return b
	}
	return 0
}

func (p *vpxPacker) vp8(first bool) []byte {
	head := bit(first, 0x10) | bit(p.droppable, 0x20)
	if p.way == "short" {
		return []byte{head}
	}
	if !first && p.id%3 == 0 { // as GStreamer, at the beginning of a partition
		head |= 0x11
	}
	if p.id%2 == 0 { // 7 bits, and nothing else
		return []byte{head | 0x80, 0x80, byte(p.id & 0x7F)}
	}
	return []byte{head | 0x80, 0xF0, byte(p.id>>8) | 0x80, byte(p.id), 7, 0x21}
}

func (p *vpxPacker) vp9(first, last, key bool) []byte {
	head := bit(first, 0x08) | bit(last, 0x04)
	structure := []byte{2<<5 | 0x18, 1, 0, 1, 0, 2, 0, 2, 0, 4, 0, 4, 0, 2, 0x04, 1, 0x08, 1, 2} // 3 layers with sizes, 2 pictures
	switch p.way {
	case "short":
		return []byte{head}
	case "flexible":
		b := []byte{head | 0xB0 | bit(!key, 0x40), byte(p.id>>8) | 0x80, byte(p.id), 0}
		if !key {
			b = append(b, 1<<1|1, 2<<1|1, 3<<1)
		}
		return b
	default:
		b := []byte{head | 0xA0 | bit(!key, 0x40) | bit(key && first, 0x02), byte(p.id & 0x7F), 0, 9}
		if key && first {
			b = append(b, structure...)
		}
		return b
	}
}

func vpxClip(t testing.TB, name string) *testvideo.Clip {
	t.Helper()
	c, err := testvideo.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *vpxPacker) clip(c *testvideo.Clip) (out []*rtp.Packet) {
	for i, u := range c.Units {
		out = append(out, p.frame(uint32(i)*tick, u.Data, u.Key)...)
	}
	return out
}

// Whatever way a sender packs, the same frames come out.
func TestVPXFrames(t *testing.T) {
	for _, name := range []string{"vp8_360p", "vp8_odd", "vp9_360p", "vp9_hidden", "vp9_10bit"} {
		for _, way := range []string{"short", "long", "flexible"} {
			for _, mode := range []string{"marked", "unmarked", "every packet marked"} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, way, mode), func(t *testing.T) {
					c := vpxClip(t, name)
					p := &vpxPacker{packer: packer{mtu: 700, seq: 65000}, codec: c.Codec, way: way}
					pkts := p.clip(c)
					for _, pkt := range pkts {
						switch mode {
						case "unmarked":
							pkt.Marker = false
							if c.Codec == media.CodecVP9 {
								pkt.Payload[0] &^= 0x04
							}
						case "every packet marked":
							pkt.Marker = true
							if c.Codec == media.CodecVP9 {
								pkt.Payload[0] |= 0x04
							}
						}
					}
					s := newStream(t, Config{Codec: c.Codec})
					out := feed(t, s, pkts)
					want := len(c.Units)
					if mode != "marked" && len(out.units) < want {
						want-- // only the next frame would show that the last is over
					}
					if st := s.Stats(); len(out.units) != want || st.DroppedUnits != 0 || st.Malformed != 0 {
						t.Fatalf("%d units of %d, %+v", len(out.units), want, st)
					}
					checkVPX(t, c, out)
				})
			}
		}
	}
}

// checkVPX holds units against the frames of a clip that they are.
func checkVPX(t *testing.T, c *testvideo.Clip, out *sink) {
	t.Helper()
	for i, u := range out.units {
		if want := &c.Units[i]; !bytes.Equal(u.Data, want.Data) || u.RandomAccess != want.Key || u.NonReference {
			t.Fatalf("unit %d: %d bytes, random access %v, non-reference %v", i, len(u.Data), u.RandomAccess, u.NonReference)
		}
		f := u.Format
		if f != out.units[0].Format || f.Width != c.Width || f.Height != c.Height || !f.NoReorder || len(f.Parameters) != 0 ||
			f.CodedWidth < f.Width || f.CodedWidth >= f.Width+16 || f.CodedWidth%8 != 0 {
			t.Fatalf("unit %d: format %+v", i, f)
		}
	}
}

// Under loss every frame that comes out went in, and its key frame and all frames in
// between came out before it.
func TestVPXNoDamagedFrame(t *testing.T) {
	for _, name := range []string{"vp8_360p", "vp9_hidden"} {
		c := vpxClip(t, name)
		delivered := 0
		for seed := range uint64(60) {
			rng := rand.New(rand.NewPCG(seed, 5))
			p := &vpxPacker{packer: packer{mtu: 200 + rng.IntN(900)}, codec: c.Codec, way: []string{"short", "long"}[seed%2]}
			f := fault{loss: 0.01, burst: 3, dup: 0.02, swap: 0.01 * float64(seed%2)}
			last := -1
			out := feed(t, newStream(t, Config{Codec: c.Codec}), f.apply(rng, p.clip(c)))
			for _, u := range out.units {
				i := last + 1
				for i < len(c.Units) && !bytes.Equal(u.Data, c.Units[i].Data) {
					i++
				}
				if i == len(c.Units) || i != last+1 && !c.Units[i].Key {
					t.Fatalf("%s, seed %d: a frame that never went in, or without what it refers to", name, seed)
				}
				last = i
			}
			delivered += len(out.units)
		}
		if delivered < 60*len(c.Units)/4 {
			t.Errorf("%s: %d frames of %d", name, delivered, 60*len(c.Units))
		}
	}
}

// After a loss nothing comes before the next key frame.
func TestVPXWaitsForKeyFrame(t *testing.T) {
	for _, name := range []string{"vp8_360p", "vp9_360p"} {
		c := vpxClip(t, name)
		p := &vpxPacker{packer: packer{mtu: 60000}, codec: c.Codec, way: "short"}
		pkts := p.clip(c) // one packet a frame, key frames 0, 25, 50
		s := newStream(t, Config{Codec: c.Codec})
		out := feed(t, s, append(pkts[3:30:30], pkts[31:]...))
		if st := s.Stats(); len(out.units) != 5+10 || st.Waiting != 22+19 || st.PacketsLost != 1 || !out.units[5].RandomAccess {
			t.Errorf("%s: %d units, %+v", name, len(out.units), st)
		}

		pkts[30].Payload = []byte{0x90 | 0x88} // announces what is not there
		s = newStream(t, Config{Codec: c.Codec})
		out = feed(t, s, pkts)
		if st := s.Stats(); len(out.units) != 30+10 || st.Waiting != 19 || st.Malformed != 1 || st.PacketsLost != 0 {
			t.Errorf("%s, a packet that can't be read: %d units, %+v", name, len(out.units), st)
		}
	}
}

func TestVPXFormatChanges(t *testing.T) {
	for _, names := range [][2]string{{"vp8_360p", "vp8_odd"}, {"vp9_odd", "vp9_360p"}} {
		a, b := vpxClip(t, names[0]), vpxClip(t, names[1])
		p := &vpxPacker{packer: packer{mtu: 1000}, codec: a.Codec, way: "long"}
		var pkts []*rtp.Packet
		for i := range uint32(24) { // eight of a, of b, of a
			u := [2]*testvideo.Clip{a, b}[i/8%2].Units[i%8]
			pkts = append(pkts, p.frame(i*tick, u.Data, u.Key)...)
		}
		out := feed(t, newStream(t, Config{Codec: a.Codec}), pkts)
		if len(out.units) != 24 {
			t.Fatalf("%v: %d units", names, len(out.units))
		}
		for i, u := range out.units {
			c := [2]*testvideo.Clip{a, b}[i/8%2]
			if u.Format.Width != c.Width || u.Format.Height != c.Height || i > 0 && (u.Format != out.units[i-1].Format) != (i%8 == 0) {
				t.Errorf("%v: unit %d has %+v", names, i, u.Format)
			}
		}
	}
}

// Frames that the sender says nobody refers to can be left out; key frames never.
func TestVP8Droppable(t *testing.T) {
	c := vpxClip(t, "vp8_odd")
	p := &vpxPacker{packer: packer{mtu: 1000}, codec: c.Codec, way: "long"}
	var pkts []*rtp.Packet
	for i, u := range c.Units {
		p.droppable = i%3 == 0
		pkts = append(pkts, p.frame(uint32(i)*tick, u.Data, u.Key)...)
	}
	for i, u := range feed(t, newStream(t, Config{Codec: c.Codec}), pkts).units {
		if u.NonReference != (i%3 == 0 && i > 0) {
			t.Errorf("unit %d: non-reference %v", i, u.NonReference)
		}
	}
}

// Of spatial layers the lowest is delivered, without a wait for the others.
func TestVP9SpatialLayers(t *testing.T) {
	c := vpxClip(t, "vp9_360p")
	p := &vpxPacker{packer: packer{mtu: 900}, codec: c.Codec, way: "long"}
	var pkts []*rtp.Packet
	for i, u := range c.Units {
		base := p.frame(uint32(i)*tick, u.Data, u.Key)
		base[len(base)-1].Marker = false
		upper := p.frame(uint32(i)*tick, bytes.Repeat([]byte{0x86}, 2000), false)
		for _, pkt := range upper {
			pkt.Payload[2] |= 1 << 1 // SID
		}
		pkts = append(append(pkts, base...), upper...)
	}
	s := newStream(t, Config{Codec: c.Codec})
	out := feed(t, s, pkts)
	if st := s.Stats(); len(out.units) != len(c.Units) || st.DroppedUnits != 0 || st.Ignored != uint64(3*len(c.Units)) || st.MarkerLies != 0 {
		t.Fatalf("%d units, %+v", len(out.units), st)
	}
	checkVPX(t, c, out)
}

func TestVPXLimit(t *testing.T) {
	for _, name := range []string{"vp8_odd", "vp9_odd"} {
		c := vpxClip(t, name)
		p := &vpxPacker{packer: packer{mtu: 500}, codec: c.Codec, way: "short"}
		s := newStream(t, Config{Codec: c.Codec, MaxBytes: 1500})
		out := feed(t, s, p.clip(c))
		if st := s.Stats(); len(out.units) != 0 || st.Oversized == 0 || st.Tainted != st.Oversized {
			t.Errorf("%s: %d units, %+v", name, len(out.units), st)
		}
	}
}

// Descriptors that end too early, and frames that begin with no header.
func TestVPXMalformed(t *testing.T) {
	for name, c := range map[string]struct {
		codec   media.Codec
		payload []byte
	}{
		"VP8, nothing behind X":         {media.CodecVP8, []byte{0x90}},
		"VP8, no picture ID":            {media.CodecVP8, []byte{0x90, 0x80}},
		"VP8, half a picture ID":        {media.CodecVP8, []byte{0x90, 0x80, 0x81}},
		"VP8, all fields and no frame":  {media.CodecVP8, []byte{0x90, 0xF0, 1, 2, 3}},
		"VP9, no picture ID":            {media.CodecVP9, []byte{0x88}},
		"VP9, no layers":                {media.CodecVP9, []byte{0x28}},
		"VP9, no TL0PICIDX":             {media.CodecVP9, []byte{0x28, 0}},
		"VP9, no references":            {media.CodecVP9, []byte{0x58}},
		"VP9, references that go on":    {media.CodecVP9, []byte{0x58, 3, 3, 3}},
		"VP9, no structure":             {media.CodecVP9, []byte{0x0A}},
		"VP9, sizes that end early":     {media.CodecVP9, []byte{0x0A, 0x10, 1, 2, 3}},
		"VP9, no number of pictures":    {media.CodecVP9, []byte{0x0A, 0x08}},
		"VP9, pictures that end early":  {media.CodecVP9, []byte{0x0A, 0x08, 3, 0, 0}},
		"VP9, references of a picture":  {media.CodecVP9, []byte{0x0A, 0x08, 1, 0x0C, 1, 2}},
		"VP8, a frame without a header": {media.CodecVP8, []byte{0x10, 0, 0}},
		"VP9, a frame without a header": {media.CodecVP9, []byte{0x0C, 0x42}},
	} {
		s := newStream(t, Config{Codec: c.codec})
		p := packer{}
		var pkts []*rtp.Packet
		for i := range uint32(2) {
			pkts = append(pkts, p.packet(i*tick, true, c.payload))
		}
		clip := vpxClip(t, map[media.Codec]string{media.CodecVP8: "vp8_odd", media.CodecVP9: "vp9_odd"}[c.codec])
		v := &vpxPacker{packer: packer{mtu: 1000, seq: p.seq}, codec: c.codec, way: "short"}
		for i, u := range clip.Units[:5] {
			pkts = append(pkts, v.frame(uint32(2+i)*tick, u.Data, u.Key)...)
		}
		out := feed(t, s, pkts)
		if st := s.Stats(); len(out.units) < 4 || !out.units[0].RandomAccess || st.Malformed == 0 || st.Tainted == 0 {
			t.Errorf("%s: %d units, %+v", name, len(out.units), st)
		}
	}
}

func fuzzVPX(f *testing.F, name string) {
	c := vpxClip(f, name)
	for _, way := range []string{"short", "long", "flexible"} {
		p := &vpxPacker{packer: packer{mtu: 900}, codec: c.Codec, way: way}
		var pkts []*rtp.Packet
		for i, u := range c.Units[:3] {
			data := u.Data[:min(len(u.Data), 1200)]
			pkts = append(pkts, p.frame(uint32(i)*tick, data, u.Key)...)
		}
		f.Add(fuzzInput(pkts))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzStream(t, Config{Codec: c.Codec}, b, func(au *media.AccessUnit) {
			h, ok := header(c.Codec, au.Data)
			if !ok || h.KeyFrame != au.RandomAccess || au.RandomAccess && (h.Width != au.Format.Width || h.Height != au.Format.Height) {
				t.Fatalf("unit % x of %+v", au.Data[:min(16, len(au.Data))], au.Format)
			}
		})
	})
}

func FuzzVP8(f *testing.F) { fuzzVPX(f, "vp8_odd") }

func FuzzVP9(f *testing.F) { fuzzVPX(f, "vp9_odd") }
