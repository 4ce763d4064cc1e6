package camera

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	gopUnits  = 10
	unitEvery = 40 * time.Millisecond
)

// fakeSource runs a script: each attempt takes the next step, the last one again
// and again.
type fakeSource struct {
	steps    []step
	attempts atomic.Int64
	running  atomic.Int64
	most     atomic.Int64 // attempts at the same time
	dropped  atomic.Uint64
	unfit    atomic.Uint64
	pts      time.Duration
	format   *media.Format
}

// step is one attempt.
type step struct {
	fail      error         // at once, or after units
	after     time.Duration // before the first unit or the failure
	units     int           // then; -1 = for ever
	change    func(n int, au *media.AccessUnit)
	every     time.Duration // between units; 0 = unitEvery
	keepalive bool          // hang until ctx ends
	leave     time.Duration // how long the end takes, as a TEARDOWN does
}

func (s *fakeSource) Stats() rtsp.Stats {
	st := rtsp.Stats{Packets: 7, Bytes: 700}
	if s.running.Load() > 0 {
		st.Transport = "TCP"
	}
	st.Depay.DroppedUnits, st.Depay.NoMemory = s.dropped.Load(), s.unfit.Load()
	return st
}

func (s *fakeSource) Run(ctx context.Context, sink func(*media.AccessUnit) error) error {
	if n := s.running.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	defer s.running.Add(-1)
	i := int(s.attempts.Add(1)) - 1
	st := s.steps[min(i, len(s.steps)-1)]
	defer func() { <-time.After(st.leave) }()
	wait := func(d time.Duration) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if st.after > 0 {
		if err := wait(st.after); err != nil {
			return err
		}
	}
	if s.format == nil {
		s.format = &media.Format{Codec: media.CodecH264, Width: 64, Height: 48, Parameters: []byte{1}}
	}
	every := st.every
	if every == 0 {
		every = unitEvery
	}
	s.pts = 0
	for n := 0; st.units < 0 || n < st.units; n++ {
		au := media.AccessUnit{
			Format: s.format, Data: make([]byte, 1000), RandomAccess: n%gopUnits == 0, NonReference: n%2 == 1,
			Times: media.Times{PTS: s.pts, Received: time.Now()},
		}
		s.pts += every
		if st.change != nil {
			st.change(n, &au)
		}
		if err := sink(&au); err != nil {
			return err
		}
		if err := wait(every); err != nil {
			return err
		}
	}
	if st.keepalive {
		<-ctx.Done()
		return ctx.Err()
	}
	return st.fail
}

// fakeDecoder gives each unit as a frame at once. Data[0] says what happens:
type fakeDecoder struct {
	world  *world
	cfg    decoder.Config
	pool   *frame.Pool
	skip   atomic.Bool
	first  bool
	held   *frame.Frame
	closed bool
}

// What a unit's first byte makes the fake decoder do.
const (
	doDecode byte = iota
	doCorruptPicture
	doCorruptUnit
	doBreak
	doPanic
	doUnsupported
	doSwallow
	doHold // keep it until the next unit or Drain
	doInterrupt
)

func (d *fakeDecoder) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if d.closed {
		return decoder.ErrClosed
	}
	d.world.decoded.Add(1)
	if d.first && !au.RandomAccess {
		d.world.wrong.Add(1) // decoding must begin at a random-access unit
	}
	d.first = false
	if cost := time.Duration(d.world.cost.Load()); cost > 0 {
		select {
		case <-time.After(cost):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := d.release(emit); err != nil {
		return err
	}
	corrupt := false
	switch au.Data[0] {
	case doCorruptPicture:
		corrupt = true
	case doCorruptUnit:
		return decoder.ErrCorrupt
	case doInterrupt:
		return fmt.Errorf("%w: its process has ended", decoder.ErrInterrupted)
	case doBreak:
		return errors.New("codec library is out of order")
	case doPanic:
		panic("a bug in the decoder")
	case doUnsupported:
		return decoder.ErrUnsupported
	case doSwallow:
		return nil
	}
	if d.cfg.Select != nil && !d.cfg.Select(au.PTS) {
		return nil
	}
	w, h := au.Format.Width, au.Format.Height
	f := d.pool.Get(media.PixelI420, w, h)
	f.Times, f.KeyFrame, f.Corrupt = au.Times, au.RandomAccess, corrupt
	f.Decoded = time.Now()
	if au.Data[0] == doHold {
		d.held = f
		return nil
	}
	defer f.Release()
	return emit(f)
}

func (d *fakeDecoder) release(emit func(*frame.Frame) error) error {
	f := d.held
	if f == nil {
		return nil
	}
	d.held = nil
	defer f.Release()
	return emit(f)
}

func (d *fakeDecoder) Drain(_ context.Context, emit func(*frame.Frame) error) error {
	d.first = true
	d.world.drains.Add(1)
	return d.release(emit)
}

func (d *fakeDecoder) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	if d.held != nil {
		d.held.Release()
	}
	d.world.decoders.Add(-1)
	return d.pool.Close()
}

func (d *fakeDecoder) SkipNonReference(on bool) { d.skip.Store(on); d.world.skipping.Store(on) }

// world is a manager with fake sources and decoders.
type world struct {
	t       testing.TB
	m       *Manager
	account *frame.Account
	logs    *logs
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	sources map[string][]*fakeSource // by URL
	scripts map[string][]step

	decoders, made, decoded, drains, wrong, cost atomic.Int64
	skipping                                     atomic.Bool
	createErr                                    atomic.Pointer[error]
}

// newWorld starts a manager; the test stops it with stop.
func newWorld(t testing.TB, change func(*ManagerConfig)) *world {
	t.Helper()
	w := &world{
		t: t, account: &frame.Account{}, logs: &logs{}, done: make(chan struct{}),
		sources: map[string][]*fakeSource{}, scripts: map[string][]step{},
	}
	cfg := ManagerConfig{
		NewSource: w.newSource, NewDecoder: w.newDecoder, Account: w.account,
		Logger: slog.New(slog.NewTextHandler(w.logs, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	w.m = NewManager(cfg)
	return w
}

func (w *world) run() *world {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() {
		defer close(w.done)
		if err := w.m.Run(ctx); !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run: %v", err)
		}
	}()
	return w
}

// stop ends the manager and checks that nothing is left.
func (w *world) stop() {
	w.t.Helper()
	w.cancel()
	<-w.done
	if n := w.decoders.Load(); n != 0 {
		w.t.Errorf("%d decoders left", n)
	}
	if n := w.account.Frames(); n != 0 {
		w.t.Errorf("%d frames left", n)
	}
	if n := w.account.Bytes(); n != 0 {
		w.t.Errorf("%d bytes left", n)
	}
	if n := w.wrong.Load(); n != 0 {
		w.t.Errorf("decoding began %d times without a random-access unit", n)
	}
}

func (w *world) script(host string, steps ...step) string {
	url := "rtsp://" + host + "/x"
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scripts[url] = steps
	return url
}

func (w *world) newSource(c config.Camera, _ *slog.Logger) (Source, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	steps := w.scripts[c.URL]
	if steps == nil {
		steps = []step{{units: -1}}
	}
	s := &fakeSource{steps: steps}
	w.sources[c.URL] = append(w.sources[c.URL], s)
	return s, nil
}

func (w *world) newDecoder(r DecoderRequest) (decoder.Decoder, error) {
	if err := w.createErr.Load(); err != nil {
		return nil, *err
	}
	w.made.Add(1)
	w.decoders.Add(1)
	r.Chosen(BackendInfo{Name: "CPU"})
	return &fakeDecoder{world: w, cfg: r.Config, pool: frame.NewPool(2, r.Account), first: true}, nil
}

func (w *world) source(url string) *fakeSource {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.sources[url]
	if len(list) == 0 {
		w.t.Fatalf("no source for %s", url)
	}
	return list[len(list)-1]
}

// connections returns how many attempts run at url, of all cameras there ever were.
func (w *world) connections(url string) (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sources[url] {
		n += s.running.Load()
	}
	return n
}

func (w *world) add(id, url string, change func(*config.Camera)) {
	w.t.Helper()
	spec := config.Camera{URL: url}
	if change != nil {
		change(&spec)
	}
	if _, err := w.m.Add(context.Background(), id, spec); err != nil {
		w.t.Fatalf("add %s: %v", id, err)
	}
}

func (w *world) update(id string, change func(*config.Camera)) {
	w.t.Helper()
	_, err := w.m.Update(context.Background(), id, func(c config.Camera) (config.Camera, error) {
		change(&c)
		return c, nil
	})
	if err != nil {
		w.t.Fatalf("update %s: %v", id, err)
	}
}

func (w *world) get(id string) Snapshot {
	w.t.Helper()
	s, err := w.m.Get(id)
	if err != nil {
		w.t.Fatalf("get %s: %v", id, err)
	}
	return s
}

// after lets d pass and everything settle.
func after(d time.Duration) {
	<-time.After(d) // inside a synctest bubble: no real time passes
	synctest.Wait()
}

func (w *world) expect(id string, state State, class fault.Class) Snapshot {
	w.t.Helper()
	s := w.get(id)
	if s.State != state || s.Fault.Class != class {
		w.t.Errorf("%s is %v (%v) with fault %v %q, want %v with fault %v", id, s.State, s.Cause, s.Fault.Class, s.Fault.Message, state, class)
	}
	return s
}

// logs collects lines.
type logs struct {
	mu   sync.Mutex
	text []byte
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func failure(c fault.Class, text string) error { return fault.New(c, "test", errors.New(text)) }
