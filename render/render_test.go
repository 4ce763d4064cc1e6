package render_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	stdjpeg "image/jpeg"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/hostconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/turbo"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/render"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is a converter that waits to be let through.
type gate struct {
	convert.Converter
	open  chan struct{} // nil: always open
	calls atomic.Int64
	now   atomic.Int64
	most  atomic.Int64
}

func (g *gate) Convert(ctx context.Context, src *frame.Frame, req convert.Request) (*frame.Frame, error) {
	g.calls.Add(1)
	n := g.now.Add(1)
	defer g.now.Add(-1)
	for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
	}
	if g.open != nil {
		select {
		case <-g.open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return g.Converter.Convert(ctx, src, req)
}

type studio struct {
	t       *testing.T
	account *frame.Account
	pool    *frame.Pool
	gate    *gate
	*render.Renderer
}

func newStudio(t *testing.T, cfg render.Config) *studio {
	a := new(frame.Account)
	s := &studio{t: t, account: a, pool: frame.NewPool(2, a), gate: &gate{Converter: hostconv.New(hostconv.Config{Account: a})}}
	var enc jpeg.Encoder
	enc, err := turbo.New(turbo.Config{Handles: 2})
	if err != nil {
		t.Fatal(err)
	}
	s.Renderer = render.New(s.gate, enc, cfg)
	t.Cleanup(func() {
		for _, c := range []func() error{s.Close, enc.Close, s.gate.Close, s.pool.Close} {
			if err := c(); err != nil {
				t.Error(err)
			}
		}
		if a.Frames() != 0 || a.Bytes() != 0 {
			t.Errorf("at the end: %d frames, %d bytes", a.Frames(), a.Bytes())
		}
	})
	return s
}

func (s *studio) frame(sequence uint64) *frame.Frame {
	f := s.pool.Get(media.PixelI420, 65, 37)
	f.ID = frame.ID{Epoch: 1, Sequence: sequence}
	f.Color = media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
	for i, v := range []byte{235, 128, 128} {
		for j := range f.Planes[i].Data {
			f.Planes[i].Data[j] = v
		}
	}
	return f
}

func TestFormats(t *testing.T) {
	s := newStudio(t, render.Config{})
	f := s.frame(1)
	defer f.Release()
	for out, want := range map[render.Output][]render.PlaneLayout{
		{Format: render.FormatRGB24}:            {{0, 195, 37}},
		{Format: render.FormatBGR24, Width: 33}: {{0, 99, 19}},
		{Format: render.FormatGray8}:            {{0, 65, 37}},
		{Format: render.FormatNV12}:             {{0, 65, 37}, {65 * 37, 66, 19}},
		{}:                                      nil,
	} {
		p, err := s.Render(t.Context(), f, out)
		if err != nil {
			t.Fatal(err)
		}
		g, err := out.Geometry(f.Width, f.Height)
		if err != nil || p.Width != g.Width || p.Height != g.Height || p.Format != out.Format {
			t.Errorf("%v: %v %dx%d, announced %dx%d", out.Format, p.Format, p.Width, p.Height, g.Width, g.Height)
		}
		if len(p.Planes) != len(want) {
			t.Fatalf("%v: planes %v, want %v", out.Format, p.Planes, want)
		}
		end := 0
		for i := range want {
			if p.Planes[i] != want[i] {
				t.Errorf("%v: planes %v, want %v", out.Format, p.Planes, want)
			}
			end = want[i].Offset + want[i].Stride*want[i].Height
		}
		if want == nil {
			img, err := stdjpeg.Decode(bytes.NewReader(p.Data))
			if err != nil || img.Bounds() != image.Rect(0, 0, 65, 37) || p.Color != media.JFIF() {
				t.Errorf("JPEG: %v, %v", img, err)
			}
			if r, _, _, _ := img.At(30, 20).RGBA(); r>>8 < 252 {
				t.Errorf("white became %d", r>>8)
			}
		} else if len(p.Data) != end {
			t.Errorf("%v: %d bytes, the planes end at %d", out.Format, len(p.Data), end)
		}
	}
}

func TestOneRenderForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, render.Config{})
		s.gate.open = make(chan struct{})
		f := s.frame(1)
		defer f.Release()
		const callers = 50
		pictures := make(chan *render.Picture, callers)
		for range callers {
			go func() {
				p, err := s.Render(t.Context(), f, render.Output{Quality: 70})
				if err != nil {
					t.Error(err)
				}
				pictures <- p
			}()
		}
		synctest.Wait()
		close(s.gate.open)
		first := <-pictures
		for range callers - 1 {
			if p := <-pictures; p != first {
				t.Error("callers got different pictures")
			}
		}
		synctest.Wait()
		if n := s.gate.calls.Load(); n != 1 {
			t.Errorf("%d conversions", n)
		}
		if st := s.Stats(); st.Renders != 1 || st.Shared != callers-1 || st.InFlight != 0 || st.CacheEntries != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestKeptWithTheFrame(t *testing.T) {
	s := newStudio(t, render.Config{})
	get := func(f *frame.Frame, out render.Output) *render.Picture {
		p, err := s.Render(t.Context(), f, out)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	one, two := s.frame(1), s.frame(2)
	defer two.Release()
	a := get(one, render.Output{})
	if get(one, render.Output{Quality: 85}) != a {
		t.Error("the default quality is another picture")
	}
	if get(one, render.Output{Quality: 50}) == a {
		t.Error("another quality is the same picture")
	}
	b := get(two, render.Output{})
	if st := s.Stats(); st.Hits != 1 || st.CacheEntries != 3 || b == a {
		t.Errorf("stats %+v", st)
	}
	one.Retain()
	one.Release()
	if get(one, render.Output{}) != a {
		t.Error("a frame that is still held lost its picture")
	}
	one.Release()
	if st := s.Stats(); st.CacheEntries != 1 || st.CacheBytes != int64(len(b.Data)) {
		t.Errorf("the frame is gone, its pictures are not: %+v", st)
	}
	three := s.frame(3)
	if three != one {
		t.Fatal("the pool didn't use the handle again, so this tests nothing")
	}
	before := s.gate.calls.Load()
	get(three, render.Output{})
	if s.gate.calls.Load() == before {
		t.Error("a used handle got its old picture")
	}
	three.Release()
}

// TestFrameGoneMeanwhile: a picture that is finished when nobody but its maker held
// the frame any more is delivered, and not kept.
func TestFrameGoneMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, render.Config{})
		s.gate.open = make(chan struct{})
		f := s.frame(1)
		result := make(chan error, 1)
		go func() { _, err := s.Render(t.Context(), f, render.Output{}); result <- err }()
		synctest.Wait()
		f.Release()
		close(s.gate.open)
		if err := <-result; err != nil {
			t.Error(err)
		}
		if st := s.Stats(); st.CacheEntries != 0 || st.CacheBytes != 0 || st.Renders != 1 || st.InFlight != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// broken is a converter with a bug.
type broken struct{ convert.Converter }

func (broken) Convert(context.Context, *frame.Frame, convert.Request) (*frame.Frame, error) {
	panic("a bug")
}

// TestPanic: a bug in making one picture is an error for those who wait, not the end
// of the process.
func TestPanic(t *testing.T) {
	r := render.New(broken{}, nil, render.Config{Parallel: 1})
	f := frame.NewPool(0, nil).Get(media.PixelI420, 2, 2)
	defer f.Release()
	for range 2 { // the second one needs the slot of the first
		_, err := r.Render(t.Context(), f, render.Output{})
		if !errors.Is(err, render.ErrPanic) || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("%v, want ErrPanic", err)
		}
	}
	if st := r.Stats(); st.Failures != 2 || st.InFlight != 0 || st.CacheEntries != 0 {
		t.Errorf("stats %+v", st)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestRenderedHook: the hook may take its time, and ask.
func TestRenderedHook(t *testing.T) {
	var s *studio
	calls := 0
	s = newStudio(t, render.Config{Rendered: func(took time.Duration) {
		if calls++; took <= 0 || s.Stats().InFlight != 1 {
			t.Errorf("took %v, stats %+v", took, s.Stats())
		}
	}})
	f := s.frame(1)
	defer f.Release()
	for range 2 {
		if _, err := s.Render(t.Context(), f, render.Output{}); err != nil {
			t.Fatal(err)
		}
	}
	if calls != 1 {
		t.Errorf("told %d times of one picture", calls)
	}
}

func TestCacheBytes(t *testing.T) {
	s := newStudio(t, render.Config{CacheBytes: 20_000})
	f := s.frame(1)
	defer f.Release()
	for w := 1; w <= 60; w++ {
		if _, err := s.Render(t.Context(), f, render.Output{Format: render.FormatRGB24, Width: w}); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st.CacheBytes > 20_000 || (st.CacheBytes == 0) != (st.CacheEntries == 0) {
			t.Fatalf("stats %+v", st)
		}
	}
	if st := s.Stats(); st.CacheEntries == 0 {
		t.Error("nothing is kept")
	}
}

func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, render.Config{})
		s.gate.open = make(chan struct{})
		f := s.frame(1)
		defer f.Release()
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { _, err := s.Render(ctx, f, render.Output{}); first <- err }()
		synctest.Wait()
		go func() { _, err := s.Render(t.Context(), f, render.Output{}); second <- err }()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled caller: %v", err)
		}
		close(s.gate.open)
		if err := <-second; err != nil {
			t.Errorf("the other caller: %v", err)
		}
		// When all leave, the work ends and nothing is held.
		s.gate.open = make(chan struct{})
		ctx, cancel = context.WithCancel(t.Context())
		go func() { _, err := s.Render(ctx, f, render.Output{Quality: 1}); first <- err }()
		synctest.Wait()
		cancel()
		<-first
		synctest.Wait()
		if n := s.gate.now.Load(); n != 0 {
			t.Errorf("%d conversions nobody waits for", n)
		}
		if st := s.Stats(); st.InFlight != 0 || s.account.Frames() != 1 {
			t.Errorf("stats %+v, %d frames", st, s.account.Frames())
		}
	})
}

func TestParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, render.Config{Parallel: 2})
		s.gate.open = make(chan struct{})
		f := s.frame(1)
		defer f.Release()
		var work sync.WaitGroup
		for q := 1; q <= 10; q++ {
			work.Go(func() {
				if _, err := s.Render(t.Context(), f, render.Output{Quality: q}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(s.gate.open)
		work.Wait()
		if n := s.gate.most.Load(); n != 2 {
			t.Errorf("%d at a time, want 2", n)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t, render.Config{})
		s.gate.open = make(chan struct{})
		f := s.frame(1)
		defer f.Release()
		result := make(chan error, 1)
		go func() { _, err := s.Render(t.Context(), f, render.Output{}); result <- err }()
		synctest.Wait()
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-result; !errors.Is(err, render.ErrClosed) {
			t.Errorf("interrupted: %v, want ErrClosed", err)
		}
		if s.account.Frames() != 1 {
			t.Errorf("%d frames are held after Close", s.account.Frames())
		}
		if _, err := s.Render(t.Context(), f, render.Output{}); !errors.Is(err, render.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestErrors(t *testing.T) {
	s := newStudio(t, render.Config{})
	f := s.frame(1)
	defer f.Release()
	for text, out := range map[string]render.Output{
		"output.quality": {Quality: 101},
		"output.width":   {Width: -1},
		"output.height":  {Height: 9000},
		"output.format":  {Format: 99},
		"output.fit":     {Fit: 9, Width: 5, Height: 5},
		"no pixels":      {Crop: image.Rectangle{Min: image.Pt(4, 4), Max: image.Pt(4, 9)}},
		"65x37":          {Crop: image.Rect(0, 0, 66, 37)},
	} {
		_, err := s.Render(t.Context(), f, out)
		if !errors.Is(err, convert.ErrRequest) || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v, want ErrRequest with %q", out, err, text)
		}
	}
	if st := s.Stats(); st.CacheEntries != 0 {
		t.Error("an error was kept")
	}
}

func BenchmarkRender(b *testing.B) {
	conv := hostconv.New(hostconv.Config{})
	defer conv.Close()
	enc, err := turbo.New(turbo.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer enc.Close()
	r := render.New(conv, enc, render.Config{})
	defer r.Close()
	pool := frame.NewPool(1, nil)
	get := func() *frame.Frame {
		f := pool.Get(media.PixelI420, 1280, 720)
		f.Color = media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
		return f
	}
	b.Run("720p JPEG new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f := get()
			if _, err := r.Render(b.Context(), f, render.Output{}); err != nil {
				b.Fatal(err)
			}
			f.Release()
		}
	})
	f := get()
	defer f.Release()
	b.Run("720p JPEG kept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Render(b.Context(), f, render.Output{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
