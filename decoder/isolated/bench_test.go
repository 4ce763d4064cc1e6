package isolated_test

import (
	"context"
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
// of all that are involved. "paced" is 8 cameras at 25 fps, with the wake-ups that this
// means; give it -benchtime=250x for 10 seconds.
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
	format := media.Format{Codec: clip.Codec, Width: clip.Width, Height: clip.Height, NoReorder: true}
	own, children := spent(b, unix.RUSAGE_SELF), spent(b, unix.RUSAGE_CHILDREN)
	host := isolated.NewHost(isolated.Config{Patience: time.Minute})
	var all sync.WaitGroup
	for range cameras {
		cfg := decoder.Config{Format: format, Select: func(time.Duration) bool { return true }}
		var d decoder.Decoder
		if isolate {
			d, err = host.NewDecoder(cfg)
		} else {
			d, err = avcodec.New(cfg)
		}
		if err != nil {
			b.Fatal(err)
		}
		all.Go(func() {
			ring := frame.NewRing(4)
			tick := time.NewTicker(max(pause, 1))
			defer tick.Stop()
			id := frame.ID{Epoch: 1}
			for i := range b.N {
				if pause > 0 {
					<-tick.C
				}
				u := &clip.Units[i%len(clip.Units)]
				au := &media.AccessUnit{Format: &format, Data: u.Data, RandomAccess: u.Key}
				err := d.Decode(context.Background(), au, func(f *frame.Frame) error {
					id.Sequence++
					f.ID = id
					ring.Publish(f)
					return nil
				})
				if err != nil {
					b.Error(err)
					break
				}
			}
			ring.Close(nil)
			if err := d.Close(); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	if err := host.Close(); err != nil {
		b.Error(err)
	}
	frames := float64(b.N * cameras)
	inside := spent(b, unix.RUSAGE_SELF) - own
	outside := spent(b, unix.RUSAGE_CHILDREN) - children
	b.ReportMetric(float64(inside.Microseconds())/frames, "µs/frame-worker")
	b.ReportMetric(float64(outside.Microseconds())/frames, "µs/frame-child")
	b.ReportMetric(float64((inside+outside).Microseconds())/frames, "µs/frame")
}

// spent is the processor time until now.
func spent(b *testing.B, who int) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
