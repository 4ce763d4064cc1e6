package isolated_test

import (
	"context"
	"fmt"
	"slices"
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

// BenchmarkDecode is what decoding in a child costs in processor time of all that are
// involved, beside decoding here. One iteration is a pair: some cameras at the pace of
// cameras are decoded here for a second, and in a child for a second, in turns of who is
// first. What else the machine does hits both; the figures are the medians over the pairs
// and the quartiles of the ratio. 40 pairs take a minute and a half for each clip:
//
//	go test -run '^$' -bench Decode -benchtime 40x ./decoder/isolated
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		clip    string
		cameras int
	}{{"h264_720p", 4}, {"h265_720p", 4}, {"mjpeg_480p", 8}, {"h264_crop", 8}} {
		b.Run(fmt.Sprintf("%s/%d", c.clip, c.cameras), func(b *testing.B) {
			host := isolated.NewHost(isolated.Config{Patience: time.Minute})
			here, there := newFleet(b, nil, c.clip, c.cameras), newFleet(b, host, c.clip, c.cameras)
			for _, f := range []*fleet{here, there} {
				f.run(b, 2*len(f.clip.Units), 0) // slots are made and in use
			}
			b.ResetTimer()
			var ratios, extra, base, worker []float64
			for i := range b.N {
				var cost [2]spending
				for turn := range 2 {
					which := (i + turn) % 2
					cost[which] = []*fleet{here, there}[which].cost(b)
				}
				one, other := cost[0].own, cost[1].own+cost[1].children
				ratios, base = append(ratios, other/one), append(base, one)
				extra, worker = append(extra, other-one), append(worker, cost[1].own)
			}
			b.StopTimer()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(quantile(base, 0.5), "µs/frame-here")
			b.ReportMetric(quantile(extra, 0.5), "µs/frame-more")
			b.ReportMetric(quantile(worker, 0.5), "µs/frame-worker")
			b.ReportMetric(quantile(ratios, 0.25), "ratio-p25")
			b.ReportMetric(quantile(ratios, 0.5), "ratio-p50")
			b.ReportMetric(quantile(ratios, 0.75), "ratio-p75")
			here.close(b)
			there.close(b)
			if err := host.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

func quantile(values []float64, q float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[int(q*float64(len(values)-1)+0.5)]
}

// fleet is some cameras that are decoded in one way.
type fleet struct {
	host  *isolated.Host // nil: here
	clip  *testvideo.Clip
	steps []func() error
	ends  []func() error
}

func newFleet(b *testing.B, host *isolated.Host, name string, cameras int) *fleet {
	b.Helper()
	clip, err := testvideo.Load(name)
	if err != nil {
		b.Fatal(err)
	}
	f := &fleet{host: host, clip: clip}
	for i := range cameras {
		cfg := decoder.Config{Format: media.Format{Codec: clip.Codec, Width: clip.Width, Height: clip.Height, NoReorder: len(clip.Display) == 0}}
		cfg.Select, cfg.Camera = func(time.Duration) bool { return true }, fmt.Sprint(i)
		var d decoder.Decoder
		if host != nil {
			d, err = host.NewDecoder(cfg)
		} else {
			d, err = avcodec.New(cfg)
		}
		if err != nil {
			b.Fatal(err)
		}
		ring, id, next := frame.NewRing(4), frame.ID{Epoch: 1}, 0
		f.steps = append(f.steps, func() error {
			u := &clip.Units[next%len(clip.Units)]
			next++
			au := &media.AccessUnit{Format: &cfg.Format, Data: u.Data, RandomAccess: u.Key}
			return d.Decode(context.Background(), au, func(fr *frame.Frame) error {
				id.Sequence++
				fr.ID = id
				ring.Publish(fr)
				return nil
			})
		})
		f.ends = append(f.ends, func() error { ring.Close(nil); return d.Close() })
	}
	return f
}

func (f *fleet) close(b *testing.B) {
	b.Helper()
	for _, end := range f.ends {
		if err := end(); err != nil {
			b.Error(err)
		}
	}
}

// run decodes so many units of each camera, with a pause from one to the next.
func (f *fleet) run(b *testing.B, units int, pause time.Duration) {
	b.Helper()
	var all sync.WaitGroup
	for i, step := range f.steps {
		all.Go(func() {
			if pause > 0 { // cameras don't send at the same moment
				<-time.After(pause * time.Duration(i) / time.Duration(len(f.steps)))
			}
			tick := time.NewTicker(max(pause, 1))
			defer tick.Stop()
			for range units {
				if pause > 0 {
					<-tick.C
				}
				if err := step(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// spending is in µs of processor time per frame.
type spending struct{ own, children float64 }

func (f *fleet) cost(b *testing.B) (s spending) {
	b.Helper()
	const units, pause = 25, 40 * time.Millisecond
	own, children := f.spent(b)
	f.run(b, units, pause)
	ownAfter, childrenAfter := f.spent(b)
	frames := float64(units * len(f.steps))
	return spending{float64((ownAfter - own).Microseconds()) / frames, float64((childrenAfter - children).Microseconds()) / frames}
}

// spent is the processor time of this process and of the children until now.
func (f *fleet) spent(b *testing.B) (own, children time.Duration) {
	b.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	own = time.Duration(t.Nano())
	if f.host == nil {
		return own, 0
	}
	for _, p := range f.host.Status().Processes {
		const scheduled = 2 // CPUCLOCK_SCHED, as clock_getcpuclockid(3) makes it
		if err := unix.ClockGettime(int32(^p.PID<<3|scheduled), &t); err != nil {
			b.Fatal(err)
		}
		children += time.Duration(t.Nano())
	}
	return own, children
}
