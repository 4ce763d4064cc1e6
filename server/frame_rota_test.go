package server

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
)

// rotaBench is a rota of one camera with a clock of its own.
type rotaBench struct {
	t     *testing.T
	rota  *rota
	door  *fakeCamera
	start time.Time
}

func newRotaBench(t *testing.T, fps float64) rotaBench {
	cameras := newFakeCameras(t, "door")
	b := rotaBench{t, newRota(fps), cameras.camera("door"), time.Now()}
	b.rota.set(map[string]Feed{"door": b.door})
	t.Cleanup(b.rota.close)
	return b
}

func (b rotaBench) at(ms int) time.Time { return b.start.Add(time.Duration(ms) * time.Millisecond) }

func (b rotaBench) publish() {
	b.door.publish(frame.Drops{})
	b.rota.look = true // what the ring's nudge does
}

// next expects a frame, or none when sequence is 0.
func (b rotaBench) next(ms int, sequence uint64, want *frameportv1.Skipped) {
	b.t.Helper()
	rd, f, skipped := b.rota.next(b.at(ms))
	if f == nil {
		if sequence != 0 {
			b.t.Errorf("at %d ms: nothing, want frame %d", ms, sequence)
		}
		return
	}
	defer f.Release()
	if f.Sequence != sequence || rd.id != "door" {
		b.t.Errorf("at %d ms: frame %d, want %d", ms, f.Sequence, sequence)
	}
	if want != nil && !proto.Equal(skipped, want) {
		b.t.Errorf("at %d ms: skipped %v, want %v", ms, skipped, want)
	}
}

func TestRotaTellsPolicyFromSlowness(t *testing.T) {
	b := newRotaBench(t, 10) // one per 100 ms
	b.publish()
	b.next(0, 1, &frameportv1.Skipped{})
	b.publish() // 2
	b.next(30, 0, nil)
	b.publish() // 3
	b.next(60, 0, nil)
	b.publish() // 4
	b.next(100, 4, &frameportv1.Skipped{Policy: 2})

	// The client has no credit at 200 ms, when 6 was the newest; it has one at 290.
	b.publish() // 5
	b.publish() // 6
	b.rota.wake(b.at(200))
	b.publish() // 7
	b.publish() // 8
	b.next(290, 8, &frameportv1.Skipped{Policy: 1, SlowConsumer: 2})

	// Nothing was there when one was due: what comes then is taken at once.
	b.next(400, 0, nil)
	b.publish() // 9
	b.next(450, 9, &frameportv1.Skipped{})
}

func TestRotaKeepsTheRate(t *testing.T) {
	b := newRotaBench(t, 10)
	got := 0
	for ms := 0; ms < 10_000; ms++ {
		if ms%33 == 0 {
			b.publish() // 30 frames per second
		}
		if _, f, _ := b.rota.next(b.at(ms)); f != nil {
			f.Release()
			got++
		}
	}
	if got < 99 || got > 101 {
		t.Errorf("%d frames in 10 s at 10 per second", got)
	}
}

func TestRotaWithoutLimitTakesEveryFrame(t *testing.T) {
	b := newRotaBench(t, 0)
	for n := uint64(1); n <= 50; n++ {
		b.publish()
		b.next(int(n), n, &frameportv1.Skipped{})
		b.next(int(n), 0, nil)
	}
	if _, ok := b.rota.due(); ok {
		t.Error("something is due without a limit")
	}
}

func TestRotaForgetsCamerasThatLeave(t *testing.T) {
	for _, fps := range []float64{0, 10} {
		b := newRotaBench(t, fps)
		b.publish()
		b.next(0, 1, nil)
		b.publish()
		b.rota.wake(b.at(100))
		b.rota.pass() // it waits for its turn now
		b.rota.set(nil)
		b.next(200, 0, nil)
		if _, ok := b.rota.due(); ok || len(b.rota.readers) != 0 || len(b.rota.order) != 0 {
			t.Error("the camera is still there")
		}
	}
}

func BenchmarkRota1000Cameras(b *testing.B) {
	cameras := &fakeCameras{cameras: map[string]*fakeCamera{}, account: &frame.Account{}}
	feeds := map[string]Feed{}
	var all []*fakeCamera
	for i := range 1000 {
		c := cameras.add("c"+time.Duration(i).String(), specOf())
		feeds[c.ID()] = c
		all = append(all, c)
	}
	r := newRota(0)
	r.set(feeds)
	defer r.close()
	now := time.Now()
	n := 0
	for b.Loop() { // one publication, one frame taken
		all[n%len(all)].publish(frame.Drops{})
		n++
		r.look = true
		_, f, _ := r.next(now)
		f.Release()
	}
}
