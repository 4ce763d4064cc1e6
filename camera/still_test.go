package camera

import (
	"testing"
	"time"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// One point that changes is news; noise is not, but noise that adds up is.
func TestStill(t *testing.T) {
	const w, h, pitch = 33, 47, 40
	start := time.Now()
	n := 0
	picture := func(change func(luma []byte)) *frame.Frame {
		luma := make([]byte, pitch*h)
		for i := range luma {
			luma[i] = byte(i * 7 % 200)
		}
		if change != nil {
			change(luma)
		}
		n++
		f := &frame.Frame{}
		f.Reset(frame.Info{Width: w, Height: h, Times: media.Times{Received: start.Add(time.Duration(n) * time.Second)}},
			[3]frame.Plane{{Data: luma[:pitch*(h-1)+w], Pitch: pitch}}, nil)
		return f
	}
	noise := func(by byte) func([]byte) {
		return func(luma []byte) {
			for i := range luma {
				luma[i] += by
			}
		}
	}
	point := func(luma []byte) {
		x, y := (2*3+1)*w/(2*stillGrid), (2*9+1)*h/(2*stillGrid)
		luma[y*pitch+x] += 50
	}
	at := func(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }
	var s still
	for i, tc := range []struct {
		f    *frame.Frame
		want time.Time
	}{
		{picture(nil), at(1)},
		{picture(nil), at(1)},
		{picture(noise(1)), at(1)},
		{picture(noise(3)), at(4)}, // beside the first one, not the one before
		{picture(noise(3)), at(4)},
		{picture(point), at(6)},
		{picture(point), at(6)},
		{&frame.Frame{}, time.Time{}}, // in device memory
		{picture(point), at(8)},
	} {
		if got := s.look(tc.f); !got.Equal(tc.want) {
			t.Errorf("picture %d: unchanged since %v, want %v", i+1, got.Sub(start), tc.want.Sub(start))
		}
	}
	if got := testing.AllocsPerRun(10, func() { s.look(picture(nil)) }); got > 3 { // those of picture
		t.Errorf("%v allocations", got)
	}
	small := picture(nil)
	small.Width = stillGrid - 1
	if !s.look(small).IsZero() {
		t.Error("a picture without enough points is judged")
	}
}
