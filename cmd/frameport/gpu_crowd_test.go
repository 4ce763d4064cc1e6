package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// pulse is a camera that sends so many pictures of a clip whenever it is told to.
type pulse struct {
	clip *testvideo.Clip
	send chan int
}

func (p *pulse) Run(ctx context.Context, sink func(*media.AccessUnit) error) error {
	format := &media.Format{Codec: p.clip.Codec, Width: p.clip.Width, Height: p.clip.Height, NoReorder: true}
	for n := 0; ; {
		select {
		case more := <-p.send:
			for range more {
				u := p.clip.Units[n%len(p.clip.Units)]
				au := &media.AccessUnit{Format: format, Data: u.Data, RandomAccess: u.Key}
				au.PTS, au.Received = time.Duration(n)*time.Second, time.Now()
				if err := sink(au); err != nil {
					return err
				}
				n++
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *pulse) Stats() rtsp.Stats { return rtsp.Stats{} }

// Hundreds of cameras want the driver at the same moment, and it is slow: they wait without
// a thread each, every one gets its turns, and none loses a picture.
func TestGPUThreads(t *testing.T) {
	const cameras, threads, pictures, slow = 600, 200, 2, 50 * time.Millisecond
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	clip, err := testvideo.Load("color_red")
	if err != nil {
		t.Fatal(err)
	}
	account := &frame.Account{}
	b, err := backend.New(t.Context(), backend.Config{
		Kind: config.BackendCUDA, LibraryPath: gputest.LibraryPath(t), MemoryReserve: -1, Account: account,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	sources := map[string]*pulse{}
	for i := range cameras {
		sources[fmt.Sprint(i)] = &pulse{clip, make(chan int, 1)}
	}
	m := camera.NewManager(camera.ManagerConfig{
		NewSource: func(spec config.Camera, _ *slog.Logger) (camera.Source, error) {
			return sources[spec.Labels["id"]], nil
		},
		NewDecoder: b.NewDecoder, DeviceMemory: b.DeviceMemory, Account: account,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	for id := range sources {
		spec := config.Camera{URL: "rtsp://127.0.0.1/" + id, Labels: map[string]string{"id": id}, Frame: config.FramePolicy{RingSize: 1}}
		if _, err := m.Add(ctx, id, spec); err != nil {
			t.Fatal(err)
		}
	}
	// published waits until every camera has n frames, and returns the most threads seen.
	published := func(n uint64) (most int) {
		var s camera.Snapshot
		defer func() {
			if t.Failed() {
				t.Logf("%+v", s)
			}
		}()
		for id := range sources {
			until(t, "a picture of camera "+id, func() bool {
				most = max(most, threadsHere(t))
				s, err = m.Get(id)
				return err == nil && s.Counters.FramesPublished >= n
			})
		}
		return most
	}
	pulseAll := func(n int) {
		for _, s := range sources {
			s.send <- n
		}
	}
	pulseAll(1)
	published(1) // all decoders are made
	sim.Block(fmt.Sprintf("cuvidMapVideoFrame64:0:%d", slow.Milliseconds()))
	pulseAll(pictures)
	most := published(1 + pictures)
	sim.Block("")
	t.Logf("%d threads at most", most)
	if most >= threads {
		t.Errorf("%d threads, fewer than %d are allowed", most, threads)
	}
	for _, s := range m.List() {
		if c := s.Counters; c.Dropped.Decode+c.DroppedQueue != 0 || s.State != camera.StateRunning {
			t.Errorf("%s is %v and dropped %+v, %d of them in the queue", s.ID, s.State, c.Dropped, c.DroppedQueue)
		}
	}
}

// threadsHere is how many threads this process has.
func threadsHere(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "Threads: %d", &n); err == nil {
			return n
		}
	}
	t.Fatal("no number of threads")
	return 0
}
