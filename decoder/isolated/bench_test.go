package isolated_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/decoder/isolated"
)

// BenchmarkCrashes is TestCrashesLeaveNothing at length: -benchtime 100x.
func BenchmarkCrashes(b *testing.B) {
	host := isolated.NewHost(isolated.Config{Patience: time.Minute})
	m := newCamera(b, host, "a", "h264_crop").steps(3)
	b.Cleanup(func() { _ = m.d.Close(); _ = host.Close() })
	crashes(b, host, m, b.N)
}

// BenchmarkRestart kills a child with as many cameras as it has by default, at work, beside
// another child with as many. It is how long each camera of the one waits for its next frame,
// and how many frames those of the other lose. All units are key frames, one in 100 ms of
// each camera, so 50 ms of the wait are for the next unit.
func BenchmarkRestart(b *testing.B) {
	const every = 100 * time.Millisecond
	host := newHost(b, nil)
	var all []*camera
	for i := range 2 * isolated.DefaultCameras {
		all = append(all, newCamera(b, host, fmt.Sprint(i), "mjpeg_480p").steps(1))
	}
	killed, others := all[:isolated.DefaultCameras], all[isolated.DefaultCameras:]
	for i := range killed {
		if pidOf(b, host, killed[i].id) != pidOf(b, host, "0") || pidOf(b, host, others[i].id) != pidOf(b, host, others[0].id) {
			b.Fatalf("%+v", host.Status())
		}
	}

	var last atomic.Pointer[time.Time] // when a child was killed
	back := make(chan time.Duration, len(killed))
	stop := make(chan struct{})
	var playing sync.WaitGroup
	play := func(m *camera, back chan<- time.Duration) {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for seen := (*time.Time)(nil); ; {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			at, frames := last.Load(), len(m.numbers)
			if m.step(); at != seen && len(m.numbers) > frames {
				seen = at
				back <- time.Since(*at)
			}
		}
	}
	for i, m := range all {
		to := back
		if i >= len(killed) {
			to = make(chan time.Duration, b.N) // nobody waits for those
		}
		playing.Go(func() {
			<-time.After(every * time.Duration(i) / time.Duration(len(all))) // not all at once
			play(m, to)
		})
	}

	var took []time.Duration
	for range b.N {
		<-time.After(1500 * time.Millisecond) // a child that lives less long has no spare one
		pid, at := pidOf(b, host, "0"), time.Now()
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			b.Fatal(err)
		}
		last.Store(&at)
		for range killed {
			took = append(took, <-back)
		}
	}
	close(stop)
	playing.Wait()

	lost, lostByOthers := 0, 0
	for _, m := range killed {
		lost += m.next - len(m.numbers)
	}
	for _, m := range others {
		lostByOthers += m.next - len(m.numbers)
		if m.next != len(m.numbers) || len(m.errs) != 0 {
			b.Errorf("%s, which is in another child: %d frames of %d units, %v", m.id, len(m.numbers), m.next, m.errs)
		}
		for i, n := range m.numbers {
			if n != i%len(m.clip.Units) {
				b.Fatalf("%s: frame %d shows %d", m.id, i, n)
			}
		}
	}
	if n := host.Status().Restarts; n != uint64(b.N) {
		b.Errorf("%d restarts, want %d", n, b.N)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-worst")
	b.ReportMetric(float64(lost)/float64(b.N*len(killed)), "frames-lost/camera")
	b.ReportMetric(float64(lostByOthers), "frames-lost-by-others")
	b.ReportMetric(0, "ns/op")
}
