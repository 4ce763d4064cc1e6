package httpapi

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/render"
	"github.com/frameport/frameport/server"
)

// fakeCameras is what HTTP needs of the cameras; the rest of the interface is nil.
type fakeCameras struct {
	server.Cameras
	cameras []*fakeCamera
	stuck   chan struct{} // when set, List waits for it
}

type fakeCamera struct {
	snapshot camera.Snapshot
	ring     *frame.Ring
	pool     *frame.Pool
	next     uint64
}

func (f *fakeCameras) add(s camera.Snapshot) *fakeCamera {
	c := &fakeCamera{snapshot: s, ring: frame.NewRing(2), pool: frame.NewPool(4, nil)}
	f.cameras = append(f.cameras, c)
	return c
}

func (f *fakeCameras) List() (out []camera.Snapshot) {
	if f.stuck != nil {
		<-f.stuck
	}
	for _, c := range f.cameras {
		out = append(out, c.snapshot)
	}
	return out
}

func (f *fakeCameras) Feed(id string) (server.Feed, error) {
	for _, c := range f.cameras {
		if c.snapshot.ID == id {
			return c, nil
		}
	}
	return nil, camera.ErrNotFound
}

func (c *fakeCamera) ID() string                { return c.snapshot.ID }
func (c *fakeCamera) Ring() *frame.Ring         { return c.ring }
func (c *fakeCamera) Snapshot() camera.Snapshot { return c.snapshot }
func (c *fakeCamera) Share(int) (end func())    { return func() {} }
func (c *fakeCamera) ShareErr() error           { return nil }

func (c *fakeCamera) publish() {
	f := c.pool.Get(media.PixelI420, 64, 48)
	c.next++
	f.ID = frame.ID{Epoch: 1, Sequence: c.next}
	f.Capture = time.Date(2026, 11, 21, 5, 0, 0, int(c.next)*1e6, time.UTC)
	f.Received = f.Capture.Add(20 * time.Millisecond)
	c.ring.Publish(f)
	f.Release()
}

// fakeRenderer makes "JPEGs" that say what was asked for.
type fakeRenderer struct {
	size int // of padding
	err  error
	last atomic.Pointer[render.Output]
}

func (r *fakeRenderer) Render(_ context.Context, f *frame.Frame, out render.Output) (*render.Picture, error) {
	if r.err != nil {
		return nil, r.err
	}
	r.last.Store(&out)
	data := append([]byte("jpeg "+strconv.FormatUint(f.Sequence, 10)+" "), bytes.Repeat([]byte{'x'}, r.size)...)
	return &render.Picture{Data: data, Width: f.Width, Height: f.Height}, nil
}

type harness struct {
	t        *testing.T
	listener net.Listener
	server   *Server
	url      string
	cameras  *fakeCameras
	door     *fakeCamera
	renderer *fakeRenderer
	slow     atomic.Int64
	client   *http.Client
	stop     func() error
}

func newHarness(t *testing.T, alter ...func(*Config)) *harness {
	t.Helper()
	lis, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, listener: lis, url: "http://" + lis.Addr().String(), cameras: &fakeCameras{}, renderer: &fakeRenderer{}}
	h.door = h.cameras.add(camera.Snapshot{ID: "door", State: camera.StateRunning})
	h.cameras.add(camera.Snapshot{
		ID: "off", State: camera.StateFailed,
		Fault: camera.FaultStatus{Class: fault.Auth, Message: "the camera refuses the login", NextAttempt: time.Now().Add(4500 * time.Millisecond)},
	})
	h.cameras.add(camera.Snapshot{ID: "none", Spec: config.Camera{Decode: config.DecodePolicy{Mode: config.DecodeNone}}})
	h.door.publish()
	cfg := Config{Listener: lis, Cameras: h.cameras, Renderer: h.renderer, Hooks: Hooks{SlowConsumer: func(string) { h.slow.Add(1) }}}
	for _, a := range alter {
		a(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.server = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.stop = sync.OnceValue(func() error { cancel(); return <-done })
	h.client = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		if err := h.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return h
}

func (h *harness) do(method, path string, header ...string) (*http.Response, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := h.client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, string(body)
}
