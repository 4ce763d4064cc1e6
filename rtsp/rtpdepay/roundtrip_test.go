package rtpdepay

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
)

type clipCase struct {
	name          string
	codec         media.Codec
	width, height int
	noReorder     bool
	skipped       int // leading pictures that follow the start
	start         int // pictures before the first random-access point
	random        int // random-access points delivered
}

func clipCases() []clipCase {
	return []clipCase{
		{"h264_plain.h264", media.CodecH264, 96, 64, true, 0, 0, 4},
		{"h264_slices_b.h264", media.CodecH264, 96, 64, false, 0, 0, 3},
		{"h264_opengop.h264", media.CodecH264, 96, 64, false, 0, 0, 4},
		{"h265_slices.h265", media.CodecH265, 192, 128, true, 0, 0, 4},
		{"h265_opengop.h265", media.CodecH265, 96, 64, false, 0, 0, 4},
		{"h265_layers.h265", media.CodecH265, 96, 64, false, 0, 0, 1},
	}
}

// Whatever way a camera packs, the same NAL units come out, a picture at a time.
func TestClipsComeOutAsTheyWentIn(t *testing.T) {
	for _, c := range clipCases() {
		for _, mtu := range []int{40, 200, 1400, 60000} {
			for _, mode := range []string{"marked", "unmarked", "every packet marked"} {
				for _, aggregate := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%d/%s/%v", c.name, mtu, mode, aggregate), func(t *testing.T) {
						hevc := c.codec == media.CodecH265
						pics := clip(t, c.name)
						pkts := pack(&packer{hevc: hevc, mtu: mtu, aggregate: aggregate}, pics)
						for _, p := range pkts {
							switch mode {
							case "unmarked":
								p.Marker = false
							case "every packet marked":
								p.Marker = true
							}
						}
						s := newStream(t, Config{Codec: c.codec})
						out := feed(t, s, pkts)
						want := len(pics)
						if mode != "marked" && len(out.units) < want {
							want-- // only the next picture would show that the last is over
						}
						checkClip(t, c, pics[:want], out)
						if st := s.Stats(); st.DroppedUnits != 0 || st.Malformed != 0 || st.PacketsLost != 0 {
							t.Errorf("stats %+v", st)
						}
					})
				}
			}
		}
	}
}

func checkClip(t *testing.T, c clipCase, pics [][][]byte, out *sink) {
	t.Helper()
	hevc := c.codec == media.CodecH265
	if len(out.units) != len(pics) {
		t.Fatalf("%d units, want %d", len(out.units), len(pics))
	}
	random := 0
	for i, u := range out.units {
		if !equalUnits(vclOf(u.units, hevc), vclOf(pics[i], hevc)) {
			t.Fatalf("picture %d differs", i)
		}
		if u.RandomAccess {
			random++
			checkSets(t, u, hevc)
		}
		if u.Format != out.units[0].Format {
			t.Errorf("picture %d has another format", i)
		}
	}
	if random != c.random {
		t.Errorf("%d random-access points, want %d", random, c.random)
	}
	f := out.units[0].Format
	if f.Codec != c.codec || f.Width != c.width || f.Height != c.height || f.NoReorder != c.noReorder {
		t.Errorf("format %+v", f)
	}
	if f.CodedWidth < f.Width || f.CodedHeight < f.Height {
		t.Errorf("coded size %dx%d", f.CodedWidth, f.CodedHeight)
	}
}

// checkSets asserts that the parameter sets stand in front, once each.
func checkSets(t *testing.T, u got, hevc bool) {
	t.Helper()
	if hevc && u.units[0][0]>>1 == 36 {
		u.units = u.units[1:] // end of sequence, after a loss
	}
	want := []byte{7, 8}
	if hevc {
		want = []byte{32, 33, 34}
	}
	for i, typ := range want {
		have := u.units[i][0] & 31
		if hevc {
			have = u.units[i][0] >> 1
		}
		if have != typ {
			t.Fatalf("NAL unit %d has type %d, want %d", i, have, typ)
		}
	}
}

// fault is what a network does.
type fault struct {
	loss, dup, swap float64
	burst           int
}

func (f fault) apply(rng *rand.Rand, pkts []*rtp.Packet) (out []*rtp.Packet) {
	for i := 0; i < len(pkts); i++ {
		if rng.Float64() < f.loss {
			i += rng.IntN(f.burst)
			continue
		}
		out = append(out, pkts[i])
		if rng.Float64() < f.dup {
			out = append(out, pkts[max(0, i-rng.IntN(5))].Clone())
		}
		if n := len(out); n > 1 && rng.Float64() < f.swap {
			out[n-1], out[n-2] = out[n-2], out[n-1]
		}
	}
	return out
}

// Under loss, reordering and duplication every unit that comes out is one that
// went in, whole; they come in order; and after each one that is missing comes a
// random-access point first.
func TestNoDamagedUnitEverComesOut(t *testing.T) {
	faults := []fault{
		{loss: 0.01, burst: 1},
		{loss: 0.05, burst: 3, dup: 0.05},
		{loss: 0.02, burst: 30, swap: 0.02},
		{swap: 0.05, dup: 0.1},
	}
	for _, c := range clipCases() {
		t.Run(c.name, func(t *testing.T) {
			hevc := c.codec == media.CodecH265
			pics := clip(t, c.name)
			for len(pics) < 150 {
				pics = append(pics, clip(t, c.name)...)
			}
			delivered := 0
			for seed := range uint64(100) {
				rng := rand.New(rand.NewPCG(seed, 1))
				p := &packer{hevc: hevc, mtu: 60 + rng.IntN(900), aggregate: rng.IntN(2) == 0}
				pkts := faults[seed%4].apply(rng, pack(p, pics))
				if seed%3 == 0 {
					for _, p := range pkts {
						p.Marker = seed%2 == 0
					}
				}
				out := feed(t, newStream(t, Config{Codec: c.codec}), pkts)
				checkOrder(t, pics, out, hevc)
				delivered += len(out.units)
			}
			if delivered < 100*150/10 {
				t.Errorf("only %d units of %d were delivered", delivered, 100*150)
			}
		})
	}
}

func checkOrder(t *testing.T, pics [][][]byte, out *sink, hevc bool) {
	t.Helper()
	next := 0
	for i, u := range out.units {
		ts := int(u.PTS.Milliseconds()+20)/40 + int(out.units[0].Received.Sub(epoch).Milliseconds())/40
		at := next
		for at < len(pics) && !equalUnits(vclOf(u.units, hevc), vclOf(pics[at], hevc)) {
			at++
		}
		if at == len(pics) {
			t.Fatalf("unit %d (about picture %d) is no picture that went in", i, ts)
		}
		leading := i > 0 && out.units[i-1].RandomAccess && leadingOnly(pics[next:at], hevc)
		if at != next && !u.RandomAccess && !leading {
			t.Fatalf("unit %d is picture %d, %d was expected, and it is no random-access point", i, at, next)
		}
		next = at + 1
	}
}

// leadingOnly reports whether the pictures left out are leading ones: such gaps
// after a random-access point are not a loss.
func leadingOnly(pics [][][]byte, hevc bool) bool {
	for _, pic := range pics {
		s := vclOf(pic, hevc)[0]
		if hevc && (s[0]>>1 < 6 || s[0]>>1 > 9) || !hevc && s[0]&0x60 != 0 {
			return false
		}
	}
	return true
}
