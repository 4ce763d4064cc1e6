package isolated_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/decoder/isolated"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// BenchmarkDecode is what a frame costs in this process and in a child, in processor time
// of all that are involved, without their start. "paced" is 8 cameras at 25 fps, with the
// wake-ups that this means; give it -benchtime=250x for 10 seconds.
func BenchmarkDecode(b *testing.B) {
	for _, speed := range []struct {
		name    string
		cameras int
		pause   time.Duration
	}{{"full", 1, 0}, {"paced", 8, 40 * time.Millisecond}} {
		for _, where := range []string{"here", "process"} {
			b.Run(speed.name+"/"+where, func(b *testing.B) { benchmark(b, where == "process", speed.cameras, speed.pause) })
		}
	}
}

func benchmark(b *testing.B, isolate bool, cameras int, pause time.Duration) {
	clip, err := testvideo.Load("h264_720p")
	if err != nil {
		b.Fatal(err)
	}
	host := isolated.NewHost(isolated.Config{Patience: time.Minute})
	var steps []func()
	for range cameras {
		cfg := decoder.Config{Format: media.Format{Codec: clip.Codec, Width: clip.Width, Height: clip.Height, NoReorder: true}}
		cfg.Select = func(time.Duration) bool { return true }
		var d decoder.Decoder
		if isolate {
			d, err = host.NewDecoder(cfg)
		} else {
			d, err = avcodec.New(cfg)
		}
		if err != nil {
			b.Fatal(err)
		}
		ring, id, next := frame.NewRing(4), frame.ID{Epoch: 1}, 0
		steps = append(steps, func() {
			u := &clip.Units[next%len(clip.Units)]
			next++
			au := &media.AccessUnit{Format: &cfg.Format, Data: u.Data, RandomAccess: u.Key}
			err := d.Decode(context.Background(), au, func(f *frame.Frame) error {
				id.Sequence++
				f.ID = id
				ring.Publish(f)
				return nil
			})
			if err != nil {
				b.Error(err)
			}
		})
		defer func() {
			ring.Close(nil)
			if err := d.Close(); err != nil {
				b.Error(err)
			}
		}()
	}
	run := func(frames int) {
		var all sync.WaitGroup
		for _, step := range steps {
			all.Go(func() {
				tick := time.NewTicker(max(pause, 1))
				defer tick.Stop()
				for range frames {
					if pause > 0 {
						<-tick.C
					}
					step()
				}
			})
		}
		all.Wait()
	}
	run(2 * len(clip.Units)) // slots are made and in use
	own, child := spentHere(b), spentBy(b, host)
	b.ResetTimer()
	run(b.N)
	b.StopTimer()
	own, child = spentHere(b)-own, spentBy(b, host)-child
	frames := float64(b.N * cameras)
	b.ReportMetric(float64(own.Microseconds())/frames, "µs/frame-worker")
	b.ReportMetric(float64(child.Microseconds())/frames, "µs/frame-child")
	b.ReportMetric(float64((own+child).Microseconds())/frames, "µs/frame")
	b.Cleanup(func() { _ = host.Close() }) // after the decoders
}

// spentHere is the processor time of this process until now.
func spentHere(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spentBy is that of the children.
func spentBy(b *testing.B, h *isolated.Host) (all time.Duration) {
	b.Helper()
	const tick = 10 * time.Millisecond // USER_HZ
	for _, p := range h.Status().Processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
		if err != nil {
			b.Fatal(err)
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, field := range fields[11:13] { // utime, stime
			var n int64
			if _, err := fmt.Sscan(field, &n); err != nil {
				b.Fatal(err)
			}
			all += time.Duration(n) * tick
		}
	}
	return all
}

// BenchmarkRestart is how long it takes from the death of a child until the camera's next
// frame, when every unit is a key frame.
func BenchmarkRestart(b *testing.B) {
	host := isolated.NewHost(isolated.Config{Patience: time.Minute})
	m := newCamera(b, host, "a", "mjpeg_480p")
	b.Cleanup(func() { _ = m.d.Close(); _ = host.Close() })
	var took []time.Duration
	for range b.N {
		m.steps(3)
		frames, killed := len(m.numbers), time.Now()
		if err := unix.Kill(pidOf(b, host, "a"), unix.SIGKILL); err != nil {
			b.Fatal(err)
		}
		for len(m.numbers) < frames+2 { // the first may come from the old one
			m.step()
		}
		took = append(took, time.Since(killed))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-worst")
}
