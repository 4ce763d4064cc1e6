package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/render"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCameras keeps cameras in memory as camera.Manager does, without any video:
// tests publish frames into the rings.
type fakeCameras struct {
	mu       sync.Mutex
	cameras  map[string]*fakeCamera
	watchers []chan<- struct{}
	revision uint64
	account  *frame.Account
	adding   func(id string) // called by Add; nil = nothing is
}

type fakeCamera struct {
	sharing  atomic.Int64 // frames that are wanted shared
	shareErr atomic.Pointer[error]
	unshared atomic.Pointer[func()] // called when a reader wants nothing any more, before that is so
	room     atomic.Int64           // frames that can be shared; 0 = as many as are wanted
	owner    *fakeCameras
	snapshot camera.Snapshot
	ring     *frame.Ring
	pool     *frame.Pool
	next     frame.Info // totals and position of the next frame
}

func newFakeCameras(t *testing.T, ids ...string) *fakeCameras {
	f := &fakeCameras{cameras: map[string]*fakeCamera{}, account: &frame.Account{}}
	for _, id := range ids {
		f.add(id, config.Camera{URL: "rtsp://192.0.2.1/" + id})
	}
	t.Cleanup(func() {
		for _, id := range slices.Collect(maps.Keys(f.cameras)) {
			_ = f.Remove(context.Background(), id)
		}
		if n := f.account.Frames(); n != 0 {
			t.Errorf("%d frames are still held", n)
		}
	})
	return f
}

func (f *fakeCameras) add(id string, spec config.Camera) *fakeCamera {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addLocked(id, spec)
}

func (f *fakeCameras) addLocked(id string, spec config.Camera) *fakeCamera {
	spec.EnsureDefaults()
	c := &fakeCamera{owner: f, ring: frame.NewRing(4), pool: frame.NewPool(8, f.account)}
	c.next.ID = frame.ID{Epoch: 1, Sequence: 1}
	c.snapshot = camera.Snapshot{ID: id, Spec: spec, AddedTime: time.Now(), State: camera.StateConnecting}
	f.cameras[id] = c
	f.changedLocked(c)
	return c
}

func (f *fakeCameras) changedLocked(c *fakeCamera) {
	f.revision++
	if c != nil {
		c.snapshot.Revision = f.revision
	}
	for _, w := range f.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// change alters a camera's snapshot and tells watchers.
func (f *fakeCameras) change(id string, alter func(*camera.Snapshot)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter(&f.cameras[id].snapshot)
	f.changedLocked(f.cameras[id])
}

func (f *fakeCameras) camera(id string) *fakeCamera {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cameras[id]
}

func (f *fakeCameras) Add(_ context.Context, id string, spec config.Camera) (camera.Snapshot, error) {
	if f.adding != nil {
		f.adding(id)
	}
	spec.EnsureDefaults()
	if err := spec.Validate(); err != nil {
		return camera.Snapshot{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.cameras[id]; c != nil {
		if c.snapshot.Spec.Equal(spec) {
			return c.snapshot, nil
		}
		return camera.Snapshot{}, camera.ErrExists
	}
	return f.addLocked(id, spec).snapshot, nil
}

func (f *fakeCameras) Update(_ context.Context, id string, change func(config.Camera) (config.Camera, error)) (camera.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.cameras[id]
	if c == nil {
		return camera.Snapshot{}, camera.ErrNotFound
	}
	spec, err := change(c.snapshot.Spec)
	if err != nil {
		return camera.Snapshot{}, err
	}
	spec.EnsureDefaults()
	if err := spec.Validate(); err != nil {
		return camera.Snapshot{}, err
	}
	c.snapshot.Spec = spec
	f.changedLocked(c)
	return c.snapshot, nil
}

func (f *fakeCameras) Remove(_ context.Context, id string) error {
	f.mu.Lock()
	c := f.cameras[id]
	delete(f.cameras, id)
	f.changedLocked(nil)
	f.mu.Unlock()
	if c == nil {
		return camera.ErrNotFound
	}
	c.ring.Close(camera.ErrRemoved)
	return c.pool.Close()
}

func (f *fakeCameras) Get(id string) (camera.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.cameras[id]; c != nil {
		return c.snapshot, nil
	}
	return camera.Snapshot{}, camera.ErrNotFound
}

func (f *fakeCameras) List() []camera.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []camera.Snapshot
	for _, id := range slices.Sorted(maps.Keys(f.cameras)) {
		out = append(out, f.cameras[id].snapshot)
	}
	return out
}

func (f *fakeCameras) Feed(id string) (Feed, error) {
	if c := f.camera(id); c != nil {
		return c, nil
	}
	return nil, camera.ErrNotFound
}

func (f *fakeCameras) Watch(ch chan<- struct{}) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(f.watchers, ch)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.watchers = slices.DeleteFunc(f.watchers, func(w chan<- struct{}) bool { return w == ch })
	}
}

func (c *fakeCamera) ID() string        { return c.snapshot.ID }
func (c *fakeCamera) Ring() *frame.Ring { return c.ring }

func (c *fakeCamera) Snapshot() camera.Snapshot {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	return c.snapshot
}

func (c *fakeCamera) Share(frames int) (end func()) {
	c.sharing.Add(int64(frames))
	return sync.OnceFunc(func() {
		if f := c.unshared.Load(); f != nil {
			(*f)()
		}
		c.sharing.Add(-int64(frames))
	})
}

func (c *fakeCamera) ShareErr() error {
	if room, n := c.room.Load(), c.sharing.Load(); room > 0 && n > room {
		return fmt.Errorf("%w: %d of %d frames", decoder.ErrExhausted, room, n)
	}
	if err := c.shareErr.Load(); err != nil {
		return *err
	}
	return nil
}

// publish publishes one frame after dropping what the argument says.
func (c *fakeCamera) publish(dropped frame.Drops) frame.ID {
	return c.send(c.pool.Get(media.PixelI420, 64, 48), dropped)
}

// send publishes f, after dropping what the argument says.
func (c *fakeCamera) send(f *frame.Frame, dropped frame.Drops) frame.ID {
	i := &c.next
	i.Published++
	i.Dropped.Policy += dropped.Policy
	i.Dropped.Network += dropped.Network
	i.Dropped.Decode += dropped.Decode
	f.ID, f.Published, f.Dropped = i.ID, i.Published, i.Dropped
	f.PTS = time.Duration(i.Sequence) * 40 * time.Millisecond
	f.Capture, f.Received, f.Decoded = time.Now(), time.Now(), time.Now()
	f.KeyFrame = i.Sequence == 1
	f.Color = media.Color{}.Resolve(f.Height)
	i.Sequence++
	id := f.ID
	c.ring.Publish(f)
	f.Release()
	return id
}

// fakeRenderer makes pictures of a given size, once per frame and output.
type fakeRenderer struct {
	size    int
	encodes atomic.Int64
	hold    chan struct{} // when set, rendering waits for it

	mu    sync.Mutex
	cache map[renderKey]*render.Picture
}

type renderKey struct {
	pts time.Duration
	id  frame.ID
	out render.Output
}

func newFakeRenderer(size int) *fakeRenderer {
	return &fakeRenderer{size: size, cache: map[renderKey]*render.Picture{}}
}

func (r *fakeRenderer) Render(ctx context.Context, f *frame.Frame, out render.Output) (*render.Picture, error) {
	if r.hold != nil {
		select {
		case <-r.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := renderKey{f.PTS, f.ID, out}
	if p := r.cache[key]; p != nil {
		return p, nil
	}
	r.encodes.Add(1)
	w, h := f.Width, f.Height
	if out.Width > 0 {
		w = out.Width
	}
	if out.Height > 0 {
		h = out.Height
	}
	p := &render.Picture{Data: bytes.Repeat([]byte{byte(f.Sequence)}, r.size), Width: w, Height: h, Format: out.Format}
	r.cache[key] = p
	return p, nil
}

// harness is a server on a real socket and a client of it.
type harness struct {
	t       *testing.T
	cameras *fakeCameras
	server  *Server
	address string
	logs    *lockedBuffer
	slow    atomic.Int64
	stop    func() error // ends Run and returns its error; may be called twice

	*grpc.ClientConn
	camera frameportv1.CameraServiceClient
	frame  frameportv1.FrameServiceClient
	worker frameportv1.WorkerServiceClient
}

func newHarness(t *testing.T, cameras *fakeCameras, r Renderer, alter ...func(*Config)) *harness {
	t.Helper()
	lis, err := Listen(t.Context(), "127.0.0.1:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, cameras: cameras, address: lis.Addr().String(), logs: &lockedBuffer{}}
	cfg := Config{
		Listeners: []net.Listener{lis}, Cameras: cameras, Renderer: r,
		Worker: func() *frameportv1.Worker { return &frameportv1.Worker{Version: "test"} },
		Logger: slog.New(slog.NewTextHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Hooks:  Hooks{SlowConsumer: func(string) { h.slow.Add(1) }},
	}
	for _, a := range alter {
		a(&cfg)
	}
	if h.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.Run(ctx) }()
	h.stop = sync.OnceValue(func() error { cancel(); return <-done })
	h.ClientConn = h.dial()
	h.camera = frameportv1.NewCameraServiceClient(h)
	h.frame = frameportv1.NewFrameServiceClient(h)
	h.worker = frameportv1.NewWorkerServiceClient(h)
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return h
}

// dial opens another connection; it is closed at the end of the test.
func (h *harness) dial(options ...grpc.DialOption) *grpc.ClientConn {
	h.t.Helper()
	conn, err := grpc.NewClient(h.address, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
