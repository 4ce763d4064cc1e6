package camera

import (
	"context"
	"log/slog"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// idleSource plays nothing by itself.
type idleSource struct{}

func (idleSource) Stats() rtsp.Stats { return rtsp.Stats{} }

func (idleSource) Run(ctx context.Context, _ func(*media.AccessUnit) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// plainDecoder gives each unit as a frame, without allocating.
type plainDecoder struct {
	pool *frame.Pool
	cfg  decoder.Config
}

func (d *plainDecoder) Decode(_ context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if !d.cfg.Select(au.PTS) {
		return nil
	}
	f := d.pool.Get(media.PixelI420, 64, 48)
	defer f.Release()
	f.Times, f.KeyFrame = au.Times, au.RandomAccess
	return emit(f)
}

func (d *plainDecoder) Drain(context.Context, func(*frame.Frame) error) error { return nil }
func (d *plainDecoder) Close() error                                          { return d.pool.Close() }

func idleCamera(tb testing.TB, mode config.DecodeMode) *camera {
	spec := config.Camera{URL: "rtsp://h/x", Decode: config.DecodePolicy{Mode: mode}}
	spec.EnsureDefaults()
	var n notifier
	c := newCamera("bench", spec, nil, time.Now(), slog.New(slog.DiscardHandler), &frame.Account{}, tools{
		newSource: func(config.Camera, *slog.Logger) (Source, error) { return idleSource{}, nil },
		newDecoder: func(r DecoderRequest) (decoder.Decoder, error) {
			return &plainDecoder{frame.NewPool(8, r.Account), r.Config}, nil
		},
		buffers: &buffers{}, changed: n.changed, decoded: func(time.Duration) {}, waited: func(time.Duration) {},
		deviceMemory: func(string) DeviceMemory { return DeviceMemory{} },
	})
	tb.Cleanup(func() { c.finish(ErrRemoved) })
	c.intake.attempt()
	return c
}

// feed drives a camera's whole path, from the sink to the ring, one unit at a time.
func (c *camera) feedOne(ctx context.Context, au *media.AccessUnit, n int) error {
	au.PTS, au.RandomAccess = time.Duration(n)*unitEvery, n%50 == 0
	au.Received = c.added.Add(au.PTS) // else it is a flood
	return c.intake.take(ctx, au)
}

// path returns what takes one unit from the sink to the ring.
func path(tb testing.TB, mode config.DecodeMode) (next func()) {
	c := idleCamera(tb, mode)
	au := &media.AccessUnit{Format: &media.Format{Codec: media.CodecH264}, Data: make([]byte, 20_000)}
	ctx := context.Background()
	publish := make(chan struct{}, 1)
	tb.Cleanup(c.ring.Watch(publish))
	n := 0
	next = func() {
		if err := c.feedOne(ctx, au, n); err != nil {
			tb.Fatal(err)
		}
		n++
		if mode == config.DecodeAll {
			<-publish
		}
	}
	for range 100 {
		next()
	}
	return next
}

func benchmarkPath(b *testing.B, mode config.DecodeMode) {
	next := path(b, mode)
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
}

// BenchmarkSinkToRing must say 0 allocs/op.
func BenchmarkSinkToRing(b *testing.B) { benchmarkPath(b, config.DecodeAll) }

// BenchmarkSinkOnly is a unit of a camera that is not decoded.
func BenchmarkSinkOnly(b *testing.B) { benchmarkPath(b, config.DecodeNone) }

func TestNoAllocationPerFrame(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for mode, name := range map[config.DecodeMode]string{config.DecodeAll: "ALL", config.DecodeNone: "NONE"} {
		next := path(t, mode)
		if n := testing.AllocsPerRun(2000, next); n >= 0.5 {
			t.Errorf("mode %s: %v allocations per unit", name, n)
		}
	}
}

// A camera that is not decoded costs one goroutine and a few kilobytes of its own.
func TestIdleCamerasAreCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory")
	}
	const cameras = 200
	w := newWorld(t, func(c *ManagerConfig) {
		c.NewSource = func(config.Camera, *slog.Logger) (Source, error) { return idleSource{}, nil }
	}).run()
	defer w.stop()
	measure := func() (int, uint64) {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return runtime.NumGoroutine(), s.HeapAlloc + s.StackInuse
	}
	goroutines, bytes := measure()
	for n := range cameras {
		w.add("c"+strconv.Itoa(n), "rtsp://h/x", func(c *config.Camera) { c.Decode.Mode = config.DecodeNone })
	}
	for _, s := range w.m.List() {
		for w.get(s.ID).Counters.ConnectAttempts == 0 {
			runtime.Gosched()
		}
	}
	g, m := measure()
	if per := (g - goroutines) / cameras; per != 1 {
		t.Errorf("%d goroutines per camera", per)
	}
	per := (int64(m) - int64(bytes)) / cameras
	t.Logf("%d bytes per camera", per)
	if per > 24<<10 {
		t.Errorf("%d bytes per camera", per)
	}
}
