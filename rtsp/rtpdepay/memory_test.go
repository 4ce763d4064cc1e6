package rtpdepay

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
)

// Whatever streams ask for in whatever order, the bound holds, what is within the share is
// granted while their number stays the same, and all of it comes back.
func TestRoom(t *testing.T) {
	const limit, streams = 1 << 20, 8
	const share = limit / 2 / streams
	rnd := rand.New(rand.NewPCG(1, 2))
	m := NewMemory(limit)
	var rooms []*room
	for range streams {
		rooms = append(rooms, m.join())
	}
	refused, huge := 0, 0
	for range 20_000 {
		n := rnd.IntN(2 * share)
		if rnd.IntN(2) == 0 {
			n = rnd.IntN(limit)
		}
		r := rooms[rnd.IntN(streams)]
		before := r.held
		ok := r.resize(n)
		switch {
		case ok && r.held != int64(n), !ok && r.held != before:
			t.Fatalf("%d bytes: %v, holds %d after %d", n, ok, r.held, before)
		case !ok && (n <= share || int64(n) <= before):
			t.Fatalf("%d bytes refused to one that holds %d, with %d of %d in use", n, before, m.Used(), limit)
		case !ok:
			refused++
		case n > 2*share:
			huge++
		}
		sum := int64(0)
		for _, r := range rooms {
			sum += r.held
		}
		if m.Used() != sum || sum > limit {
			t.Fatalf("%d bytes in use, %d counted, %d allowed", sum, m.Used(), limit)
		}
	}
	if refused < 200 || huge < 200 {
		t.Errorf("%d refused, %d beyond the share", refused, huge)
	}
	for _, r := range rooms {
		r.leave()
	}
	if m.Used() != 0 || m.beyond.Load() != 0 || m.streams.Load() != 0 {
		t.Errorf("left: %d bytes, %d beyond, %d streams", m.Used(), m.beyond.Load(), m.streams.Load())
	}
}

// The bound holds also when streams come one after the other, each taking what is its
// share at that moment, and when all ask at once.
func TestRoomOfManyStreams(t *testing.T) {
	const limit = 1 << 20
	m := NewMemory(limit)
	var rooms []*room
	for range 1000 {
		r := m.join()
		rooms = append(rooms, r)
		r.resize(int(limit / 2 / m.streams.Load()))
	}
	if n := m.Used(); n > limit {
		t.Errorf("%d bytes of %d", n, limit)
	}
	var all sync.WaitGroup
	for i, r := range rooms {
		all.Go(func() {
			for n := range 100 {
				r.resize(n * i)
				if used := m.Used(); used > limit {
					t.Errorf("%d bytes", used)
				}
			}
			r.leave()
		})
	}
	all.Wait()
	if m.Used() != 0 || m.beyond.Load() != 0 {
		t.Errorf("left: %d bytes, %d beyond", m.Used(), m.beyond.Load())
	}
}

// Streams whose pictures never end fill the memory, lose those pictures and hurt nobody:
// a stream of usual pictures beside them gets all of its own.
func TestHogsHurtNobody(t *testing.T) {
	const hogs = 15
	m := NewMemory(4 << 20)
	pics := clip(t, "h264_plain.h264")
	jpeg := takeApart(t, encode(t, 160, 96, 3, 95))
	vp8 := vpxClip(t, "vp8_odd")
	good := newStream(t, Config{Codec: media.CodecH264, Memory: m})
	goodOut, p := &sink{t: t}, &packer{mtu: 1400}

	type hog struct {
		stream *Stream
		push   func() // one more packet of the picture
	}
	var all []hog
	endless := make([]byte, 6_000)
	for i := range endless {
		endless[i] = byte(i)%200 + 1
	}
	for i := range hogs {
		out := &sink{t: t}
		switch i % 3 {
		case 0:
			s, p := newStream(t, Config{Codec: media.CodecH264, Memory: m}), &packer{mtu: 1400}
			feedTo(t, s, pack(p, pics[:1]), out)
			first := slices.Clone(endless)
			copy(first, []byte{0x7c, 0x85, 0x88, 0x84})
			feedTo(t, s, []*rtp.Packet{p.packet(tick, false, first)}, out)
			next := slices.Clone(first)
			next[1] = 0x05
			all = append(all, hog{s, func() { feedTo(t, s, []*rtp.Packet{p.packet(tick, false, next)}, out) }})
		case 1:
			s := newStream(t, Config{Codec: media.CodecMJPEG, Memory: m})
			big := jpeg
			big.scan = slices.Repeat(jpeg.scan, 1+(1<<20)/len(jpeg.scan))
			pkts := (&jpegPacker{q: 255, packer: packer{mtu: 6_000}}).picture(0, big)
			all = append(all, hog{s, func() {
				feedTo(t, s, pkts[:1], out)
				pkts = pkts[1:]
			}})
		default:
			s := newStream(t, Config{Codec: media.CodecVP8, Memory: m})
			frame := append(slices.Clone(vp8.Units[0].Data), make([]byte, 1<<20)...)
			pkts := (&vpxPacker{packer: packer{mtu: 6_000}, codec: vp8.Codec, way: "short"}).frame(0, frame, true)
			all = append(all, hog{s, func() {
				feedTo(t, s, pkts[:1], out)
				pkts = pkts[1:]
			}})
		}
	}
	for range 100 { // 600 KB each
		for _, h := range all {
			h.push()
		}
		feedTo(t, good, pack(p, pics[:2]), goodOut)
		if n := m.Used(); n > m.limit {
			t.Fatalf("%d bytes of %d", n, m.limit)
		}
	}
	if st := good.Stats(); st.NoMemory != 0 || st.DroppedUnits != 0 || len(goodOut.units) < 199 {
		t.Errorf("beside them %d units came, and %+v", len(goodOut.units), st)
	}
	lost := [3]uint64{}
	for i, h := range all {
		st := h.stream.Stats()
		lost[i%3] += st.NoMemory
		if st.Oversized != 0 {
			t.Errorf("hog %d: %+v", i, st)
		}
	}
	for codec, n := range lost {
		if n < hogs/3/2 {
			t.Errorf("kind %d: %d pictures lost", codec, n)
		}
	}
	for _, h := range all {
		h.stream.Close()
	}
	// What they gave back others can have.
	if n := m.Used(); n != int64(cap(good.payload.(*h264).buf.mem)) {
		t.Errorf("%d bytes in use after the others have gone", n)
	}
	good.Close()
	if n := m.Used(); n != 0 {
		t.Errorf("%d bytes left", n)
	}
}

// After a huge picture a stream gives back what is beyond its share when others may need
// it, and not first after many more.
func TestScarceMemoryGoesBack(t *testing.T) {
	m := NewMemory(2 << 20)
	a, b := buffer{room: m.join()}, buffer{room: m.join()}
	if !a.write(make([]byte, 1100<<10)) {
		t.Fatal("no room")
	}
	if b.write(make([]byte, 1200<<10)) || b.len() != 0 || b.room.held != 0 {
		t.Fatalf("room for more than there is: %d", m.Used())
	}
	a.next(a.len())
	if n := m.Used(); n > 8*minBuffer {
		t.Errorf("%d bytes are kept", n)
	}
	if !b.write(make([]byte, 1200<<10)) {
		t.Error("no room after it was given back")
	}
}

// Streams that have taken their share while there were few hold more than it when there
// are many. They don't keep the others from theirs for longer than a picture, whether theirs
// ends or not, and lose nothing when nobody needs it.
func TestShareThatHasBecomeSmaller(t *testing.T) {
	for _, ends := range []bool{false, true} {
		m := NewMemory(4 << 20)
		early, late := buffer{room: m.join()}, buffer{room: m.join()}
		if !early.write(make([]byte, 1<<20)) {
			t.Fatal("no room for the share")
		}
		var others []*buffer
		for range 6 {
			others = append(others, &buffer{room: m.join()})
		}
		for _, b := range others { // all that is left, and half of it beyond their shares
			b.write(make([]byte, 512<<10))
		}
		if late.write(make([]byte, 300<<10)) || !early.write(nil) {
			t.Fatal("it loses its picture although nobody needs the memory within a share")
		}
		if late.write(make([]byte, 200<<10)) {
			t.Fatalf("nothing is scarce: %d of %d", m.Used(), m.limit)
		}
		if !late.write(nil) {
			t.Error("the one that has little is to give way")
		}
		if ends {
			early.next(early.len())
		} else if early.write(nil) {
			t.Error("it keeps more than its share from others")
		} else {
			early.free()
		}
		if !late.write(make([]byte, 200<<10)) {
			t.Error("no room within the share")
		}
		for _, b := range others[:2] {
			if !b.write(nil) {
				t.Error("more than one had to give way")
			}
		}
	}
}
