package frame_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counted counts how often a frame comes back.
type counted struct{ recycled int }

func (c *counted) Recycle(*frame.Frame) { c.recycled++ }

func panics(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestFrameLife(t *testing.T) {
	var mem counted
	f := &frame.Frame{}
	for life := 1; life <= 3; life++ {
		f.Reset(frame.Info{Width: life}, [3]frame.Plane{}, &mem)
		if f.Width != life || f.Memory() != frame.Memory(&mem) {
			t.Fatalf("life %d: %+v", life, f.Info)
		}
		if f.Retain() != f {
			t.Fatal("Retain gave another frame")
		}
		f.Release()
		if mem.recycled != life-1 {
			t.Fatal("recycled while it was held")
		}
		f.Release()
		if mem.recycled != life {
			t.Fatalf("life %d: recycled %d times", life, mem.recycled)
		}
	}
}

// TestFrameMisuse: a count that goes wrong is a bug and must be loud.
func TestFrameMisuse(t *testing.T) {
	fresh := func() *frame.Frame {
		f := &frame.Frame{}
		f.Reset(frame.Info{}, [3]frame.Plane{}, &counted{})
		return f
	}
	tests := map[string]func(){
		"released twice":     func() { f := fresh(); f.Release(); f.Release() },
		"retained when dead": func() { f := fresh(); f.Release(); f.Retain() },
		"reset while alive":  func() { fresh().Reset(frame.Info{}, [3]frame.Plane{}, &counted{}) },
	}
	for name, misuse := range tests {
		if panics(misuse) == nil {
			t.Errorf("%s: no panic", name)
		}
	}
}

func TestConcurrentReferences(t *testing.T) {
	var mem counted
	f := &frame.Frame{}
	f.Reset(frame.Info{}, [3]frame.Plane{}, &mem)
	var work sync.WaitGroup
	for range 8 {
		f.Retain()
		work.Go(func() {
			for range 1000 {
				f.Retain().Release()
			}
			f.Release()
		})
	}
	f.Release()
	work.Wait()
	if mem.recycled != 1 {
		t.Errorf("recycled %d times, want once", mem.recycled)
	}
}

func TestID(t *testing.T) {
	ordered := []frame.ID{{}, {Epoch: 1, Sequence: 1}, {Epoch: 1, Sequence: 2}, {Epoch: 2, Sequence: 1}, {Epoch: 3}}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := a.After(b); got != (i > j) {
				t.Errorf("%v after %v: %v", a, b, got)
			}
		}
	}
}

func TestDrops(t *testing.T) {
	now, then := frame.Drops{Policy: 9, Network: 7, Decode: 5}, frame.Drops{Policy: 1, Network: 2, Decode: 5}
	if got, want := now.Sub(then), (frame.Drops{Policy: 8, Network: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPool(t *testing.T) {
	a := new(frame.Account)
	p := frame.NewPool(2, a)
	f := p.Get(media.PixelI420, 101, 51)
	sizes, n := f.Format.Planes(101, 51)
	for i, s := range sizes[:n] {
		pl := f.Planes[i]
		if pl.Pitch%64 != 0 || pl.Pitch < s.RowBytes || len(pl.Data) < pl.Pitch*(s.Rows-1)+s.RowBytes {
			t.Errorf("plane %d: pitch %d, %d bytes for %+v", i, pl.Pitch, len(pl.Data), s)
		}
		if cap(pl.Data)-len(pl.Data) < frame.Overread {
			t.Errorf("plane %d: %d bytes behind the last row can be read", i, cap(pl.Data)-len(pl.Data))
		}
		for j := range pl.Data {
			pl.Data[j] = byte(i + 1)
		}
	}
	for i, s := range sizes[:n] { // planes don't overlap
		if pl := f.Planes[i]; pl.Data[0] != byte(i+1) || pl.Data[pl.Pitch*(s.Rows-1)+s.RowBytes-1] != byte(i+1) {
			t.Errorf("plane %d was written through another", i)
		}
	}
	if a.Frames() != 1 || a.Bytes() == 0 {
		t.Errorf("account: %d frames, %d bytes", a.Frames(), a.Bytes())
	}
	one := a.Bytes()
	f.Release()
	if a.Frames() != 0 || a.Bytes() != one {
		t.Errorf("idle: %d frames, %d bytes, want 0 and %d", a.Frames(), a.Bytes(), one)
	}
	if again := p.Get(media.PixelI420, 101, 51); again != f {
		t.Error("the idle buffer was not used again")
	} else {
		again.Release()
	}

	// More than two at a time are made, but not kept.
	var many []*frame.Frame
	for range 5 {
		many = append(many, p.Get(media.PixelI420, 101, 51))
	}
	for _, f := range many {
		f.Release()
	}
	if a.Bytes() != 2*one {
		t.Errorf("%d bytes are kept, want %d", a.Bytes(), 2*one)
	}

	// A new shape leaves nothing of the old one behind.
	old := p.Get(media.PixelI420, 101, 51)
	other := p.Get(media.PixelRGB24, 8, 8)
	old.Release()
	other.Release()
	if want := int64(64 * 8); a.Bytes() != want {
		t.Errorf("after a change of shape %d bytes are kept, want %d", a.Bytes(), want)
	}

	// Frames outlive the pool and free themselves.
	out := p.Get(media.PixelGray8, 8, 8)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	out.Planes[0].Data[0] = 1
	out.Release()
	if a.Frames() != 0 || a.Bytes() != 0 {
		t.Errorf("at the end: %d frames, %d bytes", a.Frames(), a.Bytes())
	}
}

func TestPoolConcurrent(t *testing.T) {
	a := new(frame.Account)
	p := frame.NewPool(3, a)
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for j := range 300 {
				f := p.Get(media.PixelGray8, 16+j/100, 8)
				f.Planes[0].Data[0] = byte(i) // the race detector sees a shared buffer
				f.Release()
			}
		})
	}
	work.Wait()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if a.Frames() != 0 || a.Bytes() != 0 {
		t.Errorf("at the end: %d frames, %d bytes", a.Frames(), a.Bytes())
	}
}

func TestPoolDoesNotAllocate(t *testing.T) {
	p := frame.NewPool(1, new(frame.Account))
	p.Get(media.PixelI420, 64, 64).Release()
	if n := testing.AllocsPerRun(100, func() { p.Get(media.PixelI420, 64, 64).Release() }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestNilAccount: not counting is fine.
func TestNilAccount(t *testing.T) {
	var a *frame.Account
	a.Book(1, 1)
	if a.Frames() != 0 || a.Bytes() != 0 {
		t.Error("a nil account counts")
	}
}

// dropped counts how often a derived value's frame ended.
type dropped struct{ times int }

func (d *dropped) Drop() { d.times++ }

// TestDerived: what is made of a frame lives exactly as long as the frame does.
func TestDerived(t *testing.T) {
	var mem counted
	f := &frame.Frame{}
	var before *dropped
	for life := 1; life <= 2; life++ {
		f.Reset(frame.Info{}, [3]frame.Plane{}, &mem)
		first := f.Derived(func() frame.Derived { return &dropped{} }).(*dropped)
		if first == before {
			t.Fatal("a new life has the old one's value")
		}
		again := f.Derived(func() frame.Derived { t.Error("made twice"); return &dropped{} })
		if again != first {
			t.Fatal("another value for the same life")
		}
		f.Retain().Release()
		if first.times != 0 {
			t.Fatal("dropped while the frame was held")
		}
		f.Release()
		if first.times != 1 || mem.recycled != life {
			t.Fatalf("dropped %d times, recycled %d times", first.times, mem.recycled)
		}
		before = first
	}
}

// TestDerivedOnce: of those who come at the same time all get the same.
func TestDerivedOnce(t *testing.T) {
	f := &frame.Frame{}
	f.Reset(frame.Info{}, [3]frame.Plane{}, &counted{})
	defer f.Release()
	got := make(chan frame.Derived, 8)
	for range cap(got) {
		go func() { got <- f.Derived(func() frame.Derived { return &dropped{} }) }()
	}
	first := <-got
	for range cap(got) - 1 {
		if d := <-got; d != first {
			t.Error("two values hang on one frame")
		}
	}
}
