package camera

import (
	"bytes"
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// Whatever happens in whatever order, the state moves along the graph only, its
// revision rises with each move, and STOPPED is final.
func TestHealthKeepsToTheGraph(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 2))
		seen := map[[2]State]bool{}
		for range 300 {
			var n notifier
			h := newHealth(slog.New(slog.DiscardHandler), n.changed)
			last := h.view()
			for range 60 {
				epoch := uint64(rnd.IntN(3))
				switch rnd.IntN(20) {
				case 0:
					h.stopped("test")
				case 1, 2:
					h.connecting("test")
				case 3, 4, 5:
					h.begin(epoch)
				case 6, 7, 8, 9:
					h.flowing(epoch)
				case 10, 11:
					h.degraded(epoch, fault.New(fault.Decode, "", errors.New("x")))
				case 12, 13:
					h.failed(fault.New(fault.Stalled, "", errors.New("x")), time.Now())
				case 14, 15:
					h.failed(errors.New("unclassified"), time.Now())
				case 16:
					h.attempting()
				default:
					time.Sleep(7 * time.Second)
				}
				v := h.view()
				if v.state != last.state {
					seen[[2]State{last.state, v.state}] = true
					if !last.state.mayBecome(v.state) {
						t.Fatalf("%v became %v", last.state, v.state)
					}
					if v.revision <= last.revision || !v.since.Equal(time.Now()) {
						t.Fatalf("revision %d after %d, since %v", v.revision, last.revision, v.since)
					}
				}
				bad := v.state == StateFailed || v.state == StateStalled || v.state == StateDegraded
				if bad && v.fault.Class == fault.None || v.state == StateRunning && v.fault.Class != fault.None {
					t.Fatalf("%v with fault %v", v.state, v.fault.Class)
				}
				last = v
			}
		}
		if len(seen) < 18 {
			t.Errorf("only %d transitions were seen: %v", len(seen), seen)
		}
	})
}

func TestPacer(t *testing.T) {
	for name, tt := range map[string]struct {
		source, limit float64
		jitter        time.Duration
		want          float64 // per second
	}{
		"25 to 10":        {25, 10, 0, 10},
		"30 to 29":        {30, 29, 0, 29},
		"30 to 30 jitter": {30, 30, 5 * time.Millisecond, 30},
		"29.97 to 30":     {29.97, 30, 0, 29.97},
		"25 to 24 jitter": {25, 24, 3 * time.Millisecond, 24},
		"10 to 25":        {10, 25, 0, 10},
		"25 to 0.1":       {25, 0.1, 0, 0.1},
		"60 to 1":         {60, 1, time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, 4))
			var p pacer
			interval := time.Duration(float64(time.Second) / tt.limit)
			const seconds = 1000
			taken := 0
			for n := range int(tt.source * seconds) {
				pts := time.Duration(float64(n) / tt.source * float64(time.Second))
				if tt.jitter > 0 {
					pts += time.Duration(rnd.Int64N(int64(tt.jitter)))
				}
				if p.take(pts, interval) {
					taken++
				}
			}
			if got := float64(taken) / seconds; got < tt.want*0.99 || got > tt.want*1.002+1.0/seconds {
				t.Errorf("%v per second, want %v", got, tt.want)
			}
		})
	}
}

func TestPacerSurvivesJumps(t *testing.T) {
	var p pacer
	for _, step := range []struct {
		pts  time.Duration
		want bool
	}{{0, true}, {time.Second / 2, false}, {time.Hour, true}, {time.Hour + time.Second/2, false}, {0, true}, {time.Second, true}} {
		if got := p.take(step.pts, time.Second); got != step.want {
			t.Errorf("at %v: %v", step.pts, got)
		}
	}
}

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		if e, b := m.rates(time.Now()); e != 0 || b != 0 {
			t.Error("rate of nothing")
		}
		for range 1000 {
			m.add(time.Now(), 100)
			time.Sleep(20 * time.Millisecond)
		}
		if e, b := m.rates(time.Now()); e < 49 || e > 51 || b < 4900 || b > 5100 {
			t.Errorf("%v events, %v bytes per second", e, b)
		}
		time.Sleep(4 * time.Second)
		if e, _ := m.rates(time.Now()); e < 20 || e > 30 {
			t.Errorf("%v events after half the window", e)
		}
		time.Sleep(4 * time.Second)
		if e, _ := m.rates(time.Now()); e != 0 {
			t.Errorf("%v events after the window", e)
		}
	})
}

// Random pushes and pops: the queue stays within its bounds, hands out whole GOPs
// in order with a gap marked where units are missing, and accounts for every unit.
func TestQueueKeepsWholeGOPs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		q := newQueue(&buffers{}, nil)
		gop, size := 1+rnd.IntN(30), 1+rnd.IntN(1<<rnd.IntN(21))
		next, expected := 0, -1 // number of the next unit, and of the one that may follow without a gap
		pushed, popped, dropped := 0, 0, 0
		var u unit
		pop := func() {
			if !q.pop(t.Context(), &u) {
				t.Fatal("stopped")
			}
			n := int(u.PTS)
			if n != expected && !(u.RandomAccess && u.gap) {
				t.Fatalf("unit %d follows %d: random access %v, gap %v", n, expected-1, u.RandomAccess, u.gap)
			}
			if !bytes.Equal(u.Data, bytes.Repeat([]byte{byte(n)}, len(u.Data))) {
				t.Fatal("the copy differs")
			}
			expected = n + 1
			popped++
			q.buffers.put(u.buf)
		}
		for range 1000 {
			if rnd.IntN(100) < 60 {
				au := unit{AccessUnit: media.AccessUnit{
					Data: bytes.Repeat([]byte{byte(next)}, 1+rnd.IntN(size)), Times: media.Times{PTS: time.Duration(next)},
					RandomAccess: next%gop == 0,
				}}
				o := q.push(&au)
				dropped += o.full + o.waiting
				pushed++
				next++
			} else if q.n > 0 {
				pop()
			}
			if q.n > queueUnits || q.bytes > queueBytes || q.held() < q.bytes {
				t.Fatalf("%d units, %d bytes in %d", q.n, q.bytes, q.held())
			}
		}
		for q.n > 0 {
			pop()
		}
		if popped+dropped != pushed || q.bytes != 0 || q.held() != 0 {
			t.Errorf("%d pushed, %d popped, %d dropped; %d bytes left", pushed, popped, dropped, q.held())
		}
		q.stop()
		q.stop()
		if q.pop(t.Context(), &u) {
			t.Error("pop after stop")
		}
	}
}

func TestQueueTakesTheLargestUnit(t *testing.T) {
	q := newQueue(&buffers{}, nil)
	defer q.stop()
	u := unit{AccessUnit: media.AccessUnit{Data: make([]byte, 16<<20), RandomAccess: true}}
	if o := q.push(&u); o != (offer{}) {
		t.Errorf("%+v", o)
	}
	u = unit{AccessUnit: media.AccessUnit{Data: make([]byte, 16<<20), RandomAccess: true}}
	if o := q.push(&u); o.full != 1 || q.n != 1 {
		t.Errorf("%+v, %d units", o, q.n)
	}
}

// Streams of key frames keep only the newest few.
func TestQueueOfIntraUnits(t *testing.T) {
	q := newQueue(&buffers{}, nil)
	defer q.stop()
	full := 0
	for n := range 20 {
		u := unit{AccessUnit: media.AccessUnit{Data: []byte{1}, RandomAccess: true, Times: media.Times{PTS: time.Duration(n)}}, intra: true}
		full += q.push(&u).full
	}
	var u unit
	if full != 20-intraUnits || !q.pop(t.Context(), &u) || u.PTS != 20-intraUnits {
		t.Errorf("%d dropped, the oldest is %d", full, u.PTS)
	}
}

func TestSubAccount(t *testing.T) {
	var all frame.Account
	a, b := all.Sub(), all.Sub()
	a.Book(1, 10)
	b.Book(2, 20)
	if a.Bytes() != 10 || b.Frames() != 2 || all.Bytes() != 30 || all.Frames() != 3 {
		t.Errorf("%d %d %d %d", a.Bytes(), b.Frames(), all.Bytes(), all.Frames())
	}
}
