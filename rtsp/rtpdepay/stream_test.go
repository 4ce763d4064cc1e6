package rtpdepay

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/nal"
)

func h264Stream(t testing.TB) *Stream { return newStream(t, Config{Codec: media.CodecH264}) }

func TestUnknownCodec(t *testing.T) {
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "H264, H265, MJPEG, VP8 or VP9") {
		t.Errorf("error %v", err)
	}
}

// Sequence numbers wrap in the middle of a picture without anyone noticing.
func TestSequenceWraps(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	s := h264Stream(t)
	out := feed(t, s, pack(&packer{mtu: 100, seq: 0xffff - 30}, pics))
	if st := s.Stats(); len(out.units) != len(pics) || st.PacketsLost != 0 || st.Discontinuities != 0 {
		t.Errorf("%d units, %+v", len(out.units), st)
	}
}

// A camera that changes its SSRC with every GOP (Uniview) loses no picture but
// the one that was open, and every GOP begins a new time line.
func TestSSRCChanges(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	p := &packer{mtu: 60, seq: 100, ssrc: 1}
	var pkts []*rtp.Packet
	for i, pic := range pics {
		if i%5 == 0 {
			p.ssrc, p.seq = p.ssrc+1, p.seq*7
		}
		pkts = append(pkts, p.picture(uint32(i)*tick+p.ssrc*1e9, pic)...)
	}
	s := h264Stream(t)
	out := feed(t, s, pkts)
	st := s.Stats()
	if st.Discontinuities != 3 || len(out.units) < len(pics)-1 {
		t.Fatalf("%d units, %+v", len(out.units), st)
	}
	for i, u := range out.units {
		if fresh := i > 0 && u.RandomAccess; u.Discontinuity != fresh || fresh && u.PTS != 0 {
			t.Errorf("unit %d: discontinuity %v, PTS %v", i, u.Discontinuity, u.PTS)
		}
	}
}

// A jump of the sequence numbers is a new source only if it lasts, and a stray
// packet of another one changes nothing.
func TestSequenceJumps(t *testing.T) {
	pics := append(clip(t, "h264_plain.h264"), clip(t, "h264_plain.h264")...)
	for name, jump := range map[string]uint16{"far ahead": 20000, "back": 40000, "just beyond loss": 3002, "back a little": 1<<16 - 100} {
		p := &packer{mtu: 60, seq: 5}
		pkts := pack(p, pics[:20])
		p.seq += jump
		for i, pic := range pics[20:] {
			pkts = append(pkts, p.picture(uint32(20+i)*tick, pic)...)
		}
		s := h264Stream(t)
		out := feed(t, s, pkts)
		if st := s.Stats(); len(out.units) != 40 || st.Discontinuities != 1 || st.PacketsLost != 0 {
			t.Errorf("%s: %d units, %+v", name, len(out.units), st)
		}
	}
	t.Run("stray", func(t *testing.T) {
		p := &packer{mtu: 60, seq: 5}
		var pkts []*rtp.Packet
		for i, pkt := range pack(p, pics) {
			pkts = append(pkts, pkt)
			if i%3 == 0 {
				stray := pkt.Clone()
				stray.SSRC, stray.SequenceNumber = 77, uint16(i)
				pkts = append(pkts, stray)
			}
		}
		s := h264Stream(t)
		out := feed(t, s, pkts)
		if st := s.Stats(); len(out.units) != 40 || st.DroppedUnits != 0 || st.Discontinuities != 0 {
			t.Errorf("%d units, %+v", len(out.units), st)
		}
	})
}

func TestLossIsCountedOnce(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	pkts := pack(&packer{mtu: 60}, pics)
	s := h264Stream(t)
	out := &sink{t: t}
	feedTo(t, s, pkts[:50], out)
	s.Lost(0)
	s.Lost(4)
	feedTo(t, s, pkts[54:80], out)
	feedTo(t, s, pkts[83:], out)
	feedTo(t, s, []*rtp.Packet{pkts[len(pkts)-1], pkts[len(pkts)-3], pkts[81]}, out)
	if st := s.Stats(); st.PacketsLost != 7 || st.Duplicates != 2 || st.Late != 1 || st.Packets != uint64(len(pkts)-7+3) {
		t.Errorf("%+v", st)
	}
	checkOrder(t, pics, out, false)
}

// The order of numbers, judged against a plain list of what was received.
func TestSequencerWindow(t *testing.T) {
	var s sequencer
	seen := map[int]bool{}
	at := 1000
	push := func(n int) verdict {
		v, _, _ := s.next(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(n), Timestamp: uint32(n)}})
		return v
	}
	push(at)
	seen[at] = true
	for i := range 20000 {
		n := at + []int{1, 1, 2, -1, -5, -64, -127, 63, 65, 128, 129, 1, 300, -126}[i*7919%14]
		want := late
		switch {
		case n > at:
			want, at = inOrder, n
		case seen[n]:
			want = duplicate
		case n < 1000:
			continue
		}
		seen[n] = true
		if v := push(n); v != want {
			t.Fatalf("step %d: number %d after %d: verdict %d, want %d", i, n, at, v, want)
		}
	}
}

// A stream whose markers turn out to lie is not believed again, and what came
// out half is followed by a random-access point.
func TestMarkersThatBeginToLie(t *testing.T) {
	single, sliced := clip(t, "h264_plain.h264"), clip(t, "h264_slices_b.h264")
	p := &packer{mtu: 1400}
	pkts := pack(p, single)
	for i, pic := range sliced {
		for _, pkt := range p.picture(uint32(20+i)*tick, pic) {
			pkt.Marker = true
			pkts = append(pkts, pkt)
		}
	}
	s := h264Stream(t)
	out := feed(t, s, pkts)
	if st := s.Stats(); st.MarkerLies != 1 {
		t.Fatalf("%+v", st)
	}
	checkOrder(t, single, &sink{units: out.units[:20], t: t}, false)
	rest := out.units[21:] // one came out before the lie showed
	checkOrder(t, sliced, &sink{units: rest, t: t}, false)
	if len(rest) < 15 || !rest[0].RandomAccess {
		t.Errorf("%d units after the lie, the first for random access: %v", len(rest), rest[0].RandomAccess)
	}
}

// Trusted markers deliver a picture with its last packet.
func TestMarkerDeliversAtOnce(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	s, out := h264Stream(t), &sink{t: t}
	p := &packer{mtu: 100}
	for i, pic := range pics {
		feedTo(t, s, p.picture(uint32(i)*tick, pic), out)
		if i >= markerTrust && len(out.units) != i+1 {
			t.Fatalf("%d units after picture %d", len(out.units), i)
		}
	}
}

func TestLimits(t *testing.T) {
	pics := clip(t, "h264_slices_b.h264")
	big := 0
	for _, u := range pics[0] {
		big += len(u) + 4
	}
	t.Run("bytes", func(t *testing.T) {
		s := newStream(t, Config{Codec: media.CodecH264, MaxBytes: big - 40})
		out := feed(t, s, pack(&packer{mtu: 60}, pics))
		if st := s.Stats(); len(out.units) == len(pics) || st.Oversized == 0 || st.Oversized > st.Tainted {
			t.Errorf("%d units, %+v", len(out.units), st)
		}
	})
	t.Run("NAL units", func(t *testing.T) {
		s := newStream(t, Config{Codec: media.CodecH264, MaxNALUs: 3})
		feed(t, s, pack(&packer{mtu: 1400}, pics))
		if st := s.Stats(); st.AccessUnits != 0 || st.Oversized == 0 {
			t.Errorf("%+v", st)
		}
	})
	// what the documentation promises: 16 MiB and 512 NAL units, and not one more
	t.Run("default bytes", func(t *testing.T) {
		for over, delivered := range []uint64{1, 0} {
			s := h264Stream(t)
			head := [][]byte{paffSPS(), simplePPS(0, 0)}
			slice := field(true, 0, 0, 0, 9)
			front := 0
			for _, u := range head {
				front += len(nal.StartCode) + len(u)
			}
			// room is kept for an end of sequence unit as well
			slice = append(slice, bytes.Repeat([]byte{0xab}, 16<<20-front-len(endOfSequence)-len(nal.StartCode)-len(slice)+over)...)
			feed(t, s, pack(&packer{mtu: 60000}, [][][]byte{append(head, slice), {field(false, 1, 0, 0, 9)}}))
			if st := s.Stats(); st.AccessUnits != delivered || st.Oversized != 1-delivered {
				t.Errorf("%d bytes over: %+v", over, st)
			}
		}
	})
	t.Run("default NAL units", func(t *testing.T) {
		for over, delivered := range []uint64{1, 0} {
			pic := [][]byte{paffSPS(), simplePPS(0, 0)}
			for i := range uint32(510 + over) {
				pic = append(pic, field(true, 0, 0, i, 9))
			}
			s := h264Stream(t)
			feed(t, s, pack(&packer{mtu: 1400}, [][][]byte{pic, {field(false, 1, 0, 0, 9)}}))
			if st := s.Stats(); st.AccessUnits != delivered || st.Oversized != 1-delivered {
				t.Errorf("%d over: %+v", over, st)
			}
		}
	})
	t.Run("default allows 300 slices", func(t *testing.T) {
		pic := [][]byte{paffSPS(), simplePPS(0, 0)}
		for i := range uint32(300) {
			pic = append(pic, field(true, 0, 0, i, 9))
		}
		s := h264Stream(t)
		out := feed(t, s, pack(&packer{mtu: 1400}, [][][]byte{pic, pic, pic}))
		if len(out.units) != 2 || len(slices300(out.units[0])) != 300 {
			t.Errorf("%d units, %+v", len(out.units), s.Stats())
		}
	})
}

func slices300(u got) [][]byte {
	return slices.DeleteFunc(u.units, func(b []byte) bool { return b[0]&31 != 5 })
}

// Memory stays within the limit even if a picture never ends, and goes back
// after one big picture.
func TestMemoryIsBounded(t *testing.T) {
	cfg := Config{Codec: media.CodecH264, MaxBytes: 1 << 20}
	pics := clip(t, "h264_plain.h264")
	s, out := newStream(t, cfg), &sink{t: t}
	p := &packer{mtu: 1400}
	feedTo(t, s, pack(p, pics[:1]), out)
	endless := make([]byte, 1400)
	for i := range endless {
		endless[i] = byte(i)%200 + 1
	}
	endless[0], endless[1], endless[2], endless[3] = 0x7c, 0x85, 0x88, 0x84
	for i := range 4000 {
		if i == 1 {
			endless = slices.Clone(endless)
			endless[1] = 0x05
		}
		if err := s.Push(p.packet(tick, false, endless), epoch, out.emit); err != nil {
			t.Fatal(err)
		}
	}
	d := s.payload.(*h264)
	if c := cap(d.buf.mem); c > 2<<20 {
		t.Errorf("buffer of %d bytes with a limit of %d", c, 1<<20)
	}
	for range 80 {
		feedTo(t, s, pack(p, pics), out)
	}
	if c := cap(d.buf.mem); c > 8*minBuffer {
		t.Errorf("buffer of %d bytes for small pictures", c)
	}
	if len(out.units) < 79*20 {
		t.Errorf("%d units", len(out.units))
	}
}

// What emit returns comes back from Push, and the stream goes on.
func TestEmitError(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	s := h264Stream(t)
	stop := errors.New("stop")
	calls, errs := 0, 0
	for _, p := range pack(&packer{mtu: 200}, pics) {
		err := s.Push(p, epoch, func(*media.AccessUnit) error {
			calls++
			return stop
		})
		if errors.Is(err, stop) {
			errs++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	// The first trusted marker delivers two pictures in one call.
	if calls != len(pics) || errs < calls-1 {
		t.Errorf("%d calls, %d errors", calls, errs)
	}
}

// Arrival of the first packet is the capture time, of the last one Received.
func TestTimes(t *testing.T) {
	pics := clip(t, "h264_plain.h264")
	s, out := h264Stream(t), &sink{t: t}
	p := &packer{mtu: 60}
	at := epoch
	var first, last []time.Time
	for i, pic := range pics {
		pkts := p.picture(uint32(i)*tick, pic)
		for j, pkt := range pkts {
			at = at.Add(time.Millisecond)
			if typ := pkt.Payload[0] & 31; typ < 6 || typ == 28 && pkt.Payload[1]&0x9f > 0x80 && pkt.Payload[1]&0x1f < 6 {
				first = append(first, at)
			}
			if j == len(pkts)-1 {
				last = append(last, at)
			}
			if err := s.Push(pkt, at, out.emit); err != nil {
				t.Fatal(err)
			}
		}
		at = epoch.Add(time.Duration(i+1) * 40 * time.Millisecond)
	}
	if len(first) != len(pics) {
		t.Fatalf("%d starts", len(first))
	}
	for i, u := range out.units {
		if !u.Capture.Equal(first[i]) || !u.Received.Equal(last[i]) || u.Source != media.ClockArrival {
			t.Errorf("unit %d: %+v, want %v and %v", i, u.Times, first[i], last[i])
		}
		if u.PTS != time.Duration(i)*40*time.Millisecond {
			t.Errorf("unit %d: PTS %v", i, u.PTS)
		}
	}
}

// Steady streams cost no allocation.
func TestNoAllocation(t *testing.T) {
	for _, c := range clipCases()[:4] {
		b := newLoop(t, c.name)
		for range 20 {
			b.run(t)
		}
		if n := testing.AllocsPerRun(50, func() { b.run(t) }); n > 0 {
			t.Errorf("%s: %v allocations a run", c.name, n)
		}
	}
}

// loop pushes the same pictures again and again, as one stream.
type loop struct {
	s     *Stream
	pkts  []*rtp.Packet
	at    time.Time
	units int
	bytes int64
	emit  func(*media.AccessUnit) error
}

func newLoop(t testing.TB, name string) *loop {
	cfg := Config{Codec: media.CodecH264}
	if strings.HasPrefix(name, "h265") {
		cfg.Codec = media.CodecH265
	}
	l := &loop{s: newStream(t, cfg), at: epoch}
	l.emit = func(*media.AccessUnit) error {
		l.units++
		return nil
	}
	l.pkts = pack(&packer{hevc: cfg.Codec == media.CodecH265, mtu: 1400}, clip(t, name))
	for _, p := range l.pkts {
		l.bytes += int64(len(p.Payload))
	}
	return l
}

func (l *loop) run(t testing.TB) {
	span := l.pkts[len(l.pkts)-1].Timestamp + tick
	n := uint16(len(l.pkts))
	for i, p := range l.pkts {
		if i > 0 && p.Timestamp != l.pkts[i-1].Timestamp {
			l.at = l.at.Add(40 * time.Millisecond)
		}
		if err := l.s.Push(p, l.at, l.emit); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range l.pkts {
		p.SequenceNumber += n
		p.Timestamp += span
	}
	l.at = l.at.Add(40 * time.Millisecond)
}

func BenchmarkPush(b *testing.B) {
	for _, c := range []string{"h264_plain.h264", "h264_slices_b.h264", "h265_slices.h265"} {
		b.Run(c, func(b *testing.B) {
			l := newLoop(b, c)
			b.ReportAllocs()
			b.SetBytes(l.bytes)
			for b.Loop() {
				l.run(b)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(1, l.units)), "ns/unit")
		})
	}
	b.Run("4 Mbit picture of 1400-byte packets", func(b *testing.B) {
		l := newLoop(b, "h264_plain.h264")
		pics := clip(b, "h264_plain.h264")[:1]
		last := len(pics[0]) - 1
		slice := slices.Clone(pics[0][last])
		for len(slice) < 500_000 {
			slice = append(slice, pics[0][last][8:]...)
		}
		pics[0][last] = slice
		l.pkts, l.bytes = pack(&packer{mtu: 1400}, pics), int64(len(slice))
		b.ReportAllocs()
		b.SetBytes(l.bytes)
		for b.Loop() {
			l.run(b)
		}
		if l.units < b.N-10 {
			b.Fatalf("%d units of %d", l.units, b.N)
		}
		runtime.KeepAlive(l)
	})
}
