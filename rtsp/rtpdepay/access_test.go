package rtpdepay

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/nal"
)

// Delivery that begins at an open GOP leaves out the pictures that are shown
// before its first one.
func TestStartAtOpenGOP(t *testing.T) {
	for _, name := range []string{"h264_opengop.h264", "h265_opengop.h265"} {
		t.Run(name, func(t *testing.T) {
			hevc := name[:4] == "h265"
			cfg := Config{Codec: media.CodecH264}
			if hevc {
				cfg.Codec = media.CodecH265
			}
			all := clip(t, name)
			cfg.ParameterSets = all[0]
			pkts := pack(&packer{hevc: hevc, mtu: 300}, all[3:]) // begins amid the first GOP
			s := newStream(t, cfg)
			out := feed(t, s, pkts)
			if len(out.units) < 20 {
				t.Fatalf("%d units: %+v", len(out.units), s.Stats())
			}
			first := out.units[0]
			for i, u := range out.units[1:] {
				if u.PTS <= 0 && i > 0 {
					t.Errorf("unit %d has PTS %v", i+1, u.PTS)
				}
			}
			header := vclOf(first.units, hevc)[0][0]
			if idr := !hevc && header&31 == 5 || hevc && header>>1 == 19; idr {
				t.Fatal("the clip has no open GOP")
			}
			at := 0
			for !equalUnits(vclOf(all[at], hevc), vclOf(first.units, hevc)) {
				at++
			}
			leading := 0
			for leadingOnly(all[at+1:at+2+leading], hevc) {
				leading++
			}
			st := s.Stats()
			if leading == 0 || st.Leading != uint64(leading) || st.Tainted != 0 {
				t.Errorf("%d leading pictures left out, want %d: %+v", st.Leading, leading, st)
			}
			if st.GOPUnits < 9 || st.GOPUnits > 11 {
				t.Errorf("GOP of %d, want about 10", st.GOPUnits)
			}
		})
	}
}

// Intra refresh has no picture to begin at: the second recovery point will do.
func TestStartAtIntraRefresh(t *testing.T) {
	pics := clip(t, "h264_refresh.h264")
	cfg := Config{Codec: media.CodecH264, ParameterSets: pics[0]}
	s := newStream(t, cfg)
	out := feed(t, s, pack(&packer{mtu: 300}, pics[1:]))
	if len(out.units) == 0 {
		t.Fatalf("never started: %+v", s.Stats())
	}
	if st := s.Stats(); st.Tainted != 0 || st.Waiting < 10 {
		t.Errorf("%+v", st)
	}
}

func nonReferences(out *sink) (n int) {
	for _, u := range out.units {
		if u.NonReference {
			n++
		}
	}
	return n
}

func TestNonReference(t *testing.T) {
	want := map[string]func(header []byte) bool{
		"h264_slices_b.h264": func(h []byte) bool { return h[0]&0x60 == 0 },
		"h265_layers.h265":   func(h []byte) bool { return h[0]>>1&1 == 0 && h[0]>>1 < 15 },
	}
	for name, is := range want {
		hevc := name[:4] == "h265"
		cfg := Config{Codec: media.CodecH264}
		if hevc {
			cfg.Codec = media.CodecH265
		}
		pics := clip(t, name)
		out := feed(t, newStream(t, cfg), pack(&packer{hevc: hevc, mtu: 300}, pics))
		for i, u := range out.units {
			if u.NonReference != is(vclOf(pics[i], hevc)[0]) {
				t.Errorf("%s: picture %d: %v", name, i, u.NonReference)
			}
		}
		if n := nonReferences(out); n == 0 || n == len(out.units) {
			t.Errorf("%s: %d of %d pictures without references proves nothing", name, n, len(out.units))
		}
	}
}

// A new size comes with a new format at its first picture, not before.
func TestFormatChanges(t *testing.T) {
	a, b := clip(t, "h264_plain.h264"), clip(t, "h264_other_size.h264")
	for _, markers := range []bool{true, false} {
		pkts := pack(&packer{mtu: 200}, append(append(a[:10:10], b...), a...))
		for _, p := range pkts {
			p.Marker = p.Marker && markers
		}
		s := newStream(t, Config{Codec: media.CodecH264})
		out := feed(t, s, pkts)
		var changes []int
		for i, u := range out.units {
			if i > 0 && u.Format != out.units[i-1].Format {
				changes = append(changes, i)
				if !u.RandomAccess {
					t.Errorf("format changes at unit %d, which is no random-access point", i)
				}
			}
			wide := i >= 10 && i < 20
			if wide != (u.Format.Width == 128) || wide != (u.Format.Height == 80) {
				t.Errorf("unit %d: %dx%d", i, u.Format.Width, u.Format.Height)
			}
			if u.RandomAccess && !bytes.HasPrefix(u.Data, u.Format.Parameters) {
				t.Errorf("unit %d does not begin with its format's parameter sets", i)
			}
		}
		if len(changes) != 2 || changes[0] != 10 || changes[1] != 20 || s.Stats().DroppedUnits != 0 {
			t.Errorf("changes at %v, %+v", changes, s.Stats())
		}
	}
}

// A picture parameter set that changes amid a GOP stands before its picture.
func TestPictureParametersChangeInsideGOP(t *testing.T) {
	sps := paffSPS()
	slice := func(idr bool, num uint32) []byte { return field(idr, num, 0, 0, 0xaa) }
	pics := [][][]byte{
		{sps, simplePPS(0, 0), slice(true, 0)},
		{simplePPS(0, 0), slice(false, 1)},
		{simplePPS(0, 2), slice(false, 2)},
		{slice(false, 3)},
		{sps, simplePPS(0, 2), slice(true, 0)},
		{slice(false, 1)},
	}
	out := feed(t, newStream(t, Config{Codec: media.CodecH264}), pack(&packer{mtu: 1000}, pics))
	if len(out.units) != 5 {
		t.Fatalf("%d units", len(out.units))
	}
	want := []int{3, 1, 2, 1, 3}
	for i, u := range out.units {
		if len(u.units) != want[i] {
			t.Errorf("unit %d has %d NAL units, want %d", i, len(u.units), want[i])
		}
		if u.Format != out.units[0].Format {
			t.Errorf("unit %d has a new format", i)
		}
	}
	if !bytes.Equal(out.units[4].units[1], simplePPS(0, 2)) {
		t.Error("the random-access point has the old picture parameter set")
	}
}

// New sequence parameters amid a GOP are of no use before the next IDR picture.
func TestSequenceParametersChangeInsideGOP(t *testing.T) {
	a, b := clip(t, "h264_plain.h264"), clip(t, "h264_other_size.h264")
	pics := append(append(a[:3:3], b[1:5]...), b[5:]...)
	pics[3] = append(append([][]byte{}, b[0]...), pics[3]...)[:len(b[0])+len(pics[3])]
	var sets [][]byte
	for _, u := range pics[3] {
		if typ := u[0] & 31; typ != 5 {
			sets = append(sets, u)
		}
	}
	pics[3] = sets
	s := newStream(t, Config{Codec: media.CodecH264})
	out := feed(t, s, pack(&packer{mtu: 1000}, pics))
	if st := s.Stats(); len(out.units) != 3+5 || st.Waiting != 4 {
		t.Errorf("%d units, %+v", len(out.units), st)
	}
	if f := out.units[3]; !f.RandomAccess || f.Format.Width != 128 {
		t.Errorf("unit 3: %v %+v", f.RandomAccess, f.Format)
	}
}

// The two fields of a frame are one unit, in order, whatever the marker says.
func TestFieldPairs(t *testing.T) {
	for _, markers := range []string{"frame", "field", "none"} {
		var pkts []*rtp.Packet
		p := &packer{mtu: 1000}
		for i := range uint32(12) {
			num := i % 6
			top := [][]byte{field(num == 0, num, 0, 0, 0x11), field(num == 0, num, 0, 400, 0x12)}
			bottom := [][]byte{field(false, num, 1, 0, 0x21), field(false, num, 1, 400, 0x22)}
			if num == 0 {
				top = append([][]byte{paffSPS(), simplePPS(0, 0)}, top...)
			}
			one, two := p.picture(i*tick, top), p.picture(i*tick+tick/2, bottom)
			one[len(one)-1].Marker = markers == "field"
			two[len(two)-1].Marker = markers != "none"
			pkts = append(append(pkts, one...), two...)
		}
		s := newStream(t, Config{Codec: media.CodecH264})
		out := feed(t, s, pkts)
		if len(out.units) < 11 || s.Stats().DroppedUnits != 0 {
			t.Fatalf("%s: %d units, %+v", markers, len(out.units), s.Stats())
		}
		for i, u := range out.units {
			num := uint32(i % 6)
			want := [][]byte{
				field(num == 0, num, 0, 0, 0x11), field(num == 0, num, 0, 400, 0x12),
				field(false, num, 1, 0, 0x21), field(false, num, 1, 400, 0x22),
			}
			if !equalUnits(vclOf(u.units, false), want) {
				t.Errorf("%s: unit %d is not the two fields of its frame", markers, i)
			}
			if u.RandomAccess != (num == 0) {
				t.Errorf("%s: unit %d: random access %v", markers, i, u.RandomAccess)
			}
		}
		if f := out.units[0].Format; f.Width != 720 || f.Height != 576 {
			t.Errorf("%dx%d", f.Width, f.Height)
		}
	}
}

// A lost field takes its frame with it.
func TestFieldLost(t *testing.T) {
	p := &packer{mtu: 1000}
	var pkts []*rtp.Packet
	for i := range uint32(18) {
		num := i % 6
		top := [][]byte{field(num == 0, num, 0, 0, 0x11)}
		if num == 0 {
			top = append([][]byte{paffSPS(), simplePPS(0, 0)}, top...)
		}
		one := append(p.picture(i*tick, top), p.picture(i*tick, [][]byte{field(false, num, 1, 0, 0x21)})...)
		switch i {
		case 3:
			one = one[1:]
		case 14:
			one = one[:1]
		}
		pkts = append(pkts, one...)
	}
	out := feed(t, newStream(t, Config{Codec: media.CodecH264}), pkts)
	for i, u := range out.units {
		if n := len(vclOf(u.units, false)); n != 2 {
			t.Errorf("unit %d has %d fields", i, n)
		}
	}
	// Frame 2 was still open when the packet after it went missing.
	if n := len(out.units); n != 2+6+2 {
		t.Errorf("%d units", n)
	}
}

// No parameter sets, no picture: such units are counted, not delivered.
func TestNoParameterSets(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	for i := range pics {
		pics[i] = vclOf(pics[i], false)
	}
	s := newStream(t, Config{Codec: media.CodecH264})
	out := feed(t, s, pack(&packer{mtu: 300}, pics))
	if st := s.Stats(); len(out.units) != 0 || st.Undecodable+1 < uint64(len(pics)) {
		t.Errorf("%d units, %+v", len(out.units), st)
	}
}

// A hole right before an IDR picture may have held new parameter sets; but a
// stream that sends them once only must start again all the same.
func TestSetsLostBeforeRandomAccess(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	t.Run("sent every time", func(t *testing.T) {
		p := &packer{mtu: 1400}
		pkts := pack(p, pics)
		var kept []*rtp.Packet
		for _, pkt := range pkts {
			if nal.TypeOfH264(pkt.Payload[0]) == nal.H264SPS && pkt.Timestamp == 5*tick {
				continue
			}
			kept = append(kept, pkt)
		}
		out := feed(t, newStream(t, Config{Codec: media.CodecH264}), kept)
		if len(out.units) != 15 || !equalUnits(vclOf(out.units[5].units, false), vclOf(pics[10], false)) {
			t.Errorf("%d units", len(out.units))
		}
	})
	t.Run("sent once", func(t *testing.T) {
		once := append([][][]byte{pics[0]}, pics[1:]...)
		for i := 1; i < len(once); i++ {
			once[i] = vclOf(once[i], false)
		}
		pkts := pack(&packer{mtu: 1400}, once)
		var kept []*rtp.Packet
		for _, pkt := range pkts {
			if pkt.Timestamp == 4*tick {
				continue
			}
			kept = append(kept, pkt)
		}
		out := feed(t, newStream(t, Config{Codec: media.CodecH264}), kept)
		if len(out.units) < 13 {
			t.Errorf("%d units", len(out.units))
		}
	})
}

// A parameter set that can't be read past its identifier is passed on all the
// same: what it says is for the decoder to judge.
func TestUnreadableSPS(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	for _, pic := range pics {
		for i, u := range pic {
			if nal.TypeOfH264(u[0]) == nal.H264SPS {
				pic[i] = u[:7]
			}
		}
	}
	out := feed(t, newStream(t, Config{Codec: media.CodecH264}), pack(&packer{mtu: 1000}, pics))
	if len(out.units) != len(pics) {
		t.Fatalf("%d units", len(out.units))
	}
	if f := out.units[0].Format; f.Width != 0 || f.CodedWidth != 0 || f.NoReorder || len(f.Parameters) == 0 {
		t.Errorf("%+v", f)
	}
}

// A CRA picture after a loss begins a sequence; one without does not.
func TestEndOfSequenceBeforeCRA(t *testing.T) {
	pics := clip(t, "h265_opengop.h265")
	lost := 12
	var pkts []*rtp.Packet
	for _, p := range pack(&packer{hevc: true, mtu: 300}, pics) {
		if p.Timestamp != uint32(lost)*tick {
			pkts = append(pkts, p)
		}
	}
	out := feed(t, newStream(t, Config{Codec: media.CodecH265}), pkts)
	ends, cras := 0, 0
	for i, u := range out.units {
		ended := bytes.HasPrefix(u.Data, []byte(endOfSequence))
		if resumed := u.RandomAccess && i > 0 && u.PTS-out.units[i-1].PTS > 200*time.Millisecond; ended != resumed {
			t.Errorf("unit %d: end of sequence %v, after a loss %v", i, ended, resumed)
		}
		if ended {
			ends++
		}
		if nal.TypeOfH265(vclOf(u.units, true)[0][0]) == nal.H265CRA {
			cras++
			checkSets(t, u, true)
		}
	}
	if ends != 1 || cras < 2 {
		t.Errorf("%d ends of sequence, %d CRA pictures", ends, cras)
	}
}
