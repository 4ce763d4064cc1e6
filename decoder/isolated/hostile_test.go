package isolated

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// honest is a picture of 64x48 in the second of two slots.
func honest(region uint32) picture {
	return picture{
		handle: 1, number: 1, region: region, slot: 1, slots: 2, stride: 8192, generationAt: 6000, width: 64, height: 48,
		color:  media.Color{Matrix: media.MatrixBT601, Range: media.RangeLimited},
		offset: [3]int64{0, 3200, 4300}, pitch: [3]int32{64, 32, 32},
	}
}

// victim is a decoder without a child, and a region that a child was given.
func victim(t testing.TB) (*Decoder, *region, *frame.Account) {
	t.Helper()
	account := new(frame.Account)
	d := &Decoder{cfg: decoder.Config{Limits: decoder.DefaultLimits(), Account: account}, memory: newMemory(account, 1<<20)}
	r, _, err := d.memory.create(16384, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.memory.abandon()
		if account.Frames() != 0 || account.Bytes() != 0 {
			t.Errorf("%d frames and %d bytes are left", account.Frames(), account.Bytes())
		}
	})
	return d, r, account
}

// TestLies: what a child says of a picture is checked before memory is looked at.
func TestLies(t *testing.T) {
	for name, lie := range map[string]func(*picture){
		"slot behind the last":     func(p *picture) { p.slot = 2 },
		"no slots":                 func(p *picture) { p.slots, p.slot = 0, 0 },
		"more slots than fit":      func(p *picture) { p.slots = 3 },
		"all slots there are":      func(p *picture) { p.slots, p.slot = math.MaxUint32, math.MaxUint32-1 },
		"stride of nothing":        func(p *picture) { p.stride = 0 },
		"negative stride":          func(p *picture) { p.stride = -8192 },
		"stride of no page":        func(p *picture) { p.stride = 8184 },
		"huge stride":              func(p *picture) { p.stride = math.MaxInt64 },
		"generation outside":       func(p *picture) { p.generationAt = 8185 },
		"generation before":        func(p *picture) { p.generationAt = -1 },
		"plane before the slot":    func(p *picture) { p.offset[1] = -1 },
		"plane behind the slot":    func(p *picture) { p.offset[2] = 8192 },
		"plane very far":           func(p *picture) { p.offset[0] = math.MaxInt64 },
		"plane ends too late":      func(p *picture) { p.offset[2] = 8192 - 32*23 - 32 - frame.Overread + 1 },
		"rows overlap":             func(p *picture) { p.pitch[0] = 63 },
		"negative pitch":           func(p *picture) { p.pitch[2] = -32 },
		"huge pitch":               func(p *picture) { p.pitch[0] = math.MaxInt32 },
		"nothing to see":           func(p *picture) { p.width = 0 },
		"negative height":          func(p *picture) { p.height = -48 },
		"beyond the limits":        func(p *picture) { p.width = 9000 },
		"too many pixels":          func(p *picture) { p.width, p.height = 8000, 8000 },
		"colour without a matrix":  func(p *picture) { p.color.Matrix = 0 },
		"unknown colour":           func(p *picture) { p.color.Range = 9 },
		"region that is not there": func(p *picture) { p.region = 99 },
	} {
		t.Run(name, func(t *testing.T) {
			d, r, account := victim(t)
			p := honest(r.number)
			f, err := d.frame(&p)
			if err != nil || f.Width != 64 || len(f.Planes[0].Data) != 64*48 {
				t.Fatalf("the truth is refused: %v", err)
			}
			f.Release()
			for _, first := range []bool{true, false} { // as the first picture of a region, and as a later one
				if first {
					d, r, account = victim(t)
				}
				p := honest(r.number)
				lie(&p)
				if f, err := d.frame(&p); !errors.Is(err, errProtocol) {
					t.Errorf("%v", err)
					f.Release()
				}
				if n := account.Frames(); n != 0 {
					t.Errorf("%d frames", n)
				}
				p = honest(r.number)
				if f, err := d.frame(&p); err == nil {
					f.Release()
				}
			}
		})
	}
}

// TestGreed: a child gets no more memory than its stream can need.
func TestGreed(t *testing.T) {
	d, _, _ := victim(t)
	for _, size := range []int64{0, -1, 1 << 20, math.MaxInt64} {
		if _, _, err := d.memory.create(size, false, nil); !errors.Is(err, errTooMuch) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for n := range maxRegions { // the victim has one
		if _, _, err := d.memory.create(1, n%2 == 0, nil); (n < maxRegions-1) != (err == nil) || err != nil && !errors.Is(err, errTooMuch) {
			t.Fatalf("region %d: %v", n+2, err)
		}
	}
	small := bound(decoder.Config{Format: media.Format{CodedWidth: 640, CodedHeight: 360}, Limits: decoder.DefaultLimits()})
	large := bound(decoder.Config{Format: media.Format{CodedWidth: 3840, CodedHeight: 2160}, Limits: decoder.DefaultLimits()})
	unknown := bound(decoder.Config{Limits: decoder.DefaultLimits()})
	absurd := bound(decoder.Config{Format: media.Format{CodedWidth: math.MaxInt32, CodedHeight: math.MaxInt32}, Limits: decoder.DefaultLimits()})
	if small != smallestBound || large <= small || unknown <= large || absurd != unknown {
		t.Errorf("%d, %d, %d, %d", small, large, unknown, absurd)
	}
}

// TestOneUse: memory for one picture holds one.
func TestOneUse(t *testing.T) {
	d, _, _ := victim(t)
	r, _, err := d.memory.create(16384, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := honest(r.number)
	f, err := d.frame(&p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.frame(&p); !errors.Is(err, errProtocol) {
		t.Errorf("a second picture: %v", err)
	}
	f.Release()
	if _, err := d.frame(&p); !errors.Is(err, errProtocol) {
		t.Errorf("a picture in memory that is gone: %v", err)
	}
	if released := d.memory.takeReleased(nil); binary.LittleEndian.Uint32(released) != 0 {
		t.Error("the child is told of what it has forgotten")
	}
}

// FuzzAnswer: whatever a child sends makes frames within its memory, or none.
func FuzzAnswer(f *testing.F) {
	p := honest(1)
	f.Add(appendPicture(nil, &p))
	p.stride, p.slots = 16384, 1
	f.Add(appendPicture(nil, &p))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		d, r, _ := victim(t)
		r.number = 1
		var p picture
		if parsePicture(body, &p) != nil {
			return
		}
		if got := appendPicture(nil, &p); len(got) != len(body) {
			t.Fatalf("%d bytes, then %d", len(body), len(got))
		}
		fr, err := d.frame(&p)
		if err != nil {
			return
		}
		sizes, n := media.PixelI420.Planes(fr.Width, fr.Height)
		for i, size := range sizes[:n] {
			plane := fr.Planes[i]
			if len(plane.Data) < plane.Pitch*(size.Rows-1)+size.RowBytes || cap(plane.Data) < len(plane.Data)+frame.Overread {
				t.Errorf("plane %d: %d bytes of %d rows with a pitch of %d", i, len(plane.Data), size.Rows, plane.Pitch)
			}
			_ = plane.Data[:cap(plane.Data)][cap(plane.Data)-1] // it is mapped
		}
		fr.Release()
	})
}

// A child can't have spent more time than went by.
func TestLiesAboutTime(t *testing.T) {
	d, _, _ := victim(t)
	for _, c := range []struct {
		claim     uint64
		most, sum time.Duration
	}{
		{uint64(time.Millisecond), time.Second, time.Millisecond},
		{uint64(time.Hour), time.Second, time.Second + time.Millisecond},
		{math.MaxUint64, time.Second, 2*time.Second + time.Millisecond},
		{1 << 63, 0, 2*time.Second + time.Millisecond},
		{1, -time.Second, 2*time.Second + time.Millisecond}, // the clock was set back
	} {
		if d.charge(c.claim, c.most); d.Spent() != c.sum {
			t.Errorf("%d of %v: %v, want %v", c.claim, c.most, d.Spent(), c.sum)
		}
	}
}
