package avcodec_test

import (
	"slices"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/frame"
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

// TestNoAllocation: in the steady state nothing is allocated per frame.
func TestNoAllocation(t *testing.T) {
	for name, output := range map[string]decoder.Output{"zero copy": {}, "scaled": {MaxWidth: 320}} {
		l := newLoop(t, "h264_change_a", decoder.Config{Account: new(frame.Account), Output: output})
		for range 2 * len(l.units) {
			l.step(t)
		}
		if n := testing.AllocsPerRun(4*len(l.units), func() { l.step(t) }); n != 0 {
			t.Errorf("%s: %v allocations a frame, want 0", name, n)
		}
	}
}
