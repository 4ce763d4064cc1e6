package avcodec_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// loop decodes a clip over and over into a ring, as a camera does.
type loop struct {
	decoder *avcodec.Decoder
	ring    *frame.Ring
	units   []media.AccessUnit
	next    int
	id      frame.ID
	publish func(*frame.Frame) error
}

func newLoop(t testing.TB, clip string, cfg decoder.Config) *loop {
	t.Helper()
	c, err := testvideo.Load(clip)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Format = media.Format{Codec: c.Codec, NoReorder: true}
	l := &loop{ring: frame.NewRing(4), id: frame.ID{Epoch: 1}}
	if l.decoder, err = avcodec.New(cfg); err != nil {
		t.Fatal(err)
	}
	for _, u := range c.Units {
		l.units = append(l.units, media.AccessUnit{
			Format: &cfg.Format, Data: slices.Clone(u.Data), RandomAccess: u.Key, Times: media.Times{PTS: u.PTS},
		})
	}
	l.publish = func(f *frame.Frame) error {
		l.id.Sequence++
		f.ID = l.id
		l.ring.Publish(f)
		return nil
	}
	t.Cleanup(func() {
		l.ring.Close(nil)
		if err := l.decoder.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *loop) step(t testing.TB) {
	au := &l.units[l.next]
	l.next = (l.next + 1) % len(l.units)
	if err := l.decoder.Decode(t.Context(), au, l.publish); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkDecodeToRing(b *testing.B) {
	for _, clip := range []string{"h264_720p", "h265_720p", "h264_1080p", "mjpeg_480p"} {
		b.Run(clip, func(b *testing.B) {
			l := newLoop(b, clip, decoder.Config{Account: new(frame.Account)})
			for range l.units {
				l.step(b)
			}
			b.ReportAllocs()
			for b.Loop() {
				l.step(b)
			}
		})
	}
	b.Run("h264_720p_to_360p", func(b *testing.B) {
		l := newLoop(b, "h264_720p", decoder.Config{Output: decoder.Output{MaxWidth: 640}})
		for range l.units {
			l.step(b)
		}
		b.ReportAllocs()
		for b.Loop() {
			l.step(b)
		}
	})
}

// BenchmarkShared is BenchmarkDecodeToRing with frames that other processes map, beside
// the same without. Both alternate, and processor time counts: a busy machine slows
// both down.
func BenchmarkShared(b *testing.B) {
	for _, clip := range []string{"h264_720p", "h265_720p", "h264_1080p", "mjpeg_480p"} {
		b.Run(clip, func(b *testing.B) {
			plain, shared := newLoop(b, clip, decoder.Config{Frames: 4}), newLoop(b, clip, sharedConfig(b))
			shared.decoder.Share(4)
			loops := []*loop{plain, shared}
			var took [2]time.Duration
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range plain.units { // until every slot was used
				plain.step(b)
				shared.step(b)
			}
			for b.Loop() {
				for range plain.units {
					for i, l := range loops {
						start := worked(b)
						l.step(b)
						took[i] += worked(b) - start
					}
				}
			}
			n := float64(b.N * len(plain.units))
			b.ReportMetric(float64(took[0].Nanoseconds())/n, "ns/frame")
			b.ReportMetric(float64(took[1].Nanoseconds())/n, "ns/shared-frame")
			b.ReportMetric(float64(took[1])/float64(took[0]), "ratio")
			if c := shared.decoder.Shared(); c.Unshared > 3 {
				b.Errorf("%+v", c)
			}
		})
	}
}

// worked is the processor time of this thread.
func worked(t testing.TB) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// sharedConfig is for decoders that share.
func sharedConfig(t testing.TB) decoder.Config {
	t.Helper()
	folder, err := shm.Open(filepath.Join("/dev/shm", fmt.Sprintf("frameport-test-%d-%s", os.Getpid(), rand.Text())), 1<<30)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	return decoder.Config{Frames: 4, Regions: folder}
}

// TestNoAllocation: in the steady state nothing is allocated per frame.
func TestNoAllocation(t *testing.T) {
	for name, output := range map[string]decoder.Output{
		"zero copy": {}, "scaled": {MaxWidth: 320}, "zero copy, shared": {}, "scaled, shared": {MaxWidth: 320},
	} {
		cfg := decoder.Config{}
		if strings.Contains(name, "shared") {
			cfg = sharedConfig(t)
		}
		cfg.Account, cfg.Output = new(frame.Account), output
		l := newLoop(t, "h264_change_a", cfg)
		if cfg.Regions != nil {
			l.decoder.Share(4)
		}
		for range 2 * len(l.units) {
			l.step(t)
		}
		if n := testing.AllocsPerRun(4*len(l.units), func() { l.step(t) }); n != 0 {
			t.Errorf("%s: %v allocations a frame, want 0", name, n)
		}
	}
}
